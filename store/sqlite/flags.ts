import { limits } from '../limits.ts';
import type { FlagChange, FlagChangeResult, MailboxKey, MessageStates } from '../mail-store.ts';
import {
  applyMask,
  areSameWords,
  defineFlags,
  deletedBit,
  flagMask,
  type FlagMask,
  readKeywords,
  seenBit,
} from './keywords.ts';
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
import type { WriteContext } from './write-context.ts';

/** @see MailStore.storeFlags */
export function storeFlags(
  context: WriteContext,
  { box, uids, change }: { box: MailboxKey; uids: Uint32Array; change: FlagChange },
): FlagChangeResult {
  checkMailbox(context.database, box);
  return new FlagWrite(context, box, change).run(uids);
}

/** Above this many runs in a step one statement that looks each UID up is quicker than one for each run. */
const maxRuns = 64;

/** One STORE, on its way through the named messages. */
class FlagWrite {
  readonly #context: WriteContext;
  readonly #box: MailboxKey;
  readonly #mask: FlagMask;
  readonly #unchangedSince: number;
  /** Flag sets before the change and after it. */
  readonly #flagSets = new FlagSetNumbers();
  /** By the number of a flag set before the change: that after it, which is the same if it changes nothing. */
  readonly #after: number[] = [];
  readonly #changed = {
    uids: new NumberColumn(Uint32Array),
    previousModseqs: new NumberColumn(Float64Array),
    flags: new NumberColumn(Uint32Array),
  };
  readonly #unchangedUids = new NumberColumn(Uint32Array);
  readonly #modifiedUids = new NumberColumn(Uint32Array);
  #unseenCount = 0;
  #deletedCount = 0;

  constructor(context: WriteContext, box: MailboxKey, change: FlagChange) {
    this.#context = context;
    this.#box = box;
    this.#mask = readMask(context, box.mailboxId, change);
    this.#unchangedSince = change.unchangedSince ?? Infinity;
  }

  run(uids: Uint32Array): FlagChangeResult {
    const scan = new UidScan(uids);
    for (let step = scan.step; step !== undefined; step = scan.step) {
      const states = this.#read(step);
      this.#change(step, states, scan.take(step, states.uids));
    }
    const changedUids = this.#changed.uids.toArray();
    return {
      modseq: changedUids.length === 0 ? undefined : this.#finish(changedUids),
      changedUids,
      previousModseqs: this.#changed.previousModseqs.toArray(),
      unchangedUids: this.#unchangedUids.toArray(),
      modifiedUids: this.#modifiedUids.toArray(),
    };
  }

  #read(step: UidStep): StateArrays {
    const { from, values } = stepSource(step, this.#box.mailboxId);
    const columns = this.#context.database.row<StateColumns>(stateColumnsSql(from), ...values);
    return toStateArrays(columns ?? ['[]', '[]', '[]'], this.#flagSets);
  }

  /** Sorts the messages of a step into changed, unchanged and modified, and writes the changed ones. */
  #change(step: UidStep, { uids, modseqs, flags }: StateArrays, isWanted: Uint8Array): void {
    const runs: UidRun[] = [];
    const firstChanged = this.#changed.uids.length;
    let isRunOpen = false;
    for (let index = 0; index < uids.length; index++) {
      const uid = uids[index]!;
      if (isWanted[index] === 0) {
        isRunOpen = false;
        continue;
      }
      if (modseqs[index]! > this.#unchangedSince) {
        this.#modifiedUids.push(uid);
        isRunOpen = false;
        continue;
      }
      const after = this.#setAfter(flags[index]!);
      if (after === flags[index]) {
        this.#unchangedUids.push(uid);
        isRunOpen = false;
        continue;
      }
      this.#changed.uids.push(uid);
      this.#changed.previousModseqs.push(modseqs[index]!);
      this.#changed.flags.push(after);
      this.#count(flags[index]!, after);
      if (isRunOpen) runs.at(-1)!.lastUid = uid;
      else runs.push({ firstUid: uid, lastUid: uid });
      isRunOpen = true;
    }
    if (typeof this.#mask.more === 'function') this.#updateSets(firstChanged);
    else if (step.kind === 'list' || runs.length > maxRuns) {
      this.#updateList(this.#changed.uids.toArray(firstChanged));
    } else for (const run of runs) this.#updateRun(run);
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

  /** Between the ends of a run lies no message that does not change. */
  #updateRun({ firstUid, lastUid }: UidRun): void {
    this.#update('uid BETWEEN ? AND ?', firstUid, lastUid);
  }

  #updateList(uids: Uint32Array): void {
    if (uids.length === 0) return;
    this.#update('uid IN (SELECT value FROM json_each(?))', `[${uids.join()}]`);
  }

  /** Keywords without a bit depend on what a message had: a statement for each set of flags that is left. */
  #updateSets(firstChanged: number): void {
    const uids = this.#changed.uids.toArray(firstChanged);
    const flags = this.#changed.flags.toArray(firstChanged);
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

  #update(condition: string, ...values: (number | string)[]): void {
    const { keep, set, more } = this.#mask;
    this.#context.database.run(
      `UPDATE messages SET modseq = ?, system_flags = system_flags & ? | ?,
         keywords_low = keywords_low & ? | ?, keywords_high = keywords_high & ? | ?,
         keywords_more = coalesce(?, keywords_more)
       WHERE mailbox_id = ? AND ${condition}`,
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

  /** The modseq of the change. */
  #finish(uids: Uint32Array): number {
    const { mailboxId } = this.#box;
    const { database } = this.#context;
    const modseq = this.#context.takeModseq(mailboxId);
    database.run(
      'UPDATE mailboxes SET unseen_count = unseen_count + ?, deleted_count = deleted_count + ? WHERE id = ?',
      this.#unseenCount,
      this.#deletedCount,
      mailboxId,
    );
    this.#context.noteChanged(mailboxId, uids.length, () => this.#toldStates(uids, modseq));
    return modseq;
  }

  #toldStates(uids: Uint32Array, modseq: number): MessageStates | undefined {
    if (this.#flagSets.count > limits.maxEventFlagSets) return undefined;
    const { database } = this.#context;
    return {
      uids,
      modseqs: new Float64Array(uids.length).fill(modseq),
      flags: this.#changed.flags.toArray(),
      flagSets: this.#flagSets.toFlagSets(readKeywords(database, this.#box.mailboxId)),
    };
  }
}

/** Messages that change and lie side by side. */
interface UidRun {
  readonly firstUid: number;
  lastUid: number;
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
