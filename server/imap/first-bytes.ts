/** What a client is told that speaks something else. */
export const foreignText = 'This is an IMAP server, and that is no IMAP command';
const tlsText = 'This is an IMAP server, and TLS is not expected here; STARTTLS comes first';
/** The first byte of a client that begins with TLS. @see RFC 8446, section 5.1 */
const tlsHandshake = 0x16;
/** Tab, line feed and carriage return. */
const lineStarts = [0x09, 0x0a, 0x0d];

/** Why the first bytes of a client cannot be IMAP; undefined if they are text. */
export function findForeignText(bytes: Uint8Array): string | undefined {
  const [first = 0] = bytes;
  if ((first >= 0x20 && first < 0x7f) || lineStarts.includes(first)) return undefined;
  return first === tlsHandshake ? tlsText : foreignText;
}
