import type { HeaderField } from '../protocol/mime/header-fields.ts';
import { HeaderFilter } from '../protocol/mime/header-filter.ts';
import { limits } from './limits.ts';

/**
 * The header fields that mail clients ask for when they list messages (Thunderbird, Apple Mail, Outlook, K-9, Roundcube,
 * mutt), in lower case. A store keeps them apart from the rest of a message; a header is mostly what servers on the way
 * have added. Another list is another step of the schema, since rows were made by this one.
 */
const usualFieldNames: readonly string[] = [
  'auto-submitted',
  'bcc',
  'cc',
  'chat-version',
  'content-description',
  'content-transfer-encoding',
  'content-type',
  'date',
  'disposition-notification-to',
  'followup-to',
  'from',
  'importance',
  'in-reply-to',
  'lines',
  'list-id',
  'list-post',
  'list-unsubscribe',
  'message-id',
  'mime-version',
  'newsgroups',
  'precedence',
  'priority',
  'references',
  'reply-to',
  'sender',
  'subject',
  'to',
  'x-k9mail-identity',
  'x-label',
  'x-priority',
  'x-uniform-type-identifier',
  'x-universally-unique-identifier',
];
const usualNames = new Set(usualFieldNames);
const usualFilter = new HeaderFilter(usualFieldNames, false);
const filters = new Map(usualFieldNames.map((name) => [name, new HeaderFilter([name], false)]));

/** True for a field that is kept apart; names are compared without regard to case. */
export function isUsualField(name: string): boolean {
  return usualNames.has(name) || usualNames.has(name.toLowerCase());
}

/**
 * The usual fields of a header, in order and unchanged, with its blank line: who looks for one of them finds here what
 * the header has. Undefined if they are too many to be kept apart.
 *
 * @param header all of it, blank line included
 */
export function selectUsualFields(header: Uint8Array): Uint8Array | undefined {
  if (header.length > limits.chunkBytes) return undefined;
  const fields = usualFilter.apply(header);
  if (fields.length > limits.usualFieldsBytes) return undefined;
  // In memory of its own: what is sent to another thread takes all of its memory along.
  return new Uint8Array(fields);
}

/** Those of the usual fields that have a name, which is in lower case and usual. */
export function findUsualFields(usualFields: Uint8Array, name: string): readonly HeaderField[] {
  const text = Buffer.from(usualFields).toString('latin1');
  return filters.get(name)!.fieldsOf(text, 0, text.length);
}
