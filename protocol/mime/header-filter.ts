import { toLowerCase } from './ascii-text.ts';
import { toBuffer } from './charsets/charset-decoder.ts';
import { type HeaderField, toField } from './header-fields.ts';

const lineFeed = 10;
const carriageReturn = 13;
const space = 0x20;
const tab = 9;
const colon = 0x3a;

/**
 * Finds the fields of headers that have one of some names, without making an object of any. It sees the same fields as
 * `readHeader`, of which it is a quicker half: lists of messages ask for the same few fields of every message.
 */
export class HeaderFilter {
  /** In lower case, by length. */
  readonly #namesByLength: string[][] = [];
  readonly #hasEmptyName: boolean;
  readonly #isNot: boolean;

  /** @param isNot the named fields are left out, and all others kept */
  constructor(fieldNames: readonly string[], isNot: boolean) {
    this.#isNot = isNot;
    this.#hasEmptyName = fieldNames.includes('');
    for (const name of new Set(fieldNames.map(toLowerCase))) {
      // No field of a message has such a name.
      if (name === '' || /[^\x21-\x7e\x80-\xff]|:/.test(name)) continue;
      (this.#namesByLength[name.length] ??= []).push(name);
    }
  }

  /**
   * The kept fields, in order and unchanged, and what stands behind the last field: the blank line, if there is one.
   *
   * @param header bytes of a header with its blank line
   * @returns a new array
   */
  apply(header: Uint8Array): Uint8Array {
    const text = toBuffer(header).toString('latin1');
    return Buffer.from(this.select(text, 0, text.length), 'latin1');
  }

  /**
   * As {@link apply}, of a header in the midst of text with one character a byte. Many headers in one text take less time than
   * many texts.
   */
  select(text: string, headerStart: number, headerEnd: number): string {
    let kept = '';
    let start = headerStart;
    // Begin of the kept fields that are not in `kept` yet; they lie side by side.
    let keptStart = headerStart;
    while (start < headerEnd && !isBlankLine(text, start, headerEnd)) {
      const end = findFieldEnd(text, start, headerEnd);
      if (this.#isNamed(text, start, end) === this.#isNot) {
        if (keptStart < start) kept += text.slice(keptStart, start);
        keptStart = end;
      }
      start = end;
    }
    return kept + text.slice(keptStart, headerEnd);
  }

  /** The kept fields, in order, with their places in the header, which lies in a text as in {@link select}. */
  fieldsOf(text: string, headerStart: number, headerEnd: number): HeaderField[] {
    const fields: HeaderField[] = [];
    let start = headerStart;
    while (start < headerEnd && !isBlankLine(text, start, headerEnd)) {
      const end = findFieldEnd(text, start, headerEnd);
      if (this.#isNamed(text, start, end) !== this.#isNot) {
        fields.push(toField(text.slice(start, end), start - headerStart, end - headerStart));
      }
      start = end;
    }
    return fields;
  }

  #isNamed(text: string, start: number, end: number): boolean {
    const nameEnd = findNameEnd(text, start, end);
    if (nameEnd === start) return this.#hasEmptyName;
    const names = this.#namesByLength[nameEnd - start];
    if (names === undefined) return false;
    for (const name of names) if (isSameName(text, start, name)) return true;
    return false;
  }
}

/** True if an empty line, ended by CRLF or LF, begins at the offset. */
function isBlankLine(text: string, start: number, headerEnd: number): boolean {
  const first = text.charCodeAt(start);
  if (first !== carriageReturn) return first === lineFeed;
  return start + 1 < headerEnd && text.charCodeAt(start + 1) === lineFeed;
}

/** Behind the line at the offset and the continuation lines that follow it. */
function findFieldEnd(text: string, start: number, headerEnd: number): number {
  let end = start;
  for (;;) {
    const lineEnd = text.indexOf('\n', end);
    if (lineEnd === -1 || lineEnd + 1 >= headerEnd) return headerEnd;
    end = lineEnd + 1;
    const next = text.charCodeAt(end);
    if (next !== space && next !== tab) return end;
  }
}

/** Where the name ends, without white space before the colon; the start for a line that is no field. */
function findNameEnd(text: string, start: number, end: number): number {
  let nameEnd = start;
  // Text without a colon has no name, and bytes that no name has stand only behind it.
  while (nameEnd < end && isNameByte(text.charCodeAt(nameEnd))) nameEnd++;
  let next = nameEnd;
  while (next < end && isWhiteSpace(text.charCodeAt(next))) next++;
  return next < end && text.charCodeAt(next) === colon ? nameEnd : start;
}

function isNameByte(byte: number): boolean {
  return byte > space && byte !== colon && byte !== 0x7f;
}

function isWhiteSpace(byte: number): boolean {
  return byte === space || byte === tab || byte === lineFeed || byte === carriageReturn;
}

function isSameName(text: string, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const byte = text.charCodeAt(start + index);
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if (lower !== name.charCodeAt(index)) return false;
  }
  return true;
}
