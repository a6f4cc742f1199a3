import { toLowerCase } from './ascii-text.ts';
import { toBuffer } from './charsets/charset-decoder.ts';
import { findFieldEnd, type HeaderField, isBlankLine, readField } from './header-fields.ts';

const lineFeed = 10;
const carriageReturn = 13;
const space = 0x20;
const tab = 9;
const colon = 0x3a;

/**
 * Finds the fields of headers that have one of some names, without making text of any. It sees the same fields as
 * {@link readHeader}, of which it is a quicker half: lists of messages ask for the same few fields of every message.
 */
export class HeaderFilter {
  /** In lower case, as character codes, by length. */
  readonly #namesByLength: Uint8Array[][] = [];
  readonly #hasEmptyName: boolean;
  readonly #isNot: boolean;

  /** @param isNot the named fields are left out, and all others kept */
  constructor(fieldNames: readonly string[], isNot: boolean) {
    this.#isNot = isNot;
    this.#hasEmptyName = fieldNames.includes('');
    for (const name of new Set(fieldNames.map(toLowerCase))) {
      // No field of a message has such a name.
      if (name === '' || /[^\x21-\x7e\x80-\xff]|:/.test(name)) continue;
      (this.#namesByLength[name.length] ??= []).push(Buffer.from(name, 'latin1'));
    }
  }

  /**
   * The kept fields, in order and unchanged, and what stands behind the last field: the blank line, if there is one.
   *
   * @param header bytes of a header with its blank line
   * @returns a new array
   */
  apply(header: Uint8Array): Uint8Array {
    const bytes = toBuffer(header);
    const kept = Buffer.allocUnsafe(bytes.length);
    let keptBytes = 0;
    let start = 0;
    // Begin of the kept fields that are not copied yet; they lie side by side.
    let keptStart = 0;
    while (start < bytes.length && !isBlankLine(bytes, start)) {
      const end = findFieldEnd(bytes, start);
      if (this.#isNamed(bytes, start, end) === this.#isNot) {
        keptBytes += bytes.copy(kept, keptBytes, keptStart, start);
        keptStart = end;
      }
      start = end;
    }
    keptBytes += bytes.copy(kept, keptBytes, keptStart);
    return kept.subarray(0, keptBytes);
  }

  /** The kept fields, in order, with their places in the header. */
  fieldsOf(header: Uint8Array): HeaderField[] {
    const bytes = toBuffer(header);
    const fields: HeaderField[] = [];
    let start = 0;
    while (start < bytes.length && !isBlankLine(bytes, start)) {
      const end = findFieldEnd(bytes, start);
      if (this.#isNamed(bytes, start, end) !== this.#isNot) {
        fields.push(readField(bytes, start, end));
      }
      start = end;
    }
    return fields;
  }

  #isNamed(bytes: Buffer, start: number, end: number): boolean {
    const nameEnd = findNameEnd(bytes, start, end);
    if (nameEnd === start) return this.#hasEmptyName;
    const names = this.#namesByLength[nameEnd - start];
    if (names === undefined) return false;
    for (const name of names) if (isSameName(bytes, start, name)) return true;
    return false;
  }
}

/** Where the name ends, without white space before the colon; the start for a line that is no field. */
function findNameEnd(bytes: Buffer, start: number, end: number): number {
  let nameEnd = start;
  // Text without a colon has no name, and bytes that no name has stand only behind it.
  while (nameEnd < end && isNameByte(bytes[nameEnd]!)) nameEnd++;
  let next = nameEnd;
  while (next < end && isWhiteSpace(bytes[next]!)) next++;
  return next < end && bytes[next] === colon ? nameEnd : start;
}

function isNameByte(byte: number): boolean {
  return byte > space && byte !== colon && byte !== 0x7f;
}

function isWhiteSpace(byte: number): boolean {
  return byte === space || byte === tab || byte === lineFeed || byte === carriageReturn;
}

function isSameName(bytes: Buffer, start: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) {
    const byte = bytes[start + index]!;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if (lower !== name[index]) return false;
  }
  return true;
}
