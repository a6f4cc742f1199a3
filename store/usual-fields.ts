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

/**
 * The usual fields of several messages. They lie in one array, since an array for each message takes longer to make than all
 * that is done with it.
 */
export interface UsualFieldsColumn {
  /** Those of the first message, then those of the second, and so on; perhaps nothing of a message. */
  readonly bytes: Uint8Array;
  /**
   * For each message where its fields begin, and behind the last message the end: so one more than there are messages. A
   * message of no bytes is one whose fields are not kept apart, or that has none.
   */
  readonly offsets: Uint32Array;
}

/** @param fields of each message; undefined if they are not kept apart */
export function joinUsualFields(fields: readonly (Uint8Array | undefined)[]): UsualFieldsColumn {
  const offsets = new Uint32Array(fields.length + 1);
  for (const [index, each] of fields.entries()) {
    offsets[index + 1] = offsets[index]! + (each?.length ?? 0);
  }
  const bytes = new Uint8Array(offsets.at(-1)!);
  for (const [index, each] of fields.entries()) if (each) bytes.set(each, offsets[index]);
  return { bytes, offsets };
}
