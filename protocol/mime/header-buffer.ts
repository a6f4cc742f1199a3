import { toLowerCase } from './ascii-text.ts';
import { mimeLimits } from './limits.ts';

/** Fields that a structure is made from: those of {@link ContentFields}, and those of an envelope. */
const wantedNames = new Set([
  'bcc',
  'cc',
  'content-description',
  'content-disposition',
  'content-id',
  'content-language',
  'content-location',
  'content-md5',
  'content-transfer-encoding',
  'content-type',
  'date',
  'from',
  'in-reply-to',
  'message-id',
  'reply-to',
  'sender',
  'subject',
  'to',
]);
const wantedLengths = new Set(Array.from(wantedNames, (name) => name.length));
const smallestBytes = 4 * 1024;
/** Bytes of a line after which its name is known, with white space before the colon. */
const nameBytes = 64;
const lineFeed = 10;
const colon = 58;

/**
 * Collects, from one header after the other, the fields that a structure is made from, wherever they stand, in one buffer
 * that grows. Other lines are counted and passed over.
 */
export class HeaderBuffer {
  #bytes = Buffer.allocUnsafe(smallestBytes);
  #length = 0;
  #limit = 0;
  /** Bytes of all fields of the header so far, wanted or not. */
  #fieldBytes = 0;
  /** Where the current line begins in the buffer. */
  #lineStart = 0;
  /** Bytes of the current line so far. */
  #lineBytes = 0;
  /** How many of them are in `#fieldBytes`. */
  #countedBytes = 0;
  /** What the current line belongs to; undefined while that is not known. */
  #line: 'wanted' | 'other' | 'none' | undefined;
  /** What the field before belonged to, which continuation lines go on with. */
  #field: 'wanted' | 'other' | 'none' = 'none';
  #isOver = false;

  /** Bytes of memory that it takes, since room is made for more. */
  get roomBytes(): number {
    return this.#bytes.length;
  }

  /** True if a wanted field had no room. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** True if the header has more fields, wanted or not, than a header may have. */
  get isTooLong(): boolean {
    return this.#fieldBytes > mimeLimits.headerBytes;
  }

  /** Begins a header, of which at most `limit` bytes are kept. */
  clear(limit: number): void {
    this.#length = 0;
    this.#limit = Math.max(0, limit);
    this.#fieldBytes = 0;
    this.#field = 'none';
    this.#isOver = false;
    this.#beginLine();
  }

  /** Copies bytes `[start, end)` of the chunk if they are wanted: a line, the beginning of one, or its rest. */
  append(chunk: Uint8Array, start: number, end: number): void {
    let position = start;
    while (position < end) {
      const found = chunk.indexOf(lineFeed, position);
      const lineEnd = found === -1 || found >= end ? end : found + 1;
      this.#appendLine(chunk, position, lineEnd);
      position = lineEnd;
    }
  }

  /** The wanted fields: a view that is valid until the next call. One that was over the limit lacks its last lines. */
  take(): Uint8Array {
    if (this.#line === undefined) this.#decide();
    return this.#bytes.subarray(0, this.#length);
  }

  #appendLine(chunk: Uint8Array, start: number, end: number): void {
    const isEnd = chunk[end - 1] === lineFeed;
    // Enough for the name is copied first, so that a long line is not copied in vain.
    let position = start;
    if (this.#line === undefined) {
      position = Math.min(end, start + Math.max(0, nameBytes - this.#lineBytes));
      this.#copy(chunk, start, position);
      if (this.#lineBytes >= nameBytes || isEnd) this.#decide();
    }
    if (this.#line === 'wanted') this.#copy(chunk, position, end);
    else this.#lineBytes += end - position;
    if (this.#line !== undefined && this.#line !== 'none') this.#countField();
    if (isEnd) this.#beginLine();
  }

  #beginLine(): void {
    this.#lineStart = this.#length;
    this.#lineBytes = 0;
    this.#countedBytes = 0;
    this.#line = undefined;
  }

  #countField(): void {
    this.#fieldBytes += this.#lineBytes - this.#countedBytes;
    this.#countedBytes = this.#lineBytes;
  }

  /** Finds out what the line belongs to, and takes it back out of the buffer if it is not wanted. */
  #decide(): void {
    const first = this.#length > this.#lineStart ? this.#bytes[this.#lineStart] : 0;
    if (first !== 0x20 && first !== 0x09) {
      this.#field = readKind(this.#bytes, this.#lineStart, this.#length);
    }
    this.#line = this.#field === 'wanted' && this.#isOver ? 'other' : this.#field;
    if (this.#line !== 'wanted') this.#length = this.#lineStart;
  }

  /** Past the limit nothing of a line is kept. */
  #copy(chunk: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.#lineBytes += count;
    if (this.#line === 'wanted' && this.#length + count > this.#limit) {
      this.#isOver = true;
      this.#line = 'other';
      this.#length = this.#lineStart;
      return;
    }
    this.#reserve(this.#length + count);
    this.#bytes.set(chunk.subarray(start, end), this.#length);
    this.#length += count;
  }

  #reserve(byteCount: number): void {
    if (byteCount <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(byteCount, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** What the line `[start, end)` is the beginning of. Every line of a header comes here, so few become strings. */
function readKind(bytes: Buffer, start: number, end: number): 'wanted' | 'other' | 'none' {
  let colonAt = start;
  let nameEnd = start;
  while (colonAt < end && bytes[colonAt] !== colon) {
    const byte = bytes[colonAt]!;
    const isSpace = byte === 0x20 || byte === 0x09;
    // White space is only allowed between the name and the colon, and not controls.
    if (!isSpace && (byte <= 0x20 || byte === 0x7f || nameEnd < colonAt)) return 'none';
    colonAt++;
    if (!isSpace) nameEnd = colonAt;
  }
  if (colonAt === end || nameEnd === start) return 'none';
  if (!wantedLengths.has(nameEnd - start)) return 'other';
  const name = toLowerCase(bytes.toString('latin1', start, nameEnd));
  return wantedNames.has(name) ? 'wanted' : 'other';
}
