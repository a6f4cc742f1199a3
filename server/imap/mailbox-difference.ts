import { lowerBoundFrom, mergeUids, withoutUids } from '../../protocol/sorted-uids.ts';
import { ChangesForgottenError, type MailboxKey, type MailStore } from '../../store/mail-store.ts';
import type { MessageColumns } from './message-columns.ts';

/** What lies between two states of a mailbox: UIDs, ascending. */
export interface MailboxDifference {
  /** Messages that came or changed. */
  readonly changedUids: Uint32Array;
  readonly expungedUids: Uint32Array;
}

/**
 * Reads what lies between what is known of a mailbox and what is in the store: for events that were missed, or were too large
 * to be told, and for the first look at the messages, of which nothing is known then. In slices, between which others run.
 */
export class DifferenceReader {
  readonly #store: Pick<MailStore, 'readChanges' | 'readStates'>;
  readonly #box: MailboxKey;
  readonly #messages: MessageColumns;

  /** @param messages - what is known of the messages, and is brought up to date */
  constructor(
    store: Pick<MailStore, 'readChanges' | 'readStates'>,
    box: MailboxKey,
    messages: MessageColumns,
  ) {
    this.#store = store;
    this.#box = box;
    this.#messages = messages;
  }

  /**
   * Brings the messages from one modseq up to another, and some of them further: who follows the events has them as of `until`
   * with those that come meanwhile. Resolves to the difference. Messages that are gone are still there: they are to be removed in
   * the turn in which that is told.
   *
   * @param since - 0 if no message is known; then the difference has none either, since nobody was told of any
   */
  async bring(since: number, until: number): Promise<MailboxDifference> {
    try {
      if (since > 0) return await this.#bringChanged(since, until);
    } catch (error) {
      if (!(error instanceof ChangesForgottenError)) throw error;
    }
    return this.#compare(since);
  }

  /** Which messages have changed and gone, for those who know none. Rejects with a {@link ChangesForgottenError}. */
  async list(since: number, until: number): Promise<MailboxDifference> {
    const { changed, expunged } = await this.#readChanges(since, until);
    return { changedUids: mergeUids(changed), expungedUids: mergeUids(expunged) };
  }

  /**
   * Messages that are new are read by their UIDs, not as changes: one that changes again meanwhile is no change up to `until` any
   * more, and would never be known.
   */
  async #bringChanged(since: number, until: number): Promise<MailboxDifference> {
    const { lastUid } = this.#messages;
    const { changed, expunged } = await this.#readChanges(since, until);
    for await (const slice of this.#store.readStates(this.#box, lastUid)) {
      this.#messages.append(slice);
      changed.push(slice.uids);
    }
    return { changedUids: mergeUids(changed), expungedUids: mergeUids(expunged) };
  }

  /** Brings the messages that are known up to date; the lists are of all that has changed and gone. */
  async #readChanges(since: number, until: number) {
    const changed: Uint32Array[] = [];
    const expunged: Uint32Array[] = [];
    for await (const slice of this.#store.readChanges(this.#box, since, until)) {
      this.#messages.update(slice.messages);
      changed.push(slice.messages.uids.toSorted());
      expunged.push(slice.expungedUids.toSorted());
    }
    return { changed, expunged };
  }

  /** Compares all messages with those that are known: if none is, or the store does not know any more what has gone. */
  async #compare(since: number): Promise<MailboxDifference> {
    const known = this.#messages.uids.slice(0, this.#messages.count);
    const changed: Uint32Array[] = [];
    const expunged: Uint32Array[] = [];
    let start = 0;
    for await (const slice of this.#store.readStates(this.#box, 0)) {
      const { uids, modseqs } = slice;
      this.#messages.update(slice);
      this.#messages.append(slice);
      if (since > 0) changed.push(uids.filter((_, place) => modseqs[place]! > since));
      const end = lowerBoundFrom(known, start, known.length, (uids.at(-1) ?? 0) + 1);
      expunged.push(withoutUids(known.subarray(start, end), uids));
      start = end;
    }
    expunged.push(known.subarray(start));
    return { changedUids: mergeUids(changed), expungedUids: mergeUids(expunged) };
  }
}
