import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getSystemErrorMessage } from 'node:util';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { importLimits } from './limits.ts';

/*
 * Files of a Maildir, which belong to somebody else: their names are bytes and no text, and what stands there as a message can
 * be a link to the system's password file, a FIFO that nobody writes to, or a device.
 */

/** A path as the system has it: each byte is a character (Latin-1), since a name need not be UTF-8. */
export type BytePath = string;

/** The path for the calls of `node:fs`. */
export function toSystemPath(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** A path that came as text. */
export function toBytePath(path: string): BytePath {
  return Buffer.from(path).toString('latin1');
}

/** The text of a name: UTF-8, or else Latin-1. */
export function nameText(name: BytePath): string {
  const bytes = toSystemPath(name);
  return isUtf8(bytes) ? bytes.toString() : name;
}

/** The path for an operator's terminal: bytes that are no UTF-8, and control characters, as `\xE9`. */
export function printablePath(path: BytePath): string {
  const isText = isUtf8(toSystemPath(path));
  const hidden = isText ? /\p{Cc}/gu : /[\x00-\x1f\x7f-\xff]/g;
  return nameText(path).replaceAll(
    hidden,
    (character) => `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** A file that is there and cannot be a message; the text says why. */
export class UnreadableFileError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'UnreadableFileError';
  }
}

/** Why a file could not be read, without its path. Throws what is no fault of a file. */
export function unreadableReason(error: unknown): string {
  if (error instanceof UnreadableFileError) return error.message;
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (code === 'ELOOP') return 'It is a symbolic link, which is not followed';
  if (code?.startsWith('Z') === true) return `It cannot be decompressed: ${message}`;
  if (errno === undefined) throw error;
  return `It cannot be read: ${getSystemErrorMessage(errno)}`;
}

/** True if the file is not there (any more). */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** A regular file, open for reading. */
export class MessageFile {
  readonly stats: Stats;
  readonly #descriptor: number;
  #isOpen = true;

  /**
   * Opens the file without following a link or waiting for a writer. Throws an {@link UnreadableFileError} for what is no
   * regular file, or else the system's error.
   *
   * The calls wait for the disk: the command has nothing else to do, and for small files they take half the time.
   */
  constructor(path: BytePath) {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    this.#descriptor = openSync(toSystemPath(path), flags);
    this.stats = fstatSync(this.#descriptor);
    if (this.stats.isFile()) return;
    this.close();
    throw new UnreadableFileError('It is no regular file');
  }

  /** The bytes, decompressed if they are compressed with gzip or zstd. Each chunk is the caller's. */
  async *read(): AsyncGenerator<Buffer, undefined> {
    const first = this.#readChunk();
    if (first === undefined) return;
    const compression = findCompression(first);
    const chunks = this.#readAll(first);
    if (compression === undefined) yield* chunks;
    else yield* decompress(chunks, compression);
  }

  /** The whole file as it is, one character a byte (Latin-1). Throws if it is larger than `maxBytes`. */
  readText(maxBytes: number): string {
    if (this.stats.size > maxBytes) {
      throw new UnreadableFileError(`It is larger than ${maxBytes} bytes`);
    }
    const first = this.#readChunk();
    return first === undefined ? '' : Buffer.concat([...this.#readAll(first)]).toString('latin1');
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#descriptor);
  }

  *#readAll(first: Buffer): Generator<Buffer, undefined> {
    for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = this.#readChunk()) {
      yield chunk;
    }
  }

  #readChunk(): Buffer | undefined {
    // A decompressor that is given up in the middle may ask once more, when the descriptor is another file's.
    if (!this.#isOpen) return undefined;
    // One byte more, so that a small file needs one call and a second that finds its end.
    const size = Math.min(importLimits.readBytes, this.stats.size + 1);
    const chunk = Buffer.allocUnsafe(size);
    const count = readSync(this.#descriptor, chunk);
    return count === 0 ? undefined : chunk.subarray(0, count);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** How a file begins that is compressed; no header of a message begins so. */
const signatures: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['lz4', Buffer.from([0x04, 0x22, 0x4d, 0x18])],
  ['lz4', Buffer.from('Dovecot-LZ4\r*\x9b\xc5', 'latin1')],
  ...Array.from({ length: 9 }, (_, level): [string, Buffer] => [
    'bzip2',
    Buffer.from(`BZh${level + 1}1AY&SY`),
  ]),
];

/** What the first bytes of a file say it is compressed with; undefined if with nothing. */
export function findCompression(start: Buffer): string | undefined {
  return signatures.find(([, bytes]) => start.subarray(0, bytes.length).equals(bytes))?.[0];
}

async function* decompress(
  chunks: Iterable<Buffer>,
  compression: string,
): AsyncGenerator<Buffer, undefined> {
  if (compression !== 'gzip' && compression !== 'zstd') {
    throw new UnreadableFileError(`It is compressed (${compression}), decompress it first`);
  }
  const output = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  const done = pipeline(Readable.from(chunks), output);
  // What fails shows where the output is read.
  done.catch(() => undefined);
  for await (const chunk of output) yield chunk as Buffer;
  await done;
}
