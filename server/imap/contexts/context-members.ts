import { UidSet } from '../../../protocol/uid-set.ts';
import type { Turn } from '../../../store/turns.ts';
import type { ResultUpdate } from './update-response.ts';

/** The results of a context, as its client has been told of them. */
export interface ContextMembers {
  /** Memory, about. */
  readonly sizeBytes: number;
  has(uid: number): boolean;
  /** Removes messages (UIDs, ascending) that are members; what the client is to be told in this order. */
  remove(uids: Uint32Array, turn: Turn): Promise<Iterable<ResultUpdate>>;
  /**
   * Adds messages (UIDs, ascending) that are not members. What the client is to be told in this order: what is gone first,
   * which others found meanwhile.
   */
  add(uids: Uint32Array, turn: Turn): Promise<AddedMembers>;
}

/** What came of adding. */
export interface AddedMembers {
  readonly removed: Iterable<ResultUpdate>;
  readonly added: Iterable<ResultUpdate>;
}

/** UIDs as a set, made in turns. */
export async function makeUidSet(uids: Uint32Array, turn: Turn): Promise<UidSet> {
  const set = new UidSet();
  for (const uid of uids) {
    if (turn.look()) await turn.next();
    set.add(uid);
  }
  return set;
}

/** Results in the order of the mailbox, of which the client is told without their places. */
export class UnsortedMembers implements ContextMembers {
  readonly #uids: UidSet;

  private constructor(uids: UidSet) {
    this.#uids = uids;
  }

  static async of(uids: Uint32Array, turn: Turn): Promise<UnsortedMembers> {
    return new UnsortedMembers(await makeUidSet(uids, turn));
  }

  get sizeBytes(): number {
    return this.#uids.sizeBytes;
  }

  has(uid: number): boolean {
    return this.#uids.has(uid);
  }

  async remove(uids: Uint32Array, turn: Turn): Promise<Iterable<ResultUpdate>> {
    for (const uid of uids) {
      if (turn.look()) await turn.next();
      this.#uids.delete(uid);
    }
    return unplaced(uids);
  }

  async add(uids: Uint32Array, turn: Turn): Promise<AddedMembers> {
    for (const uid of uids) {
      if (turn.look()) await turn.next();
      this.#uids.add(uid);
    }
    return { removed: [], added: unplaced(uids) };
  }
}

function unplaced(uids: Uint32Array): readonly ResultUpdate[] {
  return uids.length === 0 ? [] : [{ position: 0, uids }];
}
