const lineFeed = 10;
const carriageReturn = 13;
const space = 0x20;
const tab = 9;
const equalsSign = 0x3d;

/** Values of hexadecimal digits by their byte; 255 for all others. */
const hexValues = new Uint8Array(256).fill(255);
for (const digits of ['0123456789ABCDEF', '0123456789abcdef']) {
  for (const [value, byte] of Buffer.from(digits).entries()) hexValues[byte] = value;
}

/**
 * Takes quoted-printable off: soft line breaks and white space at the ends of lines go, an equals sign that begins nothing
 * stays. Takes linear time and never throws.
 *
 * @see RFC 2045, section 6.7
 */
export function decodeQuotedPrintable(bytes: Uint8Array): Buffer {
  const decoded = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  // White space before this in `decoded` stays: it was encoded, or stands before a soft line break.
  let keptLength = 0;
  let position = 0;
  // Ends: each round goes on by at least one byte.
  while (position < bytes.length) {
    const byte = bytes[position]!;
    // Nearly all bytes stand for themselves.
    if (byte > equalsSign) {
      decoded[length++] = byte;
      position++;
      continue;
    }
    if (byte === equalsSign) {
      const value = readHexDigits(bytes, position + 1);
      if (value !== undefined) {
        decoded[length++] = value;
        position += 3;
      } else {
        const rest = decodeBroken(bytes, position);
        if (rest.byte !== undefined) decoded[length++] = rest.byte;
        position = rest.end;
      }
      keptLength = length;
      continue;
    }
    if (byte === lineFeed || byte === carriageReturn) {
      length = trimEnd(decoded, keptLength, length);
    }
    decoded[length++] = byte;
    position++;
  }
  return decoded.subarray(0, trimEnd(decoded, keptLength, length));
}

/** The value of the two hexadecimal digits; undefined if one of the bytes is none, or past the end. */
export function readHexDigits(
  bytes: Uint8Array,
  first: number,
  second = first + 1,
): number | undefined {
  if (second >= bytes.length) return undefined;
  const [high, low] = [hexValues[bytes[first]!]!, hexValues[bytes[second]!]!];
  return (high | low) < 16 ? high * 16 + low : undefined;
}

/** What an equals sign begins that no two digits follow, and where that ends: soft line breaks are no byte. */
function decodeBroken(
  bytes: Uint8Array,
  start: number,
): { readonly byte: number | undefined; readonly end: number } {
  const next = skipSoftBreaks(bytes, start);
  if (next > start) return { byte: undefined, end: next };
  const first = skipSoftBreaks(bytes, start + 1);
  const second = skipSoftBreaks(bytes, first + 1);
  const byte = readHexDigits(bytes, first, second);
  return byte === undefined ? { byte: equalsSign, end: start + 1 } : { byte, end: second + 1 };
}

/** Behind the soft line breaks that begin at the position, if any do. At the end of the text an equals sign is one. */
function skipSoftBreaks(bytes: Uint8Array, start: number): number {
  let position = start;
  while (bytes[position] === equalsSign) {
    let end = skipWhiteSpace(bytes, position + 1);
    if (bytes[end] === carriageReturn) {
      end = skipWhiteSpace(bytes, end + 1);
      if (bytes[end] !== lineFeed) break;
    } else if (end < bytes.length && bytes[end] !== lineFeed) break;
    position = Math.min(end + 1, bytes.length);
  }
  return position;
}

function skipWhiteSpace(bytes: Uint8Array, start: number): number {
  let position = start;
  while (bytes[position] === space || bytes[position] === tab) position++;
  return position;
}

/** How long the bytes are without white space at the end, of which the first `start` stay. */
function trimEnd(bytes: Buffer, start: number, end: number): number {
  let length = end;
  while (length > start && (bytes[length - 1] === space || bytes[length - 1] === tab)) length--;
  return length;
}
