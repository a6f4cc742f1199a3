import type { SortText } from '../message-rows.ts';
import type { SortKeys } from '../sort-keys.ts';
import type { Database, SqlValue } from './database.ts';

/** The sort keys of a body in place of others that it may have. */
export function keepSortKeys(database: Database, bodyId: number, keys: SortKeys): void {
  database.run(
    `INSERT OR REPLACE INTO sort_keys (body_id, sent_seconds, is_reply_or_forward, base_subject, from_key,
       to_key, cc_key, display_from, display_to, message_id, thread_references)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    bodyId,
    ...toSortKeyValues(keys),
  );
}

/** As the columns of a row have them, behind the body's id. */
export function toSortKeyValues(keys: SortKeys): SqlValue[] {
  return [
    keys.sentSeconds ?? null,
    keys.isReplyOrForward ? 1 : 0,
    keys.baseSubject,
    keys.from,
    keys.to,
    keys.cc,
    keys.displayFrom,
    keys.displayTo,
    keys.messageId === undefined ? null : Buffer.from(keys.messageId, 'hex'),
    keys.references.length === 0 ? null : Buffer.from(keys.references.join(''), 'hex'),
  ];
}

/** SQL for the sort keys of a row `k` of the table as one value; null if there is no row. */
export const sortKeysSql = `CASE WHEN k.body_id IS NOT NULL THEN json_array(k.sent_seconds,
  k.is_reply_or_forward, k.base_subject, k.from_key, k.to_key, k.cc_key, k.display_from, k.display_to,
  lower(hex(k.message_id)), lower(hex(k.thread_references))) END`;

/** What the table calls the texts of sort keys. */
export const sortTextColumns: readonly (readonly [column: SortText, name: string])[] = [
  ['baseSubject', 'base_subject'],
  ['sortFrom', 'from_key'],
  ['sortTo', 'to_key'],
  ['sortCc', 'cc_key'],
  ['displayFrom', 'display_from'],
  ['displayTo', 'display_to'],
];

type SortKeyValues = [
  sentSeconds: number | null,
  isReplyOrForward: number,
  ...texts: [string, string, string, string, string, string],
  messageId: string,
  references: string,
];

/** What {@link sortKeysSql} has yielded; undefined if there is no row. */
export function toSortKeys(value: SqlValue): SortKeys | undefined {
  if (typeof value !== 'string') return undefined;
  const [sentSeconds, isReply, ...texts] = JSON.parse(value) as SortKeyValues;
  const [baseSubject, from, to, cc, displayFrom, displayTo, messageId, references] = texts;
  return {
    baseSubject,
    isReplyOrForward: isReply === 1,
    from,
    to,
    cc,
    displayFrom,
    displayTo,
    sentSeconds: sentSeconds ?? undefined,
    messageId: messageId === '' ? undefined : messageId,
    references: references.match(/.{16}/g) ?? [],
  };
}
