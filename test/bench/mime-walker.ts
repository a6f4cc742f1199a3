// Prints how fast the MIME walker passes over bodies of several kinds: node test/bench/mime-walker.ts
import { MimeWalker } from '../../protocol/mime/mime-walker.ts';
import { generateMessage, largeMessageChunks } from '../fixtures/mail-generator.ts';

const chunkBytes = 64 * 1024;
const totalBytes = 50 * 1024 * 1024;

function repeat(bytes: Buffer): Buffer[] {
  const block = Buffer.alloc(Math.max(chunkBytes, bytes.length), bytes);
  return Array.from({ length: 64 }, (_, index) => {
    const start = (index * chunkBytes) % block.length;
    return block.subarray(start, start + chunkBytes);
  });
}

const head = Buffer.from('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n', 'latin1');
const bodies: Record<string, Buffer[]> = {
  'base64 attachment': [...largeMessageChunks(64 * chunkBytes)],
  'line feeds only': repeat(Buffer.from('\n')),
  'lines of one hyphen': repeat(Buffer.from('-\r\n')),
  'lines of two hyphens': repeat(Buffer.from('--\r\n')),
  'no line feed': repeat(Buffer.from('x')),
  'random messages': repeat(
    Buffer.concat(Array.from({ length: 200 }, (_, seed) => generateMessage(seed).bytes)),
  ),
};

for (const [name, chunks] of Object.entries(bodies)) {
  const walker = new MimeWalker();
  walker.push(head);
  const startMs = performance.now();
  let doneBytes = 0;
  while (doneBytes < totalBytes) {
    for (const chunk of chunks) {
      walker.push(chunk);
      doneBytes += chunk.length;
    }
  }
  walker.finish();
  const seconds = (performance.now() - startMs) / 1000;
  console.log(`${name.padEnd(22)} ${(doneBytes / 1e6 / seconds).toFixed(0).padStart(6)} MB/s`);
}
