import { limits } from '../limits.ts';
import type { FlagChange, FlagChangeResult, MailboxKey } from '../mail-store.ts';
import type { MessageStates } from '../mailbox-changes.ts';
import { applyMask, areSameWords, flagMask, type FlagMask, type FlagWords } from './flag-words.ts';
import { defineFlags, readKeywords } from './keywords.ts';
import { readCounters } from './mailbox-counters.ts';
import { highestOf, type PackedStates } from './states/packed-states.ts';
import { type PageSelection, PageWalk } from './states/page-walk.ts';
import { FlagSetNumbers, NumberColumn } from './states/state-columns.ts';
import { countStates, replaceStates } from './states/state-pages.ts';
import type { SlicedWork, WriteContext } from './writer/write-context.ts';

/** @see MailStore.storeFlags */
export function* storeFlags(
  first: WriteContext,
  { box, uids, change }: { box: MailboxKey; uids: Uint32Array; change: FlagChange },
): SlicedWork<FlagChangeResult> {
  let context = first;
  const { uidNext } = readCounters(context.database, box);
  const outcome = new FlagOutcome(uids.length);
  const walk = new PageWalk(context.database, {
    mailboxId: box.mailboxId,
    uids,
    endUid: uidNext,
    maxMessages: context.stepMessages,
  });
  let slice = new FlagSlice(context, box, { change, outcome });
  while (walk.hasMore) {
    // Whoever watches is told of a full slice; what no event tells would have to be read.
    const isFull = slice.changedCount + context.stepMessages > limits.maxEventMessages;
    if (context.isSliceOver || isFull) {
      outcome.noteModseq(slice.end());
      context = yield outcome.resultNow();
      // Its flags anew: a keyword that no message has yet may have lost its place meanwhile.
      slice = new FlagSlice(context, box, { change, outcome });
    }
    const selection = walk.next();
    if (selection !== undefined) slice.change(selection);
  }
  outcome.noteModseq(slice.end());
  return outcome.resultNow()();
}

/** What one STORE has done so far. */
class FlagOutcome {
  readonly changedUids: NumberColumn<Uint32Array>;
  readonly previousModseqs: NumberColumn<Float64Array>;
  readonly unchangedUids = new NumberColumn(Uint32Array);
  readonly modifiedUids = new NumberColumn(Uint32Array);
  readonly #modseqs: number[] = [];

  /** @param count how many messages are named, most of which will be changed */
  constructor(count: number) {
    this.changedUids = new NumberColumn(Uint32Array, count);
    this.previousModseqs = new NumberColumn(Float64Array, count);
  }

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
        changedUids: changedUids.toArray(0, changedCount),
        previousModseqs: previousModseqs.toArray(0, changedCount),
        unchangedUids: unchangedUids.toArray(0, unchangedCount),
        modifiedUids: modifiedUids.toArray(0, modifiedCount),
      };
    };
  }
}

/** The flags of a page, and what a change makes of them. */
interface ChangedSets {
  /** Those before the change, and behind them, in the same order, those after it. */
  readonly sets: readonly FlagWords[];
  /** For each of those before the change: 0 if it changes nothing. */
  readonly isChanged: Uint8Array;
  readonly isEachChanged: boolean;
}

function changeSets(sets: readonly FlagWords[], mask: FlagMask): ChangedSets {
  const after = sets.map((words) => applyMask(words, mask));
  const isChanged = Uint8Array.from(after, (words, set) =>
    areSameWords(words, sets[set]!) ? 0 : 1,
  );
  return { sets: [...sets, ...after], isChanged, isEachChanged: !isChanged.includes(0) };
}

/** A slice of a STORE on its way through the named messages. */
class FlagSlice {
  readonly #context: WriteContext;
  readonly #box: MailboxKey;
  readonly #mask: FlagMask;
  readonly #unchangedSince: number;
  readonly #outcome: FlagOutcome;
  /** How many messages slices before this one have changed. */
  readonly #earlierCount: number;
  /** Flag sets after the change. */
  readonly #flagSets = new FlagSetNumbers();
  /** Their numbers, for the messages that this slice has changed. */
  readonly #flags = new NumberColumn(Uint32Array);
  #unseenCount = 0;
  #deletedCount = 0;

  constructor(
    context: WriteContext,
    box: MailboxKey,
    { change, outcome }: { readonly change: FlagChange; readonly outcome: FlagOutcome },
  ) {
    this.#context = context;
    this.#box = box;
    this.#mask = readMask(context, box.mailboxId, change);
    this.#unchangedSince = change.unchangedSince ?? Infinity;
    this.#outcome = outcome;
    this.#earlierCount = outcome.changedUids.length;
  }

  get changedCount(): number {
    return this.#outcome.changedUids.length - this.#earlierCount;
  }

  /** Sorts the messages into changed, unchanged and modified, and writes the changed ones. */
  change({ page, isChosen, chosenCount }: PageSelection): void {
    const { states } = page;
    const { uids, modseqs } = states;
    const changed = changeSets(states.sets, this.#mask);
    const isWhole = chosenCount === uids.length && changed.isEachChanged;
    const before = this.changedCount;
    const after =
      isWhole && highestOf(modseqs) <= this.#unchangedSince
        ? this.#changeAll(states, changed)
        : this.#changeSome(states, changed, isChosen);
    if (this.changedCount === before) return;
    const { unseenCount, deletedCount } = countStates(after);
    this.#unseenCount += unseenCount - page.unseenCount;
    this.#deletedCount += deletedCount - page.deletedCount;
    replaceStates(this.#context.database, this.#box.mailboxId, page, after);
  }

  /** All messages of a page, without a step for each of them. */
  #changeAll({ uids, modseqs, flags, sets }: PackedStates, changed: ChangedSets): PackedStates {
    const after = changed.sets.slice(sets.length);
    this.#outcome.changedUids.append(uids);
    this.#outcome.previousModseqs.append(modseqs);
    const numbers = after.map((words) => this.#flagSets.numberOf(words));
    this.#flags.append(
      numbers.length === 1
        ? new Uint32Array(uids.length).fill(numbers[0]!)
        : Uint32Array.from(flags, (set) => numbers[set]!),
    );
    const modseq = this.#context.takeModseq(this.#box.mailboxId);
    return { uids, modseqs: new Float64Array(uids.length).fill(modseq), flags, sets: after };
  }

  #changeSome(states: PackedStates, changed: ChangedSets, isChosen: Uint8Array): PackedStates {
    const { uids } = states;
    const [modseqs, flags] = [states.modseqs.slice(), states.flags.slice()];
    const { changedUids, previousModseqs, unchangedUids, modifiedUids } = this.#outcome;
    const numbers: (number | undefined)[] = [];
    let modseq: number | undefined;
    for (let index = 0; index < uids.length; index++) {
      if (isChosen[index] === 0) continue;
      const uid = uids[index]!;
      const set = flags[index]!;
      if (modseqs[index]! > this.#unchangedSince) modifiedUids.push(uid);
      else if (changed.isChanged[set] === 0) unchangedUids.push(uid);
      else {
        changedUids.push(uid);
        previousModseqs.push(modseqs[index]!);
        const after = states.sets.length + set;
        flags[index] = after;
        modseqs[index] = modseq ??= this.#context.takeModseq(this.#box.mailboxId);
        this.#flags.push((numbers[set] ??= this.#flagSets.numberOf(changed.sets[after]!)));
      }
    }
    return { uids, modseqs, flags, sets: changed.sets };
  }

  /** Counts what has changed and notes it; the modseq of that, undefined if nothing has. */
  end(): number | undefined {
    if (this.changedCount === 0) return undefined;
    const { mailboxId } = this.#box;
    const modseq = this.#context.takeModseq(mailboxId);
    this.#context.database.run(
      'UPDATE mailboxes SET unseen_count = unseen_count + ?, deleted_count = deleted_count + ? WHERE id = ?',
      this.#unseenCount,
      this.#deletedCount,
      mailboxId,
    );
    this.#context.noteChanged(mailboxId, this.changedCount, () => this.#toldStates(modseq));
    return modseq;
  }

  #toldStates(modseq: number): MessageStates | undefined {
    if (this.#flagSets.count > limits.maxEventFlagSets) return undefined;
    const { database } = this.#context;
    const uids = this.#outcome.changedUids.toArray(this.#earlierCount);
    return {
      uids,
      modseqs: new Float64Array(uids.length).fill(modseq),
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
