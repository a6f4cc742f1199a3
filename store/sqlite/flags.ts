import { limits } from '../limits.ts';
import type { FlagChange, FlagChangeResult, MailboxKey } from '../mail-store.ts';
import type { MessageStates } from '../mailbox-changes.ts';
import {
  applyMask,
  areSameWords,
  deletedBit,
  flagMask,
  type FlagMask,
  seenBit,
} from './flag-words.ts';
import { defineFlags, readKeywords } from './keywords.ts';
import { checkMailbox } from './mailbox-counters.ts';
import {
  FlagSetNumbers,
  NumberColumn,
  type StateArrays,
  type StateColumns,
  stateColumnsSql,
  stepSource,
  toStateArrays,
  UidScan,
  type UidStep,
} from './message-states.ts';
import { uidConditions, type UidCondition } from './uid-runs.ts';
import type { SlicedWork, WriteContext } from './writer/write-context.ts';

/** @see MailStore.storeFlags */
export function* storeFlags(
  first: WriteContext,
  { box, uids, change }: { box: MailboxKey; uids: Uint32Array; change: FlagChange },
): SlicedWork<FlagChangeResult> {
  let context = first;
  checkMailbox(context.database, box);
  const outcome = new FlagOutcome();
  const scan = new UidScan(uids, context.stepMessages);
  let slice = new FlagSlice(context, box, change);
  for (let step = scan.step; step !== undefined; step = scan.step) {
    if (context.isSliceOver) {
      outcome.noteModseq(slice.end());
      context = yield outcome.resultNow();
      // Its flags anew: a keyword that no message has yet may have lost its place meanwhile.
      slice = new FlagSlice(context, box, change);
    }
    const states = slice.read(step);
    slice.change(step, states, { isWanted: scan.take(step, states.uids), outcome });
  }
  outcome.noteModseq(slice.end());
  return outcome.resultNow()();
}

/** What one STORE has done so far. */
class FlagOutcome {
  readonly changedUids = new NumberColumn(Uint32Array);
  readonly previousModseqs = new NumberColumn(Float64Array);
  readonly unchangedUids = new NumberColumn(Uint32Array);
  readonly modifiedUids = new NumberColumn(Uint32Array);
  readonly #modseqs: number[] = [];

  /** Of a slice; undefined if it changed nothing. */
  noteModseq(modseq: number | undefined): void {
    if (modseq !== undefined) this.#modseqs.push(modseq);
  }

  /** What tells the result as it is now, also later on. */
  resultNow(): () => FlagChangeResult {
    const { changedUids, previousModseqs, unchangedUids, modifiedUids } = this;
    const changedCount = changedUids.length;
    const [unchangedCount, modifiedCount] = [unchangedUids.length, modifiedUids.length];
    const modseqCount = this.#modseqs.length;
    return () => {
      const modseqs = this.#modseqs.slice(0, modseqCount);
      const earlierModseqs = modseqs.slice(0, -1);
      return {
        modseq: modseqs.at(-1),
        ...(earlierModseqs.length > 0 && { earlierModseqs }),
        changedUids: changedUids.toArray().slice(0, changedCount),
        previousModseqs: previousModseqs.toArray().slice(0, changedCount),
        unchangedUids: unchangedUids.toArray().slice(0, unchangedCount),
        modifiedUids: modifiedUids.toArray().slice(0, modifiedCount),
      };
    };
  }
}

/** A slice of a STORE on its way through the named messages. */
class FlagSlice {
  readonly #context: WriteContext;
  readonly #box: MailboxKey;
  readonly #mask: FlagMask;
  readonly #unchangedSince: number;
  /** Flag sets before the change and after it. */
  readonly #flagSets = new FlagSetNumbers();
  /** By the number of a flag set before the change: that after it, which is the same if it changes nothing. */
  readonly #after: number[] = [];
  readonly #uids = new NumberColumn(Uint32Array);
  /** Numbers of the flag sets that the messages have now. */
  readonly #flags = new NumberColumn(Uint32Array);
  #unseenCount = 0;
  #deletedCount = 0;

  constructor(context: WriteContext, box: MailboxKey, change: FlagChange) {
    this.#context = context;
    this.#box = box;
    this.#mask = readMask(context, box.mailboxId, change);
    this.#unchangedSince = change.unchangedSince ?? Infinity;
  }

  read(step: UidStep): StateArrays {
    const { from, values } = stepSource(step, this.#box.mailboxId);
    const columns = this.#context.database.row<StateColumns>(stateColumnsSql(from), ...values);
    return toStateArrays(columns ?? ['[]', '[]', '[]'], this.#flagSets);
  }

  /** Sorts the messages of a step into changed, unchanged and modified, and writes the changed ones. */
  change(
    step: UidStep,
    { uids, modseqs, flags }: StateArrays,
    { isWanted, outcome }: { isWanted: Uint8Array; outcome: FlagOutcome },
  ): void {
    const isChanged = new Uint8Array(uids.length);
    const firstChanged = this.#uids.length;
    for (let index = 0; index < uids.length; index++) {
      if (isWanted[index] === 0) continue;
      const uid = uids[index]!;
      const before = flags[index]!;
      const after = this.#setAfter(before);
      if (modseqs[index]! > this.#unchangedSince) outcome.modifiedUids.push(uid);
      else if (after === before) outcome.unchangedUids.push(uid);
      else {
        isChanged[index] = 1;
        outcome.changedUids.push(uid);
        outcome.previousModseqs.push(modseqs[index]!);
        this.#uids.push(uid);
        this.#flags.push(after);
        this.#count(before, after);
      }
    }
    if (typeof this.#mask.more === 'function') this.#updateSets(firstChanged);
    else for (const condition of uidConditions(step, uids, isChanged)) this.#update(condition);
  }

  #setAfter(before: number): number {
    let after = this.#after[before];
    if (after === undefined) {
      const words = this.#flagSets.wordsOf(before);
      const changed = applyMask(words, this.#mask);
      after = areSameWords(words, changed) ? before : this.#flagSets.numberOfWords(changed);
      this.#after[before] = after;
    }
    return after;
  }

  #count(before: number, after: number): void {
    const [old] = this.#flagSets.wordsOf(before);
    const [changed] = this.#flagSets.wordsOf(after);
    this.#unseenCount -= bitChange(old, changed, seenBit);
    this.#deletedCount += bitChange(old, changed, deletedBit);
  }

  /** Keywords without a bit depend on what a message had: a statement for each set of flags that is left. */
  #updateSets(firstChanged: number): void {
    const uids = this.#uids.toArray(firstChanged);
    const flags = this.#flags.toArray(firstChanged);
    for (const [number, places] of Map.groupBy(flags.keys(), (place) => flags[place]!)) {
      this.#context.database.run(
        `UPDATE messages SET modseq = ?, system_flags = ?, keywords_low = ?, keywords_high = ?,
           keywords_more = ?
         WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?))`,
        this.#context.takeModseq(this.#box.mailboxId),
        ...this.#flagSets.wordsOf(number),
        this.#box.mailboxId,
        `[${places.map((place) => uids[place]!).join()}]`,
      );
    }
  }

  #update({ sql, values }: UidCondition): void {
    const { keep, set, more } = this.#mask;
    this.#context.database.run(
      `UPDATE messages AS m SET modseq = ?, system_flags = system_flags & ? | ?,
         keywords_low = keywords_low & ? | ?, keywords_high = keywords_high & ? | ?,
         keywords_more = coalesce(?, keywords_more)
       WHERE m.mailbox_id = ? AND ${sql}`,
      this.#context.takeModseq(this.#box.mailboxId),
      keep[0],
      set[0],
      keep[1],
      set[1],
      keep[2],
      set[2],
      more === 'replace' ? set[3] : null,
      this.#box.mailboxId,
      ...values,
    );
  }

  /** Counts what has changed and notes it; the modseq of that, undefined if nothing has. */
  end(): number | undefined {
    if (this.#uids.length === 0) return undefined;
    const { mailboxId } = this.#box;
    const modseq = this.#context.takeModseq(mailboxId);
    this.#context.database.run(
      'UPDATE mailboxes SET unseen_count = unseen_count + ?, deleted_count = deleted_count + ? WHERE id = ?',
      this.#unseenCount,
      this.#deletedCount,
      mailboxId,
    );
    this.#context.noteChanged(mailboxId, this.#uids.length, () => this.#toldStates(modseq));
    return modseq;
  }

  #toldStates(modseq: number): MessageStates | undefined {
    if (this.#flagSets.count > limits.maxEventFlagSets) return undefined;
    const { database } = this.#context;
    return {
      uids: this.#uids.toArray(),
      modseqs: new Float64Array(this.#uids.length).fill(modseq),
      flags: this.#flags.toArray(),
      flagSets: this.#flagSets.toFlagSets(readKeywords(database, this.#box.mailboxId)),
    };
  }
}

/** Removing a keyword that the mailbox does not know must not make it known. */
function readMask(context: WriteContext, mailboxId: number, { mode, flags }: FlagChange): FlagMask {
  const words =
    mode === 'remove'
      ? readKeywords(context.database, mailboxId).wordsOf(flags)
      : defineFlags(context, mailboxId, flags).words;
  return flagMask(mode, words);
}

/** 1 if the change sets the bit, -1 if it clears it. */
function bitChange(before: number, after: number, bit: number): number {
  return ((after & bit) === 0 ? 0 : 1) - ((before & bit) === 0 ? 0 : 1);
}
