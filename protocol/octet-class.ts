/*
 * Classes of octets that the grammar names, as bits in one table.
 * @see RFC 3501, section 9
 */

/** `ATOM-CHAR`. */
export const atomOctet = 1;
/** `ASTRING-CHAR`, and octets above 127, which sloppy clients send without quotes. */
export const astringOctet = 2;
/** `list-char`, and octets above 127. */
export const listOctet = 4;
/** What a `tag` is made of. */
export const tagOctet = 8;
/** What can stand in a quoted string, backslash and quote apart; octets above 127 too (UTF-8). */
export const quotedOctet = 16;
/** `DIGIT`. */
export const digitOctet = 32;
/** Letters, digits, "." and "-": the names of FETCH items and sections, which end at "[". */
export const nameOctet = 64;
/** What sequence sets are made of. */
export const sequenceOctet = 128;

const table = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) table[octet] = classify(octet);

function classify(octet: number): number {
  const character = String.fromCharCode(octet);
  const isHigh = octet > 0x7f;
  const isVisible = octet > 0x20 && octet < 0x7f;
  const isAtom = isVisible && !'(){%*"\\]'.includes(character);
  const isAString = isAtom || character === ']';
  let bits = 0;
  if (isAtom) bits |= atomOctet;
  if (isAString || isHigh) bits |= astringOctet;
  if (isAString || isHigh || character === '%' || character === '*') bits |= listOctet;
  if (isAString && character !== '+') bits |= tagOctet;
  if (!'\0\r\n"\\'.includes(character)) bits |= quotedOctet;
  if (/\d/.test(character)) bits |= digitOctet;
  if (/[A-Za-z0-9.-]/.test(character)) bits |= nameOctet;
  if (/[0-9*:,]/.test(character)) bits |= sequenceOctet;
  return bits;
}

/** True where the octet is of the class; false for undefined, the end of the input. */
export function isOctetOf(octet: number | undefined, octetClass: number): boolean {
  return octet !== undefined && (table[octet]! & octetClass) !== 0;
}
