import { encodeList, encodeNString, joinWireText, nil, type WireText } from '../wire-text.ts';
import { parseAddressList, type EnvelopeAddress } from './address-list.ts';
import { findHeaderValue, hasName, type HeaderField } from './header-fields.ts';
import { mimeLimits } from './limits.ts';

/**
 * The ENVELOPE of a message. Sender and Reply-To default to From. Of a repeated Date, Subject, In-Reply-To or Message-ID the first counts; the addresses of repeated
 * address fields are joined.
 *
 * @param fields the header of the message
 * @see RFC 3501, section 7.4.2
 */
export function writeEnvelope(fields: readonly HeaderField[]): WireText {
  const from = readAddresses(fields, 'from');
  const sender = readAddresses(fields, 'sender');
  const replyTo = readAddresses(fields, 'reply-to');
  return encodeList([
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
  ]);
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

/** Names of the fields that have addresses, in lower case. */
const addressFields = ['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'];

/** True if an envelope could not have all addresses of a kind. Each one but the first stands behind a separator. */
export function hasTooManyAddresses(fields: readonly HeaderField[]): boolean {
  return addressFields.some((name) => {
    const values = fields.filter((field) => hasName(field, name)).map(({ value }) => value);
    // Most fields are shorter than so many separators.
    if (values.reduce((sum, { length }) => sum + length + 1, 0) < mimeLimits.addressCount)
      return false;
    const separators = values.join(',').match(/[,;:]/g) ?? [];
    return separators.length >= mimeLimits.addressCount;
  });
}

function writeAddresses(addresses: readonly EnvelopeAddress[]): WireText {
  return addresses.length === 0 ? nil : encodeList([joinWireText(addresses.map(writeAddress))]);
}

function writeAddress({ name, route, mailbox, host }: EnvelopeAddress): WireText {
  return encodeList([name, route, mailbox, host].map((text) => encodeNString(text)));
}
