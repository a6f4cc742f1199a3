/*
 * Classes of bytes that the grammar names, as bits in one table.
 * @see RFC 3501, section 9
 */

/** `ATOM-CHAR`. */
export const atomByte = 1;
/** `ASTRING-CHAR`, and bytes above 127, which sloppy clients send without quotes. */
export const astringByte = 2;
/** `list-char`, and bytes above 127. */
export const listByte = 4;
/** What a `tag` is made of. */
export const tagByte = 8;
/** What can stand in a quoted string, backslash and quote apart; bytes above 127 too (UTF-8). */
export const quotedByte = 16;
/** `DIGIT`. */
export const digitByte = 32;
/** Letters, digits, "." and "-": the names of FETCH items and sections, which end at "[". */
export const nameByte = 64;
/** What sequence sets are made of. */
export const sequenceByte = 128;

const table = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) table[byte] = classify(byte);

function classify(byte: number): number {
  const character = String.fromCharCode(byte);
  const isHigh = byte > 0x7f;
  const isVisible = byte > 0x20 && byte < 0x7f;
  const isAtom = isVisible && !'(){%*"\\]'.includes(character);
  const isAString = isAtom || character === ']';
  let bits = 0;
  if (isAtom) bits |= atomByte;
  if (isAString || isHigh) bits |= astringByte;
  if (isAString || isHigh || character === '%' || character === '*') bits |= listByte;
  if (isAString && character !== '+') bits |= tagByte;
  if (!'\0\r\n"\\'.includes(character)) bits |= quotedByte;
  if (/\d/.test(character)) bits |= digitByte;
  if (/[A-Za-z0-9.-]/.test(character)) bits |= nameByte;
  if (/[0-9*:,]/.test(character)) bits |= sequenceByte;
  return bits;
}

/** True if the byte is of the class; false for undefined, the end of the input. */
export function isByteOf(byte: number | undefined, byteClass: number): boolean {
  return byte !== undefined && (table[byte]! & byteClass) !== 0;
}
