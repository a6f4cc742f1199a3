import { lowerBound } from '../../../protocol/sequence-set.ts';
import type { Database } from '../database.ts';
import { findPage, type StatePage } from './state-pages.ts';

/** Some of the messages of a page. */
export interface PageSelection {
  readonly page: StatePage;
  /** For each message of the page: 1 or 0. */
  readonly isChosen: Uint8Array;
  /** At least 1. */
  readonly chosenCount: number;
}

/** Which messages of a mailbox a {@link PageWalk} visits. */
interface WalkOptions {
  readonly mailboxId: number;
  /** Ascending, without duplicates; undefined: all messages. */
  readonly uids: Uint32Array | undefined;
  /** Messages from this UID on are left out: those that the work itself adds, for one. */
  readonly endUid: number;
  /** Of one step. */
  readonly maxMessages: number;
  /** Passes over pages without \Deleted. */
  readonly isDeletedOnly?: boolean;
}

/**
 * Walks through those messages of a mailbox that are named, page by page, in bounded steps. The messages of a step may be changed
 * or removed before the next one.
 */
export class PageWalk {
  readonly #database: Database;
  readonly #options: WalkOptions;
  readonly #uids: Uint32Array | undefined;
  /** Of named messages, the next one. */
  #position = 0;
  /** Of all, the next one. */
  #nextUid = 1;

  constructor(database: Database, options: WalkOptions) {
    this.#database = database;
    this.#options = options;
    const { uids, endUid } = options;
    this.#uids = uids?.subarray(0, lowerBound(uids, uids.length, endUid));
  }

  /** False if there is no further step. */
  get hasMore(): boolean {
    return this.#uids === undefined
      ? this.#nextUid < this.#options.endUid
      : this.#position < this.#uids.length;
  }

  /** The next messages that exist; undefined at the end. */
  next(): PageSelection | undefined {
    const { mailboxId, isDeletedOnly } = this.#options;
    // Ends: each round goes on behind what it has looked at.
    while (this.hasMore) {
      const uid = this.#uids?.[this.#position] ?? this.#nextUid;
      const page = findPage(this.#database, mailboxId, uid, isDeletedOnly);
      if (page === undefined) break;
      const { uids } = page.states;
      const isChosen = new Uint8Array(uids.length);
      const first = lowerBound(uids, uids.length, uid);
      const chosenCount =
        this.#uids === undefined
          ? this.#chooseAll(uids, first, isChosen)
          : this.#chooseNamed(this.#uids, uids, first, isChosen);
      if (chosenCount > 0) return { page, isChosen, chosenCount };
    }
    this.#position = Infinity;
    this.#nextUid = Infinity;
    return undefined;
  }

  #chooseAll(own: Uint32Array, first: number, isChosen: Uint8Array): number {
    const { endUid, maxMessages } = this.#options;
    const end = Math.min(first + maxMessages, lowerBound(own, own.length, endUid));
    if (end <= first) {
      this.#nextUid = Infinity;
      return 0;
    }
    isChosen.fill(1, first, end);
    this.#nextUid = own[end - 1]! + 1;
    return end - first;
  }

  #chooseNamed(named: Uint32Array, own: Uint32Array, first: number, isChosen: Uint8Array): number {
    const begin = this.#position;
    const end = Math.min(named.length, begin + this.#options.maxMessages);
    if (first === 0 && end - begin >= own.length && areEqual(own, named, begin)) {
      isChosen.fill(1);
      this.#position += own.length;
      return own.length;
    }
    let [position, count] = [begin, 0];
    for (let index = first; index < own.length && position < end;) {
      const [uid, wanted] = [own[index]!, named[position]!];
      if (uid === wanted) {
        isChosen[index] = 1;
        count++;
      }
      if (uid <= wanted) index++;
      if (wanted <= uid) position++;
    }
    this.#position = position;
    return count;
  }
}

/** True if the UIDs are named one after the other, without a step for each. */
function areEqual(own: Uint32Array, named: Uint32Array, begin: number): boolean {
  return bytesOf(own).equals(bytesOf(named.subarray(begin, begin + own.length)));
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
