import type { SQLInputValue } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Flag } from '../../protocol/flag.ts';
import { limits } from '../limits.ts';
import type { MailboxKey } from '../mail-store.ts';
import type { MailboxChanges, MessageStates } from '../mailbox-changes.ts';
import type { Database } from './database.ts';
import { checkRemembered, readExpunged } from './expunged.ts';
import { type FlagWords } from './flag-words.ts';
import { type KeywordTable, readKeywords } from './keywords.ts';
import { damage } from './damage.ts';
import { type MailboxCounters, readCounters } from './mailbox-counters.ts';

/**
 * The flags of a message as SQL and JSON carry them: the number of the system flags alone, which most messages
 * have, or all words as text.
 */
export type FlagKey = number | string;

/** A {@link FlagKey} of the columns of `messages`. */
export const flagKeySql = `CASE WHEN keywords_low | keywords_high = 0 AND keywords_more = '' THEN system_flags
  ELSE system_flags || ',' || keywords_low || ',' || keywords_high || ',' || keywords_more END`;

/**
 * Columns of UID, modseq and flags, each one JSON array: Node reads 10,000 messages so in a third of the time
 * that rows take.
 */
export type StateColumns = [uids: string, modseqs: string, flagKeys: string];

/** The columns of the messages that `source` (with all columns of `messages`, in the wanted order) yields. */
export function stateColumnsSql(source: string): string {
  return `SELECT json_group_array(uid), json_group_array(modseq), json_group_array(flag_key)
    FROM (SELECT uid, modseq, ${flagKeySql} AS flag_key FROM ${source})`;
}

/** The different flags of some messages, numbered from 0 in the order in which they are met. */
export class FlagSetNumbers {
  readonly #numbers = new Map<FlagKey, number>();
  readonly #words: FlagWords[] = [];

  /** How many there are. */
  get count(): number {
    return this.#words.length;
  }

  numberOf(key: FlagKey): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#words.length;
      this.#numbers.set(key, number);
      this.#words.push(toFlagWords(key));
    }
    return number;
  }

  numberOfWords(words: FlagWords): number {
    const isSystemOnly = words[1] === 0 && words[2] === 0 && words[3] === '';
    return this.numberOf(isSystemOnly ? words[0] : words.join());
  }

  wordsOf(number: number): FlagWords {
    const words = this.#words[number];
    if (words === undefined) throw new RangeError(`There is no flag set ${number}`);
    return words;
  }

  /** All of them, by number. */
  toFlagSets(keywords: KeywordTable): (readonly Flag[])[] {
    return this.#words.map((words) => keywords.flagsOf(words));
  }
}

function toFlagWords(key: FlagKey): FlagWords {
  if (typeof key === 'number') return [key, 0, 0, ''];
  const [system, low, high, ...more] = key.split(',');
  return [Number(system), Number(low), Number(high), more.join()];
}

/** UIDs, modseqs and the numbers of their flag sets. */
export type StateArrays = Omit<MessageStates, 'flagSets'>;

/** The columns as typed arrays. */
export function toStateArrays(columns: StateColumns, numbers: FlagSetNumbers): StateArrays {
  const keys = JSON.parse(columns[2]) as FlagKey[];
  const flags = new Uint32Array(keys.length);
  // Not for-of with entries(), which takes four times as long.
  for (let index = 0; index < keys.length; index++) flags[index] = numbers.numberOf(keys[index]!);
  return {
    uids: toUids(columns[0]),
    modseqs: Float64Array.from(JSON.parse(columns[1]) as number[]),
    flags,
  };
}

/** UIDs from a JSON array. */
export function toUids(json: string): Uint32Array {
  return Uint32Array.from(JSON.parse(json) as number[]);
}

/** The states of the messages that a query of {@link stateColumnsSql} yields. */
export function queryStates(
  database: Database,
  mailboxId: number,
  sql: string,
  ...values: number[]
): MessageStates {
  const numbers = new FlagSetNumbers();
  const columns = database.row<StateColumns>(sql, ...values);
  const arrays = toStateArrays(columns ?? ['[]', '[]', '[]'], numbers);
  return { ...arrays, flagSets: numbers.toFlagSets(readKeywords(database, mailboxId)) };
}

const statesSql = stateColumnsSql(
  'messages WHERE mailbox_id = ? AND uid > ? AND uid < ? ORDER BY uid LIMIT ?',
);

/**
 * If nothing changes meanwhile, there are as many as the mailbox's counter says: rows that a damaged page hides are missed.
 *
 * @see MailStore.readStates
 */
export async function* readStates(
  database: Database,
  box: MailboxKey,
  afterUid: number,
): AsyncGenerator<MessageStates> {
  let after = afterUid;
  let count: number = limits.slowSliceMessages;
  let total = 0;
  let first: MailboxCounters | undefined;
  // Ends: each slice begins behind the last UID of the one before.
  for (;;) {
    const { counters, states } = database.snapshot(() => {
      const now = readCounters(database, box);
      const values = [box.mailboxId, after, now.uidNext, count];
      return {
        counters: now,
        states: queryStates(database, box.mailboxId, statesSql, ...values),
      };
    });
    first ??= counters;
    total += states.uids.length;
    const isLast = states.uids.length < count;
    const isAll = isLast && afterUid === 0;
    if (isUnchanged(first, counters)) expectCount(box, counters, { total, isAll });
    if (states.uids.length > 0) yield states;
    if (isLast) return;
    count = nextSliceMessages(states);
    after = states.uids.at(-1)!;
    await setImmediate();
  }
}

function isUnchanged(before: MailboxCounters, after: MailboxCounters): boolean {
  return (
    before.highestModseq === after.highestModseq &&
    before.messageCount === after.messageCount &&
    before.uidNext === after.uidNext
  );
}

/** A damaged page may hide messages, or have no end of them. */
function expectCount(
  { mailboxId }: MailboxKey,
  { messageCount }: MailboxCounters,
  { total, isAll }: { readonly total: number; readonly isAll: boolean },
): void {
  if (isAll ? total === messageCount : total <= messageCount) return;
  throw damage(`Mailbox ${mailboxId} has ${total} messages of ${messageCount}`);
}

/**
 * Messages of the slice behind this one: sets of flags take longer than messages, so that it should have no more of them
 * than an event may. The first slice is a small one, since nobody knows how many sets it has.
 */
function nextSliceMessages({ uids, flagSets }: MessageStates): number {
  if (uids.length === 0) return limits.sliceMessages;
  const count = Math.floor((limits.maxEventFlagSets * uids.length) / flagSets.length);
  return Math.min(limits.sliceMessages, Math.max(limits.slowSliceMessages, count));
}

// Without the hint SQLite may read the whole mailbox to save the sorting.
const changedSql = stateColumnsSql(
  `messages INDEXED BY messages_by_modseq
   WHERE mailbox_id = ? AND (modseq, uid) > (?, ?) AND modseq <= ? ORDER BY modseq, uid LIMIT ?`,
);

/** How far a walk by modseq and UID has come. */
type Cursor = readonly [modseq: number, uid: number];

/** @see MailStore.readChanges */
export async function* readChanges(
  database: Database,
  box: MailboxKey,
  since: number,
  until: number,
): AsyncGenerator<MailboxChanges> {
  // No UID is larger: what changed under `since` itself is passed over.
  let changed: Cursor = [since, limits.maxUid];
  let expunged: Cursor = changed;
  let count: number = limits.slowSliceMessages;
  // Ends: a slice that is not the last one moves one of the cursors.
  for (;;) {
    const slice = database.snapshot(() =>
      readSlice(database, box, { changed, expunged, until, count }),
    );
    if (slice.messages.uids.length > 0 || slice.expungedUids.length > 0) {
      yield { messages: slice.messages, expungedUids: slice.expungedUids };
    }
    if (slice.isLast) return;
    ({ changed, expunged } = slice);
    count = nextSliceMessages(slice.messages);
    await setImmediate();
  }
}

/**
 * The next slice. If there are more messages or expunged UIDs than it takes, it ends at the smaller of the
 * modseqs that it has reached with both, so that slices ascend.
 */
function readSlice(
  database: Database,
  box: MailboxKey,
  from: {
    readonly changed: Cursor;
    readonly expunged: Cursor;
    readonly until: number;
    readonly count: number;
  },
): MailboxChanges & { isLast: boolean; changed: Cursor; expunged: Cursor } {
  const until = Math.min(from.until, readCounters(database, box).highestModseq);
  const [goneModseq, goneUid] = from.expunged;
  // Within a modseq, what is left of it must still be there.
  checkRemembered(database, box.mailboxId, goneUid < limits.maxUid ? goneModseq - 1 : goneModseq);
  const { mailboxId } = box;
  const { count } = from;
  const read = queryStates(
    database,
    mailboxId,
    changedSql,
    mailboxId,
    ...from.changed,
    until,
    count,
  );
  const gone = readExpunged(database, mailboxId, { from: from.expunged, until, count });
  const end = Math.min(
    reachedModseq(read.modseqs, from.count),
    reachedModseq(gone.modseqs, from.count),
  );
  const readCount = countUpTo(read.modseqs, end);
  const goneCount = countUpTo(gone.modseqs, end);
  return {
    messages: {
      uids: read.uids.slice(0, readCount),
      modseqs: read.modseqs.slice(0, readCount),
      flags: read.flags.slice(0, readCount),
      flagSets: read.flagSets,
    },
    expungedUids: gone.uids.slice(0, goneCount),
    isLast: end === Infinity,
    changed: lastOf(read, readCount) ?? from.changed,
    expunged: lastOf(gone, goneCount) ?? from.expunged,
  };
}

/** The last modseq of a full slice, behind which there may be more; infinite if there is no more. */
function reachedModseq(modseqs: Float64Array, count: number): number {
  return modseqs.length < count ? Infinity : modseqs.at(-1)!;
}

function countUpTo(modseqs: Float64Array, end: number): number {
  if (end === Infinity) return modseqs.length;
  const count = modseqs.findIndex((modseq) => modseq > end);
  return count === -1 ? modseqs.length : count;
}

function lastOf(
  { uids, modseqs }: { readonly uids: Uint32Array; readonly modseqs: Float64Array },
  count: number,
): Cursor | undefined {
  return count === 0 ? undefined : [modseqs[count - 1]!, uids[count - 1]!];
}

/** Rows of a trial, by which the scan sees how dense the wanted UIDs are. */
const trialRows = 64;

/** Of the rows of a range so many must be wanted (one in eight), or looking each UID up is quicker. */
const minDensity = 1 / 8;

/** What to read next. */
export type UidStep =
  | {
      /** The first rows of a range, wanted or not. */
      readonly kind: 'range';
      readonly firstUid: number;
      readonly lastUid: number;
      readonly maxRows: number;
    }
  | {
      /** Just these. */
      readonly kind: 'list';
      readonly uids: Uint32Array;
    };

/**
 * Walks through those messages of a mailbox whose UIDs are named, in bounded steps. UIDs that lie close are
 * read as ranges, which costs a fifth of looking each up; UIDs that are scattered are looked up, so that
 * nothing is ever read that costs more than the named ones. Loop while there is a {@link step}: read it with
 * {@link stepSource}, then give {@link take} the UIDs that were read.
 */
export class UidScan {
  readonly #uids: Uint32Array;
  readonly #maxRows: number;
  #position = 0;
  /** Rows of the next range; 0: the next step is a list. */
  #rangeRows: number;

  /** @param uids ascending, without duplicates */
  constructor(uids: Uint32Array, maxRows: number = limits.sliceMessages) {
    this.#uids = uids;
    this.#maxRows = maxRows;
    const span = uids.length === 0 ? 0 : uids.at(-1)! - uids[0]! + 1;
    this.#rangeRows = Math.min(maxRows, span <= 2 * uids.length ? maxRows : trialRows);
  }

  /** Undefined at the end. */
  get step(): UidStep | undefined {
    if (this.#position >= this.#uids.length) return undefined;
    if (this.#rangeRows === 0) {
      const end = this.#position + this.#maxRows;
      return { kind: 'list', uids: this.#uids.subarray(this.#position, end) };
    }
    return {
      kind: 'range',
      firstUid: this.#uids[this.#position]!,
      lastUid: this.#uids.at(-1)!,
      maxRows: this.#rangeRows,
    };
  }

  /**
   * Moves on behind the step.
   *
   * @param read the UIDs that reading the step has yielded, ascending
   * @returns for each whether it is wanted
   */
  take(step: UidStep, read: ArrayLike<number>): Uint8Array {
    const isWanted = new Uint8Array(read.length);
    if (step.kind === 'list') {
      this.#position += step.uids.length;
      this.#rangeRows = Math.min(this.#maxRows, trialRows);
      return isWanted.fill(1);
    }
    let wantedCount = 0;
    for (let index = 0; index < read.length; index++) {
      const uid = read[index]!;
      while (this.#position < this.#uids.length && this.#uids[this.#position]! < uid) {
        this.#position++;
      }
      if (this.#uids[this.#position] !== uid) continue;
      isWanted[index] = 1;
      wantedCount++;
      this.#position++;
    }
    // The range ended before its rows did: there is nothing behind.
    if (read.length < step.maxRows) this.#position = this.#uids.length;
    this.#rangeRows =
      wantedCount < read.length * minDensity ? 0 : Math.min(this.#maxRows, 4 * step.maxRows);
    return isWanted;
  }
}

/**
 * The messages of a step, ascending, as what follows FROM in a query on `messages m`.
 *
 * @param join tables that are joined to it, each row of `messages` with one of theirs
 */
export function stepSource(
  step: UidStep,
  mailboxId: number,
  join = '',
): { readonly from: string; readonly values: readonly SQLInputValue[] } {
  if (step.kind === 'list') {
    return {
      from: `json_each(?) j CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value ${join}`,
      values: [`[${step.uids.join()}]`, mailboxId],
    };
  }
  return {
    from: `messages m ${join} WHERE m.mailbox_id = ? AND m.uid BETWEEN ? AND ?
      ORDER BY m.uid LIMIT ?`,
    values: [mailboxId, step.firstUid, step.lastUid, step.maxRows],
  };
}

/** Numbers in a typed array that grows as they come: 4 or 8 bytes each, without an object. */
export class NumberColumn<T extends Uint32Array | Float64Array> {
  readonly #make: new (length: number) => T;
  #numbers: T;
  #length = 0;

  constructor(make: new (length: number) => T) {
    this.#make = make;
    this.#numbers = new make(16);
  }

  get length(): number {
    return this.#length;
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = new this.#make(2 * this.#length);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#length++] = number;
  }

  /** A copy of what is there, from an index on. */
  toArray(from = 0): T {
    return this.#numbers.slice(from, this.#length) as T;
  }
}
