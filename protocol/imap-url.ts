import { isUtf8 } from 'node:buffer';
import { CommandError, Decoder } from './decoder.ts';
import type { BodySection } from './fetch-item.ts';
import { expectSectionSpec } from './grammar/section.ts';
import { maxNumber } from './limits.ts';

/** What an IMAP URL names that leads to a message, or to a part of one. */
export interface MessageUrl {
  /** In Unicode. */
  readonly mailboxName: string;
  /** Absent: whatever it is. */
  readonly uidValidity?: number;
  readonly uid: number;
  readonly section: BodySection;
  /** Absent: the whole section. @see RFC 5092, section 6; RFC 5550 (URL-PARTIAL) */
  readonly partial?: {
    readonly offsetBytes: number;
    /** Infinity: up to the end. */
    readonly countBytes: number;
  };
}

/** `iabsolute-path` with `imessagepart`: mailbox, UIDVALIDITY, UID, section, offset, count. None of them has a semicolon in it. */
const messageUrl =
  /^\/([^/;?#][^;?#]*?)(?:;UIDVALIDITY=(\d+))?\/;UID=(\d+)(?:\/;SECTION=([^;?#]+?))?(?:\/;PARTIAL=(\d+)(?:\.(\d+))?)?$/i;

const wholeMessage: BodySection = { part: [], text: { kind: 'all' } };

/**
 * Reads an IMAP URL that names a message, or a part of one, relative to a server and its user: it begins with the slash before
 * the mailbox name. Undefined for any other text.
 *
 * @param url - as it came, one character a byte
 * @see RFC 5092, sections 6, 7.1 and 11; RFC 4469, section 3
 */
export function parseMessageUrl(url: string): MessageUrl | undefined {
  const match = messageUrl.exec(url);
  if (match === null) return undefined;
  const [, encodedName = '', validity, uid, encodedSection, offset, count] = match;
  const mailboxName = decodeText(encodedName);
  const section =
    encodedSection === undefined ? wholeMessage : parseSection(decodeBytes(encodedSection));
  const numbers = [uid, validity ?? '1', count ?? '1'].map(Number);
  const areGood = numbers.every((number) => number >= 1 && number <= maxNumber);
  const isGood = areGood && (offset === undefined || Number.isSafeInteger(Number(offset)));
  if (mailboxName === undefined || section === undefined || !isGood) return undefined;
  return {
    mailboxName: mailboxName.toUpperCase() === 'INBOX' ? 'INBOX' : mailboxName,
    ...(validity !== undefined && { uidValidity: Number(validity) }),
    uid: Number(uid),
    section,
    ...(offset !== undefined && {
      partial: { offsetBytes: Number(offset), countBytes: Number(count ?? Infinity) },
    }),
  };
}

function parseSection(bytes: Buffer | undefined): BodySection | undefined {
  if (bytes === undefined) return undefined;
  try {
    const decoder = new Decoder(bytes);
    const section = expectSectionSpec(decoder);
    decoder.expectEnd();
    return section;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Names are UTF-8 in URLs (RFC 5092, section 8). */
function decodeText(encoded: string): string | undefined {
  const bytes = decodeBytes(encoded);
  return bytes !== undefined && isUtf8(bytes) ? bytes.toString('utf8').normalize('NFC') : undefined;
}

/** The bytes of percent-encoded text; undefined if it has bytes that have to be encoded, or a percent sign that encodes nothing. */
function decodeBytes(encoded: string): Buffer | undefined {
  if (!/^(?:[!-$&-~]|%[0-9a-f]{2})*$/i.test(encoded)) return undefined;
  const text = encoded.replace(/%(..)/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(text, 'latin1');
}

/** A URL as a response code can have it: what is not printable ASCII, quotes and brackets are percent-encoded. */
export function encodeUrlForCode(url: string): string {
  return url.replace(
    /[^!-~]|["\\\]]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
