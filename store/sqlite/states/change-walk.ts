import { limits } from '../../limits.ts';
import type { MailboxKey } from '../../mail-store.ts';
import type { MailboxChanges } from '../../mailbox-changes.ts';
import type { Database } from '../database.ts';
import { checkRemembered, readExpunged } from '../expunged.ts';
import { readKeywords } from '../keywords.ts';
import { readCounters } from '../mailbox-counters.ts';
import { type ChangedStates, countUpTo, type Cursor } from './changed-runs.ts';
import { ChangeSelection, checkChanged } from './changed-states.ts';
import { StateColumns } from './state-columns.ts';

interface ChangeStep {
  readonly isLast: boolean;
  /** Absent: messages were looked for. */
  readonly slice?: MailboxChanges;
}

/**
 * Reads changes in bounded steps, each in the caller's snapshot: some that look for messages, and then one for each slice. All goes
 * up to the modseq that the mailbox has at the begin; if it has a larger one at the end, on from there.
 */
export class ChangeWalk {
  readonly #database: Database;
  readonly #box: MailboxKey;
  readonly #until: number;
  /** Up to which modseq this round goes. */
  #end: number;
  #changed: Cursor;
  #expunged: Cursor;
  /** The mailbox is as it was at `modseq` if that is still its highest one. */
  #selection: { readonly messages: ChangeSelection; readonly modseq: number } | undefined;
  #isSelected = false;

  constructor(
    database: Database,
    box: MailboxKey,
    { since, until }: { readonly since: number; readonly until: number },
  ) {
    this.#database = database;
    this.#box = box;
    this.#until = until;
    this.#end = since;
    // No UID is larger: what changed under `since` itself is passed over.
    this.#changed = [since, limits.maxUid];
    this.#expunged = this.#changed;
  }

  /** The next step. */
  step(count: number): ChangeStep {
    const { highestModseq } = readCounters(this.#database, this.#box);
    if (this.#selection === undefined) this.#begin(highestModseq);
    const { messages, modseq } = this.#selection!;
    if (!this.#isSelected) {
      this.#isSelected = !messages.step();
      // At once, if that was all: most changes are few.
      if (!this.#isSelected) return { isLast: false };
    }
    return this.#read(messages, { count, isChanged: modseq !== highestModseq, highestModseq });
  }

  /** Looks for messages behind those that were told. */
  #begin(modseq: number): void {
    if (this.#changed[1] === limits.maxUid) {
      this.#end = Math.max(this.#end, Math.min(this.#until, modseq));
    }
    const range = { from: this.#changed, until: this.#end };
    const messages = new ChangeSelection(this.#database, this.#box.mailboxId, range);
    this.#selection = { messages, modseq };
    this.#isSelected = false;
  }

  /**
   * The next slice. If there are more messages or expunged UIDs than it takes, it ends at the smaller of the
   * modseqs that it has reached with both, so that slices ascend.
   */
  #read(
    messages: ChangeSelection,
    options: {
      readonly count: number;
      readonly isChanged: boolean;
      readonly highestModseq: number;
    },
  ): ChangeStep {
    const { count, isChanged, highestModseq } = options;
    const { found, isAll } = messages;
    const gone = this.#readExpunged(count);
    const goneEnd = gone.modseqs.length === count ? gone.modseqs.at(-1)! : Infinity;
    const first = found.first(Math.min(count, found.countUpTo(goneEnd)));
    const told = isChanged
      ? checkChanged(this.#database, this.#box.mailboxId, first)
      : { states: first, count: first.uids.length };
    found.drop(told.count);
    this.#changed = cursorAt(first, told.count) ?? this.#changed;
    const hasMore = found.count > 0 || !isAll;
    const end = Math.min(goneEnd, hasMore && told.count > 0 ? this.#changed[0] : Infinity);
    const goneCount = countUpTo(gone.modseqs, end);
    this.#expunged = cursorAt(gone, goneCount) ?? this.#expunged;
    const slice = {
      messages: this.#toStates(told.states),
      expungedUids: gone.uids.slice(0, goneCount),
    };
    if (found.count === 0 && !isAll) this.#selection = undefined;
    if (end < Infinity) return { isLast: false, slice };
    return { isLast: this.#endRound(highestModseq), slice };
  }

  /** True if that was the last one. */
  #endRound(highestModseq: number): boolean {
    if (Math.min(this.#until, highestModseq) <= this.#end) return true;
    this.#changed = [this.#end, limits.maxUid];
    this.#expunged = this.#changed;
    this.#selection = undefined;
    return false;
  }

  #readExpunged(count: number) {
    const { mailboxId } = this.#box;
    const [modseq, uid] = this.#expunged;
    // Within a modseq, what is left of it must still be there.
    checkRemembered(this.#database, mailboxId, uid < limits.maxUid ? modseq - 1 : modseq);
    const range = { from: this.#expunged, until: this.#end, count };
    return readExpunged(this.#database, mailboxId, range);
  }

  #toStates(states: ChangedStates) {
    const columns = new StateColumns();
    columns.add(states);
    return columns.toStates(readKeywords(this.#database, this.#box.mailboxId));
  }
}

/** Behind so many; undefined behind none. */
function cursorAt(
  { uids, modseqs }: { readonly uids: Uint32Array; readonly modseqs: Float64Array },
  count: number,
): Cursor | undefined {
  return count === 0 ? undefined : [modseqs[count - 1]!, uids[count - 1]!];
}
