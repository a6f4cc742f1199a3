import type { InternalDate } from './command.ts';
import type { Flag } from './flag.ts';
import { encodeModifiedUtf7 } from './mailbox-name.ts';

/*
 * Response data. Wire text is a JavaScript string with one character for each octet (latin1); the caller
 * writes it with `Buffer.from(text, 'latin1')`. All functions are pure.
 */

/** Octets up to which a string is quoted; a longer one, which no line should hold, becomes a literal. */
const maxQuotedStringBytes = 1000;

const earliestMs = Date.parse('0000-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59Z');

const monthNames = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** The UTF-8 octets of Unicode text as wire text. */
export function toWireText(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/**
 * A `string` of wire text: quoted where it may be, else a literal. NUL, which a string cannot hold, is left
 * out. Throws RangeError for text that is not wire text.
 *
 * @see RFC 3501, section 4.3
 */
export function encodeString(wireText: string): string {
  if (/^[\x20-\x7e]*$/.test(wireText) && wireText.length <= maxQuotedStringBytes) {
    return `"${wireText.replace(/["\\]/g, '\\$&')}"`;
  }
  return encodeLiteral(wireText);
}

/** A `literal` of wire text, without NUL. Throws RangeError for text that is not wire text. */
export function encodeLiteral(wireText: string): string {
  if (/[^\x00-\xff]/.test(wireText)) throw new RangeError('Cannot encode text that is not octets');
  const content = wireText.replaceAll('\0', '');
  return `{${content.length}}\r\n${content}`;
}

/** An `nstring`: `NIL` for undefined. */
export function encodeNString(wireText: string | undefined): string {
  return wireText === undefined ? 'NIL' : encodeString(wireText);
}

/** An `astring`: bare where it may be, else as {@link encodeString}. `NIL` is quoted, because some read it. */
export function encodeAString(wireText: string): string {
  const isBare = /^[^\x00-\x20\x7f-\uffff(){%*"\\]+$/.test(wireText) && !/^nil$/i.test(wireText);
  return isBare ? wireText : encodeString(wireText);
}

/** A Unicode mailbox name as `mailbox`, in modified UTF-7. @see RFC 3501, section 5.1.3 */
export function encodeMailboxName(name: string): string {
  return encodeAString(encodeModifiedUtf7(name));
}

/** A `flag-list`. */
export function encodeFlags(flags: Iterable<Flag>): string {
  return `(${[...flags].join(' ')})`;
}

/**
 * A `date-time` in quotes, in the zone in which it was written: `" 1-Jan-2026 00:00:00 +0100"`. Years outside
 * of 0 to 9999, which it cannot hold, become the nearest that it can.
 *
 * @see RFC 3501, section 9
 */
export function encodeInternalDate(date: InternalDate): string {
  const localMs = date.epochMs + date.zoneMinutes * 60_000;
  const local = new Date(Math.min(Math.max(localMs, earliestMs), latestMs));
  const day = String(local.getUTCDate()).padStart(2, ' ');
  const year = String(local.getUTCFullYear()).padStart(4, '0');
  const time = local.toISOString().replace(/^.*T(\d\d:\d\d:\d\d).*$/, '$1');
  return `"${day}-${monthNames[local.getUTCMonth()]}-${year} ${time} ${encodeZone(date.zoneMinutes)}"`;
}

function encodeZone(zoneMinutes: number): string {
  const minutes = Math.abs(zoneMinutes);
  const digits = Math.trunc(minutes / 60) * 100 + (minutes % 60);
  return (zoneMinutes < 0 ? '-' : '+') + String(digits).padStart(4, '0');
}

/**
 * Text of a status response (`text`): control characters become spaces, characters above 127 become "?", and a
 * "[" at the beginning, which would open a response code, becomes "(". "-" for an empty text.
 *
 * @see RFC 3501, section 9, `resp-text`
 */
export function encodeResponseText(text: string): string {
  const plain = text
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .replace(/[^\x00-\x7f]/gu, '?')
    .replace(/^\[/, '(');
  return plain === '' ? '-' : plain;
}
