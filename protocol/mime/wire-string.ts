/**
 * A string as IMAP sends it: quoted where it can be, otherwise a literal (octets above 127, CR, LF). NUL
 * cannot be sent at all (RFC 3501, section 9, `CHAR8`) and is dropped.
 *
 * @param text one character for each octet
 * @see RFC 3501, section 4.3
 */
export function writeString(text: string): string {
  const sendable = text.includes('\0') ? text.replaceAll('\0', '') : text;
  if (/[\r\n\x80-\xff]/.test(sendable)) return `{${sendable.length}}\r\n${sendable}`;
  return `"${sendable.replace(/["\\]/g, '\\$&')}"`;
}

/** As {@link writeString}, and `NIL` for undefined. */
export function writeNullableString(text: string | undefined): string {
  return text === undefined ? 'NIL' : writeString(text);
}
