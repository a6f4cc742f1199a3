import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import {
  deflatedPieceBytes,
  deflateLevel,
  minDeflatedBytes,
  sampleBytes,
  sentWindowBytes,
} from './limits.ts';
import { PlainWindow } from './plain-window.ts';

const space = 0x20;
/** Of a stored block that is not the last: the bits of its head, its size, and the size again. */
const storedHeadBytes = 5;

/**
 * Writes a raw DEFLATE stream that never ends. Every piece is deflated with a state of its own, and ends at a byte: the
 * client cannot tell. So nothing is held of a client that is idle, instead of 260 KiB; while it is busy, what it was sent
 * last is held, to which the next piece refers.
 *
 * @see RFC 1951; RFC 4978, section 4
 */
export class Deflater {
  #sent: PlainWindow | undefined;
  #isIdle = true;

  /** Bytes of memory that are held between two calls. */
  get heldBytes(): number {
    return this.#sent?.heldBytes ?? 0;
  }

  /** What the client is to be sent: text of one byte a character (latin1), or bytes. */
  deflate(data: string | Uint8Array): Buffer {
    const bytes =
      typeof data === 'string'
        ? Buffer.from(data, 'latin1')
        : Buffer.from(data.buffer, data.byteOffset, data.length);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += deflatedPieceBytes) {
      pieces.push(this.#deflatePiece(bytes.subarray(at, at + deflatedPieceBytes)));
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** Called now and then: forgets what was sent to a client that was sent nothing since the last time. */
  sweep(): void {
    if (this.#isIdle) this.#sent = undefined;
    this.#isIdle = true;
  }

  #deflatePiece(bytes: Buffer): Buffer {
    const deflated =
      bytes.length < minDeflatedBytes
        ? asStoredBlock(bytes)
        : deflateRawSync(bytes, this.#optionsFor(bytes));
    this.#sent ??= new PlainWindow(sentWindowBytes);
    this.#sent.append(bytes);
    this.#isIdle = false;
    return deflated;
  }

  #optionsFor(bytes: Buffer): ZlibOptions {
    const options: ZlibOptions = {
      finishFlush: constants.Z_SYNC_FLUSH,
      level: deflateLevel,
      // What waits for the client takes no more memory than it needs.
      chunkSize: Math.min(bytes.length + 64, 16 * 1024),
    };
    if (bytes.length > sampleBytes && !isText(bytes)) {
      // In base64 nothing is found to refer to, and looking for it takes three quarters of the time.
      options.strategy = constants.Z_HUFFMAN_ONLY;
    } else if (this.#sent !== undefined) {
      const dictionary = Buffer.alloc(this.#sent.length);
      this.#sent.copyTo(dictionary);
      options.dictionary = dictionary;
    }
    return options;
  }
}

function asStoredBlock(bytes: Buffer): Buffer {
  const block = Buffer.allocUnsafe(storedHeadBytes + bytes.length);
  block[0] = 0;
  block.writeUInt16LE(bytes.length, 1);
  block.writeUInt16LE(~bytes.length & 0xffff, 3);
  block.set(bytes, storedHeadBytes);
  return block;
}

function isText(bytes: Buffer): boolean {
  const begin = (bytes.length - sampleBytes) >>> 1;
  return bytes.subarray(begin, begin + sampleBytes).includes(space);
}
