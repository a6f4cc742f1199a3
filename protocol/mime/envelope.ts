import { encodeNString } from '../wire-text.ts';
import { parseAddressList, type EnvelopeAddress } from './address-list.ts';
import { findHeaderValue, hasName, type HeaderField } from './header-fields.ts';
import { mimeLimits } from './limits.ts';

/**
 * The ENVELOPE of a message as wire text, one character for each octet. Sender and Reply-To default to
 * From. Of a repeated Date, Subject, In-Reply-To or Message-ID the first counts; the addresses of repeated
 * address fields are joined.
 *
 * @param fields the header of the message
 * @see RFC 3501, section 7.4.2
 */
export function writeEnvelope(fields: readonly HeaderField[]): string {
  const from = readAddresses(fields, 'from');
  const sender = readAddresses(fields, 'sender');
  const replyTo = readAddresses(fields, 'reply-to');
  return `(${[
    encodeNString(findHeaderValue(fields, 'date')),
    encodeNString(findHeaderValue(fields, 'subject')),
    writeAddresses(from),
    writeAddresses(sender.length > 0 ? sender : from),
    writeAddresses(replyTo.length > 0 ? replyTo : from),
    writeAddresses(readAddresses(fields, 'to')),
    writeAddresses(readAddresses(fields, 'cc')),
    writeAddresses(readAddresses(fields, 'bcc')),
    encodeNString(findHeaderValue(fields, 'in-reply-to')),
    encodeNString(findHeaderValue(fields, 'message-id')),
  ].join(' ')})`;
}

function readAddresses(fields: readonly HeaderField[], lowerCaseName: string): EnvelopeAddress[] {
  const addresses: EnvelopeAddress[] = [];
  for (const field of fields) {
    const limit = mimeLimits.addressCount - addresses.length;
    if (hasName(field, lowerCaseName)) {
      addresses.push(...parseAddressList(field.value, limit));
    }
  }
  return addresses;
}

function writeAddresses(addresses: readonly EnvelopeAddress[]): string {
  return addresses.length === 0 ? 'NIL' : `(${addresses.map(writeAddress).join('')})`;
}

function writeAddress({ name, route, mailbox, host }: EnvelopeAddress): string {
  return `(${[name, route, mailbox, host].map(encodeNString).join(' ')})`;
}
