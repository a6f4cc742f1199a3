import { hash } from 'node:crypto';
import { type EnvelopeAddress, parseAddressList } from '../protocol/mime/address-list.ts';
import { isAsciiText } from '../protocol/mime/ascii-text.ts';
import { findBaseSubject } from '../protocol/mime/base-subject.ts';
import { decodeEncodedWords } from '../protocol/mime/encoded-words.ts';
import { findHeaderValue, type HeaderField } from '../protocol/mime/header-fields.ts';
import { toBuffer } from '../protocol/mime/charsets/charset-decoder.ts';
import { HeaderFilter } from '../protocol/mime/header-filter.ts';
import { parseMailDate } from '../protocol/mime/mail-date.ts';
import { limits } from './limits.ts';

/**
 * What SORT and THREAD compare of a message (RFC 5256, RFC 5957). Texts are folded as i;unicode-casemap compares them: by
 * their UTF-8, byte by byte. Of a text of more than `limits.sortKeyCharacters` the end stands for itself as a hash, so that
 * only equal texts are equal.
 */
export interface SortKeys {
  /** RFC 5256, section 2.1. */
  readonly baseSubject: string;
  /** True if the subject says that the message is a reply, or forwards another. */
  readonly isReplyOrForward: boolean;
  /** The local part of the first address of the field; empty if it has none. */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  /** The name of the first address of the field, or else the address. */
  readonly displayFrom: string;
  readonly displayTo: string;
  /** What the Date field names, in seconds since 1970; undefined if it cannot be read: the internal date counts then. */
  readonly sentSeconds: number | undefined;
  /** Hash of the Message-ID, 16 hexadecimal digits; undefined if there is none. */
  readonly messageId: string | undefined;
  /**
   * Hashes of the messages that this one follows: the first is the root of its thread, the last its parent. Empty if it follows
   * none. In the middle some are left out if they are very many.
   */
  readonly references: readonly string[];
}

/** What sort keys are made of. */
const sortFields = new HeaderFilter(
  ['subject', 'from', 'to', 'cc', 'date', 'message-id', 'references', 'in-reply-to'],
  false,
);

/** Hexadecimal digits of the hash of a Message-ID: 8 bytes. */
const messageIdDigits = 16;

/**
 * Reads the sort keys of a message.
 *
 * @param header fields with what sort keys are made of; others are passed over
 * @param sentDay day of the Date field, which counts if the time cannot be read; undefined if there is none
 */
export function readSortKeys(header: Uint8Array, sentDay: number | undefined): SortKeys {
  const text = toBuffer(header).toString('latin1');
  const fields = sortFields.fieldsOf(text, 0, text.length);
  const subject = findBaseSubject(decode(findHeaderValue(fields, 'subject') ?? ''));
  const [from, to, cc] = [
    firstAddress(fields, 'from'),
    firstAddress(fields, 'to'),
    firstAddress(fields, 'cc'),
  ];
  const [messageId] = readMessageIds(findHeaderValue(fields, 'message-id'));
  return {
    baseSubject: toKey(subject.text),
    isReplyOrForward: subject.isReplyOrForward,
    from: toKey(from?.mailbox ?? ''),
    to: toKey(to?.mailbox ?? ''),
    cc: toKey(cc?.mailbox ?? ''),
    displayFrom: toKey(displayName(from)),
    displayTo: toKey(displayName(to)),
    sentSeconds: readSentSeconds(findHeaderValue(fields, 'date'), sentDay),
    messageId: messageId === undefined ? undefined : hashMessageId(messageId),
    references: readReferences(fields, messageId).map(hashMessageId),
  };
}

/** The form in which a text is compared. @see RFC 5051 */
function toKey(text: string): string {
  const folded = isAsciiText(text)
    ? text.toUpperCase()
    : text.normalize('NFKD').toUpperCase().normalize('NFKD').toWellFormed();
  if (folded.length <= limits.sortKeyCharacters) return folded;
  const digest = hash('sha256', folded, 'base64url');
  // A hash of 132 bits; cut where no character is cut in two.
  return `${folded.slice(0, limits.sortKeyCharacters - 22).toWellFormed()}${digest.slice(0, 22)}`;
}

/** Undefined if the field names no address; group names are none. */
function firstAddress(fields: readonly HeaderField[], name: string): EnvelopeAddress | undefined {
  const value = findHeaderValue(fields, name);
  if (value === undefined) return undefined;
  return parseAddressList(value, addressesLookedAt).find(({ host }) => host !== undefined);
}

/** The name of a group stands before its first address. */
const addressesLookedAt = 3;

function displayName(address: EnvelopeAddress | undefined): string {
  if (address === undefined) return '';
  const { name, mailbox = '', host = '' } = address;
  if (name !== undefined && name !== '') return decode(name);
  return host === '' ? mailbox : `${mailbox}@${host}`;
}

function readSentSeconds(
  date: string | undefined,
  sentDay: number | undefined,
): number | undefined {
  const sent = parseMailDate(date ?? '');
  if (sent !== undefined) return sent.epochMs / 1000;
  return sentDay === undefined ? undefined : sentDay * 86_400;
}

/** Those of References, or else the first of In-Reply-To. @see RFC 5256, section 3 (REFERENCES) */
function readReferences(fields: readonly HeaderField[], messageId: string | undefined): string[] {
  const named = readMessageIds(findHeaderValue(fields, 'references'));
  const references =
    named.length > 0 ? named : readMessageIds(findHeaderValue(fields, 'in-reply-to')).slice(0, 1);
  const others = references.filter((id) => id !== messageId);
  if (others.length <= limits.sortKeyReferences) return others;
  return [others[0]!, ...others.slice(1 - limits.sortKeyReferences)];
}

/** Without angle brackets and quotes, in which one and the same id may be written. */
function readMessageIds(value: string | undefined): string[] {
  if (value === undefined) return [];
  return [...value.matchAll(/<([^<>]+)>/g)]
    .map(([, id = '']) => id.replaceAll(/[\s"\\]/g, ''))
    .filter((id) => id !== '');
}

function hashMessageId(id: string): string {
  return hash('sha256', id).slice(0, messageIdDigits);
}

/** As `decodeEncodedWords`, at once for text that has none. */
function decode(value: string): string {
  return value.includes('=?') || !isAsciiText(value) ? decodeEncodedWords(value) : value;
}
