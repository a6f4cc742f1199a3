import { MimeWalker } from '../../../protocol/mime/mime-walker.ts';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';

/** The structure of a message; text is taken as bytes (latin1). `chunkBytes` divides it. */
export function walk(message: Uint8Array | string, chunkBytes = 64 * 1024): MimePart {
  const bytes = typeof message === 'string' ? Buffer.from(message, 'latin1') : message;
  const walker = new MimeWalker();
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    walker.push(bytes.subarray(start, start + chunkBytes));
  }
  return walker.finish();
}

/** Lines joined by CRLF, as in a message; the last one ends without. */
export function lines(...text: string[]): string {
  return text.join('\r\n');
}

/** Every part of a structure, the root first, each before its own parts. */
export function allParts(part: MimePart): MimePart[] {
  const inner = [...(part.children ?? []), ...(part.message ? [part.message] : [])];
  return [part, ...inner.flatMap(allParts)];
}
