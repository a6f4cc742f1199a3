import { limits } from '../../limits.ts';
import { damage } from '../damage.ts';
import type { Database } from '../database.ts';
import { deletedBit, seenBit } from '../flag-words.ts';
import {
  highestOf,
  lowestOf,
  numberSets,
  packBehind,
  type PackedState,
  type PackedStates,
  packStates,
  unpackStates,
} from './packed-states.ts';

/*
 * The states of a mailbox's messages lie in pages, rows of `state_pages`. Each page has the messages from its `first_uid` on to
 * below that of the next page, and at least one. What lies behind the end of the mailbox, which nobody is to see yet, may be
 * in a page with what is seen.
 */

/** A page as it was read. */
export interface StatePage {
  readonly id: number;
  /** The UID from which on messages are in this page; the first one of `states` may be larger. */
  readonly firstUid: number;
  readonly unseenCount: number;
  readonly deletedCount: number;
  /** Of the states as they are stored. */
  readonly packedBytes: number;
  readonly states: PackedStates;
}

const columns = 'id, first_uid, unseen_count, deleted_count, states';

type PageRow = [
  id: number,
  firstUid: number,
  unseenCount: number,
  deletedCount: number,
  packed: Uint8Array,
];

/** @throws {StoreError} `CORRUPTION` if it is not what was stored */
function toPage(row: PageRow): StatePage {
  const [id, firstUid, unseenCount, deletedCount, packed] = row;
  const states = unpackStates(packed);
  if (states === undefined) throw damage(`State page ${id} is not what was stored`);
  return { id, firstUid, unseenCount, deletedCount, packedBytes: packed.length, states };
}

/** The `first_uid` of the page that a UID would be in: a condition on one of `first_uid` has ?1 for the mailbox, ?2 for the UID. */
export const pageOfUid = `coalesce((SELECT max(first_uid) FROM state_pages
  WHERE mailbox_id = ?1 AND first_uid <= ?2), 0)`;

/** The pages of a mailbox that may have a UID, or larger ones, ascending. The caller leaves its loop before it awaits anything. */
export function* pagesFrom(
  database: Database,
  mailboxId: number,
  uid: number,
): Generator<StatePage, void, undefined> {
  const rows = database.iterate<PageRow>(
    `SELECT ${columns} FROM state_pages
     WHERE mailbox_id = ?1 AND first_uid >= ${pageOfUid} ORDER BY first_uid`,
    mailboxId,
    uid,
  );
  for (const row of rows) yield toPage(row);
}

/** The page of an id, which there is. */
export function pageOf(database: Database, id: number): StatePage {
  return toPage(database.row<PageRow>(`SELECT ${columns} FROM state_pages WHERE id = ?`, id)!);
}

/**
 * The first page that has a message of this UID or a larger one; undefined if there is none.
 *
 * @param isDeletedOnly - passes over pages without \Deleted
 */
export function findPage(
  database: Database,
  mailboxId: number,
  uid: number,
  isDeletedOnly = false,
): StatePage | undefined {
  const condition = isDeletedOnly ? 'AND deleted_count > 0' : '';
  const find = (bound: string, value: number) => {
    const row = database.row<PageRow>(
      `SELECT ${columns} FROM state_pages
       WHERE mailbox_id = ?1 AND first_uid ${bound} ${condition} ORDER BY first_uid LIMIT 1`,
      mailboxId,
      value,
    );
    return row && toPage(row);
  };
  const page = find(`>= ${pageOfUid}`, uid);
  // The UID may be behind its last message.
  if (page === undefined || page.states.uids.at(-1)! >= uid) return page;
  return find('> ?2', page.firstUid);
}

/** The first message without \Seen, of which the mailbox has one: how many messages are before it. */
export function countBeforeUnseen(database: Database, mailboxId: number): number {
  const row = database.row<[...PageRow, before: number]>(
    `SELECT ${columns}, (SELECT total(message_count) FROM state_pages b
       WHERE b.mailbox_id = p.mailbox_id AND b.first_uid < p.first_uid)
     FROM state_pages p WHERE mailbox_id = ? AND unseen_count > 0 ORDER BY first_uid LIMIT 1`,
    mailboxId,
  );
  if (row === undefined) throw damage(`Mailbox ${mailboxId} lacks its unseen messages`);
  const [before] = row.splice(5) as [number];
  const { flags, sets } = toPage(row as unknown as PageRow).states;
  return before + flags.findIndex((number) => (sets[number]![0] & seenBit) === 0);
}

/** What the counters of a mailbox count of some states. */
export interface StateCounts {
  readonly unseenCount: number;
  readonly deletedCount: number;
}

export function countStates({ flags, sets }: PackedStates): StateCounts {
  const bySet = new Uint32Array(sets.length);
  for (let index = 0; index < flags.length; index++) bySet[flags[index]!]!++;
  let [unseenCount, deletedCount] = [0, 0];
  for (let number = 0; number < sets.length; number++) {
    const [system] = sets[number]!;
    if ((system & seenBit) === 0) unseenCount += bySet[number]!;
    if ((system & deletedBit) !== 0) deletedCount += bySet[number]!;
  }
  return { unseenCount, deletedCount };
}

/** Those of the states at places from `start` on to before `end`. */
export function sliceStates(states: PackedStates, start: number, end?: number): PackedStates {
  return {
    uids: states.uids.subarray(start, end),
    modseqs: states.modseqs.subarray(start, end),
    flags: states.flags.subarray(start, end),
    sets: states.sets,
  };
}

/** Those of the states that are kept, and their sets of flags. */
export function filterStates(states: PackedStates, isKept: Uint8Array): PackedStates {
  const keeps = (_: number, index: number): boolean => isKept[index] === 1;
  const { sets, numbers } = numberSets(states.flags.filter(keeps), states.sets);
  return {
    uids: states.uids.filter(keeps),
    modseqs: states.modseqs.filter(keeps),
    flags: numbers,
    sets,
  };
}

/** States, and others of larger UIDs. */
function joinStates(a: PackedStates, b: PackedStates): PackedStates {
  const { length } = a.uids;
  const uids = new Uint32Array(length + b.uids.length);
  const modseqs = new Float64Array(uids.length);
  const flags = new Uint16Array(uids.length);
  uids.set(a.uids);
  uids.set(b.uids, length);
  modseqs.set(a.modseqs);
  modseqs.set(b.modseqs, length);
  flags.set(a.flags);
  for (let index = 0; index < b.flags.length; index++) {
    flags[length + index] = a.sets.length + b.flags[index]!;
  }
  return { uids, modseqs, flags, sets: [...a.sets, ...b.sets] };
}

/** Adds the state of one message behind all others of a mailbox. */
export function appendState(database: Database, mailboxId: number, state: PackedState): void {
  const last = readLastPage(database, mailboxId);
  const packed = last?.hasRoom === true ? packBehind(last.packed, state) : undefined;
  if (last === undefined || packed === undefined) {
    const { uid, modseq, words } = state;
    return appendStates(database, mailboxId, {
      uids: Uint32Array.of(uid),
      modseqs: Float64Array.of(modseq),
      flags: Uint16Array.of(0),
      sets: [words],
    });
  }
  const [system] = state.words;
  database.run(
    `UPDATE state_pages SET highest_modseq = ?, message_count = message_count + 1,
       unseen_count = unseen_count + ?, deleted_count = deleted_count + ?, states = ?
     WHERE id = ?`,
    state.modseq,
    (system & seenBit) === 0 ? 1 : 0,
    (system & deletedBit) === 0 ? 0 : 1,
    packed,
    last.id,
  );
}

/** The last page of a mailbox, and whether messages can be added to it. */
function readLastPage(
  database: Database,
  mailboxId: number,
): { readonly id: number; readonly packed: Uint8Array; readonly hasRoom: boolean } | undefined {
  const row = database.row<[id: number, count: number, packed: Uint8Array]>(
    `SELECT id, message_count, states FROM state_pages
     WHERE mailbox_id = ? ORDER BY first_uid DESC LIMIT 1`,
    mailboxId,
  );
  if (row === undefined) return undefined;
  const [id, count, packed] = row;
  const hasRoom = count < limits.statePageMessages && packed.length < limits.statePageBytes;
  return { id, packed, hasRoom };
}

/** Adds states behind all others of a mailbox: to its last page, as far as there is room, and to new ones. */
export function appendStates(database: Database, mailboxId: number, states: PackedStates): void {
  const count = states.uids.length;
  let start = 0;
  const last = readLastPage(database, mailboxId);
  if (last?.hasRoom === true) {
    const page = pageOf(database, last.id);
    start = Math.min(count, limits.statePageMessages - page.states.uids.length);
    const joined = joinStates(page.states, sliceStates(states, 0, start));
    writePage(database, mailboxId, { ...page, states: joined });
  }
  for (; start < count; start += limits.statePageMessages) {
    const rest = sliceStates(states, start, start + limits.statePageMessages);
    writePage(database, mailboxId, { firstUid: rest.uids[0]!, states: rest });
  }
}

/** Writes other states of the same messages, or of some of them; a page of which nothing is left goes. */
export function replaceStates(
  database: Database,
  mailboxId: number,
  page: StatePage,
  states: PackedStates,
): void {
  const count = states.uids.length;
  if (count === 0) return removePage(database, page.id);
  const isSmall = count <= limits.smallStatePageMessages;
  if (isSmall && (count < page.states.uids.length || isLighter(page, states))) {
    return writeSmallPage(database, mailboxId, { ...page, states });
  }
  writePage(database, mailboxId, { ...page, states });
}

/** True if less than half of a full page is left of a page that had more, as of one that was divided for its keywords. */
function isLighter({ packedBytes }: StatePage, states: PackedStates): boolean {
  const half = limits.statePageBytes / 2;
  return packedBytes > half && packStates(states).length <= half;
}

/**
 * Writes a page that has become small together with the one before it, or behind it, if both are: so there are no more pages
 * than messages of half a small page, and no page is read for that which is not small.
 */
function writeSmallPage(database: Database, mailboxId: number, page: StatePage): void {
  const { firstUid, states } = page;
  const before = findSmall(database, mailboxId, page, 'first_uid < ?2 ORDER BY first_uid DESC');
  if (before !== undefined) {
    removePage(database, page.id);
    const joined = joinStates(before.states, states);
    return writePage(database, mailboxId, { ...before, states: joined });
  }
  const behind = findSmall(database, mailboxId, page, 'first_uid > ?2 ORDER BY first_uid');
  if (behind === undefined) return writePage(database, mailboxId, page);
  removePage(database, behind.id);
  const joined = joinStates(states, behind.states);
  writePage(database, mailboxId, { id: page.id, firstUid, states: joined });
}

/** The neighbour of a page, if both together are small. */
function findSmall(
  database: Database,
  mailboxId: number,
  { firstUid, states }: StatePage,
  order: string,
): StatePage | undefined {
  const row = database.row<[id: number, count: number, bytes: number]>(
    `SELECT id, message_count, length(states) FROM state_pages
     WHERE mailbox_id = ?1 AND ${order} LIMIT 1`,
    mailboxId,
    firstUid,
  );
  if (row === undefined) return undefined;
  const [id, count, bytes] = row;
  const isSmall =
    count + states.uids.length <= limits.smallStatePageMessages &&
    bytes + packStates(states).length <= limits.statePageBytes;
  return isSmall ? pageOf(database, id) : undefined;
}

function removePage(database: Database, id: number): void {
  database.run('DELETE FROM state_pages WHERE id = ?', id);
}

/** Changes a page, or adds one if it has no id; in two halves if it has too many bytes. */
function writePage(
  database: Database,
  mailboxId: number,
  { id, firstUid, states }: Pick<StatePage, 'firstUid' | 'states'> & { readonly id?: number },
): void {
  const count = states.uids.length;
  const packed = packStates(states);
  if (packed.length > 2 * limits.statePageBytes && count > 1) {
    const half = Math.ceil(count / 2);
    const [begin, rest] = [sliceStates(states, 0, half), sliceStates(states, half)];
    writePage(database, mailboxId, { ...(id !== undefined && { id }), firstUid, states: begin });
    return writePage(database, mailboxId, { firstUid: rest.uids[0]!, states: rest });
  }
  const { unseenCount, deletedCount } = countStates(states);
  const { modseqs } = states;
  const values = [lowestOf(modseqs), highestOf(modseqs), count, unseenCount, deletedCount, packed];
  if (id === undefined) {
    database.run(
      `INSERT INTO state_pages (lowest_modseq, highest_modseq, message_count, unseen_count,
         deleted_count, states, mailbox_id, first_uid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...values,
      mailboxId,
      firstUid,
    );
    return;
  }
  database.run(
    `UPDATE state_pages SET lowest_modseq = ?, highest_modseq = ?, message_count = ?,
       unseen_count = ?, deleted_count = ?, states = ? WHERE id = ?`,
    ...values,
    id,
  );
}
