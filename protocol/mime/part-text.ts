import { iconv } from './text-libraries.ts';
import { decode as decodeQuotedPrintable } from 'libqp';
import { trim } from './ascii-text.ts';
import type { MimePart } from './mime-structure.ts';

/**
 * The text of a part as Unicode: its transfer encoding taken off, then its charset. An unknown or absent
 * charset is UTF-8 where the bytes are valid UTF-8, and latin1 otherwise. Never throws.
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
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (part.encoding === 'base64') return decodeBase64(bytes);
  if (part.encoding === 'quoted-printable') return decodeQuotedPrintable(bytes);
  return bytes;
}

/** Padding ends a run of base64, not the text: some senders encode each line or block by itself. */
function decodeBase64(bytes: Buffer): Buffer {
  const runs = bytes.toString('latin1').match(/[^=]+/g) ?? [];
  return Buffer.concat(runs.map((run) => Buffer.from(run, 'base64')));
}

function charsetOf(part: Pick<MimePart, 'parameters'>): string {
  const parameter = part.parameters.find(([name]) => name === 'charset');
  return trim(parameter?.[1] ?? '');
}

function decodeCharset(bytes: Uint8Array, charset: string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // US-ASCII with bytes above 127 is mislabelled, and nearly always UTF-8.
  const isNamed = !/^(us-)?ascii$/i.test(charset) && iconv().encodingExists(charset);
  if (isNamed) return iconv().decode(buffer, charset);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer);
  } catch {
    return buffer.toString('latin1');
  }
}
