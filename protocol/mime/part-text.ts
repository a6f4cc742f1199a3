import { trim } from './ascii-text.ts';
import { toBuffer } from './charsets/charset-decoder.ts';
import { decodeCharset } from './charsets/charset.ts';
import type { MimePart } from './mime-structure.ts';
import { findParameter } from './parameters.ts';
import { decodeQuotedPrintable } from './quoted-printable.ts';

/**
 * The text of a part as Unicode: its transfer encoding taken off, then its charset. Bytes of an unknown or absent charset
 * are UTF-8 where they are valid UTF-8, and each by itself a character of ISO 8859-1 otherwise. Never throws.
 *
 * @param part its `encoding` and `parameters` are looked at
 * @param body bytes of the part's body
 */
export function decodePartText(
  part: Pick<MimePart, 'encoding' | 'parameters'>,
  body: Uint8Array,
): string {
  return decodeCharset(decodePartBytes(part, body), charsetOf(part));
}

/**
 * The bytes of a part without its transfer encoding: base64 and quoted-printable are decoded as far as they
 * can be, bytes that belong to neither passed over; everything else is given as it is.
 *
 * @see RFC 2045, section 6
 */
export function decodePartBytes(part: Pick<MimePart, 'encoding'>, body: Uint8Array): Uint8Array {
  const bytes = toBuffer(body);
  if (part.encoding === 'base64') return decodeBase64(bytes);
  if (part.encoding === 'quoted-printable') return decodeQuotedPrintable(bytes);
  return bytes;
}

/** Padding ends a run of base64, not the text: some senders encode each line or block by itself. */
function decodeBase64(bytes: Buffer): Buffer {
  const padding = bytes.indexOf('=');
  if (padding === -1) return Buffer.from(bytes.toString('latin1'), 'base64');
  // Nearly all text has one run: what follows it is short, and nothing but padding and the end of a line.
  if (/^[=\s]{1,8}$/.test(bytes.toString('latin1', padding, padding + 9))) {
    return Buffer.from(bytes.toString('latin1', 0, padding), 'base64');
  }
  const runs = bytes.toString('latin1').match(/[^=]+/g) ?? [];
  return Buffer.concat(runs.map((run) => Buffer.from(run, 'base64')));
}

/** The charset that a part names; empty if it names none. */
export function charsetOf(part: Pick<MimePart, 'parameters'>): string {
  return trim(findParameter(part.parameters, 'charset') ?? '');
}
