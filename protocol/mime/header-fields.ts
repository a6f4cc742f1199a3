import { toLowerCase, trim, trimEnd } from './ascii-text.ts';

/** One field of a header. Text is wire text: one character for each byte (latin1). */
export interface HeaderField {
  /** As written, without white space before the colon; empty for a line that is no field. */
  readonly name: string;
  /** Unfolded: a line break with the white space around it is one space, none at the ends. Encoded words stay encoded. */
  readonly value: string;
  /** Where the field begins, in bytes from the start of the header. */
  readonly start: number;
  /** Where it ends, behind its last line break. */
  readonly end: number;
}

const lineFeed = 10;
const carriageReturn = 13;

/**
 * The fields of a header in order, up to the blank line or the end of the bytes. Lines may end in CRLF or
 * LF. A line that is neither field nor continuation becomes a field without a name, so that the ranges of
 * all fields together cover the header. Takes linear time and never throws.
 *
 * @see RFC 5322, section 2.2
 */
export function parseHeader(header: Uint8Array): HeaderField[] {
  return [...readHeader(header)];
}

/** {@link parseHeader} one field at a time, for a header of any size. */
export function* readHeader(header: Uint8Array): Generator<HeaderField> {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  let start = 0;
  while (start < bytes.length && !isBlankLine(bytes, start)) {
    const end = findFieldEnd(bytes, start);
    yield toField(bytes.toString('latin1', start, end), start, end);
    start = end;
  }
}

/** True if an empty line, ended by CRLF or LF, begins at the offset. */
function isBlankLine(bytes: Buffer, start: number): boolean {
  const first = bytes[start];
  return first === lineFeed || (first === carriageReturn && bytes[start + 1] === lineFeed);
}

/** Behind the line at the offset and the continuation lines that follow it. */
function findFieldEnd(bytes: Buffer, start: number): number {
  let end = start;
  do {
    const lineEnd = bytes.indexOf(lineFeed, end);
    end = lineEnd === -1 ? bytes.length : lineEnd + 1;
  } while (bytes[end] === 0x20 || bytes[end] === 0x09);
  return end;
}

/** The field that is in the text, between these offsets of its header, or the line there that is none. */
export function toField(text: string, start: number, end: number): HeaderField {
  const colon = text.indexOf(':');
  const name = colon === -1 ? '' : trimEnd(text.slice(0, colon));
  // Bytes above 126 are no field name by the RFC, but only white space and controls show a line of text.
  const isField = name !== '' && !/[\0-\x20\x7f]/.test(name);
  return isField
    ? { name, value: unfold(text.slice(colon + 1)), start, end }
    : { name: '', value: unfold(text), start, end };
}

/** White space around a line break is one space, as Dovecot gives it too: a tab there says nothing. */
function unfold(text: string): string {
  const value = trim(text);
  if (!value.includes('\n')) return value;
  // Nothing but the line break and what follows has to go, in nearly all fields. The patterns look at a character once or
  // twice: one of all white space around a line break would take square time.
  if (!/[ \t]\r?\n|\n[ \t]*\r?\n/.test(value)) return value.replace(/\r?\n[ \t]*/g, ' ');
  const lines = value.split('\n').map(trim);
  return lines.filter((line) => line !== '').join(' ');
}

/** The value of the first field of that name (in lower case); undefined if there is none. */
export function findHeaderValue(
  fields: readonly HeaderField[],
  lowerCaseName: string,
): string | undefined {
  return fields.find((field) => hasName(field, lowerCaseName))?.value;
}

/** True for a field of that name (in lower case). */
export function hasName({ name }: HeaderField, lowerCaseName: string): boolean {
  // Nearly all names differ in length, and lower case costs more than the rest of an envelope.
  return name.length === lowerCaseName.length && toLowerCase(name) === lowerCaseName;
}
