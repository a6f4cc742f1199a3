import { lowerBound } from '../../../protocol/sequence-set.ts';
import { withoutUids } from '../../../protocol/sorted-uids.ts';
import type { Database } from '../database.ts';
import { keywordNumbers } from '../flag-words.ts';
import { unknownKeywords } from '../keywords.ts';
import { highestOf, lowestOf, type PackedStates, unpackStates } from './packed-states.ts';
import { countStates, sliceStates } from './state-pages.ts';

type MailboxRow = [
  id: number,
  isRemoved: number,
  uidNext: number,
  highestModseq: number,
  unseenCount: number,
  deletedCount: number,
  hasUnpublished: number,
];

/**
 * What is wrong with the states of messages, one line each: nothing in a sound store. Every message of a mailbox that is not
 * removed has a row, and a state in the page that has its UID.
 */
export function findStateFaults(database: Database): string[] {
  const mailboxes = database.rows<MailboxRow>(
    `SELECT x.id, x.account_id IS NULL, x.uid_next, x.highest_modseq, x.unseen_count, x.deleted_count,
       u.mailbox_id IS NOT NULL
     FROM mailboxes x LEFT JOIN unpublished_copies u ON u.mailbox_id = x.id ORDER BY x.id`,
  );
  return mailboxes.flatMap((mailbox) => findFaultsOf(database, mailbox));
}

type PageRow = [
  id: number,
  firstUid: number,
  lowestModseq: number,
  highestModseq: number,
  messageCount: number,
  unseenCount: number,
  deletedCount: number,
  packed: Uint8Array,
];

function findFaultsOf(database: Database, mailbox: MailboxRow): string[] {
  const [mailboxId, isRemoved, uidNext, , unseenCount, deletedCount] = mailbox;
  const pages = database.rows<PageRow>(
    `SELECT id, first_uid, lowest_modseq, highest_modseq, message_count, unseen_count, deleted_count,
       states
     FROM state_pages WHERE mailbox_id = ? ORDER BY first_uid`,
    mailboxId,
  );
  const faults: string[] = [];
  const counts = { unseenCount: 0, deletedCount: 0 };
  let isWhole = isRemoved === 0;
  for (const [index, page] of pages.entries()) {
    const endUid = pages[index + 1]?.[1] ?? Infinity;
    const states = unpackStates(page[7]);
    const fault = findPageFault(page, states, endUid);
    if (fault !== undefined) faults.push(`State page ${page[0]} of mailbox ${mailboxId} ${fault}`);
    isWhole &&= states !== undefined;
    if (states === undefined || isRemoved === 1) continue;
    const range = [index === 0 ? 0 : page[1], endUid] as const;
    faults.push(...findMessageFaults(database, mailbox, { states, range }));
    const seen = sliceStates(states, 0, lowerBound(states.uids, states.uids.length, uidNext));
    const { unseenCount: unseen, deletedCount: deleted } = countStates(seen);
    counts.unseenCount += unseen;
    counts.deletedCount += deleted;
  }
  if (pages.length === 0 && isWhole) faults.push(...findRowsWithout(database, mailboxId));
  const isEqual = counts.unseenCount === unseenCount && counts.deletedCount === deletedCount;
  if (isWhole && !isEqual) faults.push(`Counters of mailbox ${mailboxId} differ from its states`);
  return faults;
}

function findPageFault(
  [, firstUid, ...counts]: PageRow,
  states: PackedStates | undefined,
  endUid: number,
): string | undefined {
  if (states === undefined) return 'is not what was stored';
  const { uids, modseqs } = states;
  const isAscending = uids.every((uid, index) => index === 0 || uid > uids[index - 1]!);
  if (!isAscending || uids[0]! < firstUid || uids.at(-1)! >= endUid) {
    return 'has UIDs that are not in its place';
  }
  const { unseenCount, deletedCount } = countStates(states);
  const own = [lowestOf(modseqs), highestOf(modseqs), uids.length, unseenCount, deletedCount];
  const isEqual = own.every((count, index) => count === counts[index]);
  return isEqual ? undefined : 'counts otherwise than it has messages';
}

/** Compares the states of a page with what else is known of its messages. */
function findMessageFaults(
  database: Database,
  [mailboxId, , uidNext, highestModseq, , , hasUnpublished]: MailboxRow,
  page: { readonly states: PackedStates; readonly range: readonly [from: number, to: number] },
): string[] {
  const { uids, modseqs, flags, sets } = page.states;
  const faults: string[] = [];
  const addFault = (uid: number, text: string) =>
    void faults.push(`Message ${uid} of mailbox ${mailboxId} ${text}`);
  for (const [index, uid] of uids.entries()) {
    if (hasUnpublished === 1 && uid >= uidNext) continue;
    const modseq = modseqs[index]!;
    if (modseq < 1 || modseq > highestModseq) addFault(uid, 'has a modseq that is past a bound');
  }
  for (const [number, words] of sets.entries()) {
    const unknown = unknownKeywords(database, mailboxId, keywordNumbers(words));
    if (unknown.length === 0) continue;
    addFault(uids[flags.indexOf(number)]!, `has unknown keywords: ${unknown.join(', ')}`);
  }
  const rows = readRowUids(database, mailboxId, page.range);
  for (const uid of withoutUids(uids, rows)) addFault(uid, 'has a state and no row');
  for (const uid of withoutUids(rows, uids)) addFault(uid, 'has no state');
  return faults;
}

function findRowsWithout(database: Database, mailboxId: number): string[] {
  const uids = readRowUids(database, mailboxId, [0, Infinity]);
  return Array.from(uids, (uid) => `Message ${uid} of mailbox ${mailboxId} has no state`);
}

function readRowUids(
  database: Database,
  mailboxId: number,
  range: readonly [from: number, to: number],
): Uint32Array {
  const row = database.row<[string]>(
    `SELECT json_group_array(uid) FROM (SELECT uid FROM messages
       WHERE mailbox_id = ? AND uid >= ? AND uid < ? ORDER BY uid)`,
    mailboxId,
    ...range,
  );
  return Uint32Array.from(JSON.parse(row![0]) as number[]);
}
