import type { SortKey } from '../../../protocol/grammar/sort.ts';
import type { UidSet } from '../../../protocol/uid-set.ts';
import type { Turn } from '../../../store/turns.ts';
import type { MailboxFeed } from '../mailbox-feed.ts';
import { compareByKeys, sortFew, sortMessages } from '../sorting/sort-messages.ts';
import { type AddedMembers, type ContextMembers, makeUidSet } from './context-members.ts';
import type { ResultUpdate } from './update-response.ts';

/** Messages that are looked for one by one in the order; of more it is gone through once. */
const maxSoughtMessages = 8;

/** Of so large a part of all, or a few, the place of each is looked for; with more all are sorted again. */
const placedPart = 1 / 16;

/** Results in the order of SORT, with their places: 4 bytes each, and a quarter of one. */
export class SortedMembers implements ContextMembers {
  readonly #feed: MailboxFeed;
  readonly #keys: readonly SortKey[];
  readonly #uids: UidSet;
  /** Only the first {@link UidSet.count} count. */
  #order: Uint32Array;

  private constructor(
    feed: MailboxFeed,
    keys: readonly SortKey[],
    sorted: { readonly order: Uint32Array; readonly uids: UidSet },
  ) {
    this.#feed = feed;
    this.#keys = keys;
    this.#uids = sorted.uids;
    this.#order = sorted.order;
  }

  /** @param order - messages as they were sorted by these keys; not written to */
  static async of(
    feed: MailboxFeed,
    keys: readonly SortKey[],
    order: Uint32Array,
    turn: Turn,
  ): Promise<SortedMembers> {
    const uids = await makeUidSet(order, turn);
    return new SortedMembers(feed, keys, { order: order.slice(), uids });
  }

  get sizeBytes(): number {
    return this.#order.byteLength + this.#uids.sizeBytes;
  }

  has(uid: number): boolean {
    return this.#uids.has(uid);
  }

  async remove(uids: Uint32Array, turn: Turn): Promise<Iterable<ResultUpdate>> {
    if (uids.length === 0) return [];
    const places = await this.#placesOf(uids, turn);
    const removed = places.map((place) => this.#order[place]!);
    await this.#cut(places, turn);
    // From the last one on, so that none moves those that follow.
    return runsFromEnd(places, removed);
  }

  async add(uids: Uint32Array, turn: Turn): Promise<AddedMembers> {
    if (uids.length === 0) return { removed: [], added: [] };
    const isPart = uids.length <= Math.max(maxSoughtMessages, this.#uids.count * placedPart);
    return (isPart ? await this.#place(uids, turn) : undefined) ?? this.#sortAgain(uids, turn);
  }

  /** Looks for the place of each; undefined if the keys of some that it meets are not known any more. */
  async #place(uids: Uint32Array, turn: Turn): Promise<AddedMembers | undefined> {
    const sorted = await sortFew(this.#feed, uids, this.#keys, turn);
    const places = new Uint32Array(sorted.length);
    const order = this.#order.subarray(0, this.#uids.count);
    for (let index = 0; index < sorted.length; index++) {
      const place = this.#placeFor(sorted[index]!, order, places[index - 1] ?? 0);
      if (place === undefined) return undefined;
      places[index] = place;
      // To look for a place takes as long as to write a line.
      turn.wrote();
      if (turn.look()) await turn.next();
    }
    await this.#insert(sorted, places, turn);
    return { removed: [], added: runsFrom(places, sorted) };
  }

  /** Where in the order a message belongs, from a place on. */
  #placeFor(uid: number, order: Uint32Array, from: number): number | undefined {
    let [low, high] = [from, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = compareByKeys(this.#feed.sortColumns, this.#keys, order[middle]!, uid);
      if (Number.isNaN(difference)) return undefined;
      // Messages that are equal by all keys are in the order of the mailbox.
      if (difference < 0 || (difference === 0 && order[middle]! < uid)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sorts all anew. What is gone meanwhile, and cannot be sorted any more, is removed. */
  async #sortAgain(uids: Uint32Array, turn: Turn): Promise<AddedMembers> {
    const all = await makeUidSet(uids, turn);
    for (const uid of this.#uids) {
      if (turn.look()) await turn.next();
      all.add(uid);
    }
    const ascending = new Uint32Array(all.count);
    let count = 0;
    for (const uid of all) {
      if (turn.look()) await turn.next();
      ascending[count++] = uid;
    }
    const sorted = await sortMessages(this.#feed, ascending, this.#keys, turn);
    const left = await makeUidSet(sorted, turn);
    const gone: number[] = [];
    for (const uid of this.#uids) {
      if (turn.look()) await turn.next();
      if (!left.has(uid)) gone.push(uid);
    }
    const removed = await this.remove(Uint32Array.from(gone), turn);
    const added = new Uint32Array(sorted.length - this.#uids.count);
    const places = new Uint32Array(added.length);
    let addedCount = 0;
    for (let place = 0; place < sorted.length; place++) {
      if (turn.look()) await turn.next();
      if (this.#uids.has(sorted[place]!)) continue;
      added[addedCount] = sorted[place]!;
      places[addedCount] = place - addedCount++;
    }
    await this.#insert(added, places, turn);
    return { removed, added: runsFrom(places, added) };
  }

  /** Places in the order, ascending, of members. */
  async #placesOf(uids: Uint32Array, turn: Turn): Promise<Uint32Array> {
    const order = this.#order.subarray(0, this.#uids.count);
    if (uids.length <= maxSoughtMessages) return uids.map((uid) => order.indexOf(uid)).toSorted();
    const sought = await makeUidSet(uids, turn);
    const places = new Uint32Array(uids.length);
    let count = 0;
    for (let place = 0; count < uids.length; place++) {
      if (turn.look()) await turn.next();
      if (sought.has(order[place]!)) places[count++] = place;
    }
    return places;
  }

  /** Takes out what stands at places, ascending. */
  async #cut(places: Uint32Array, turn: Turn): Promise<void> {
    const { count } = this.#uids;
    for (let index = 0; index < places.length; index++) {
      if (turn.look()) await turn.next();
      const place = places[index]!;
      this.#uids.delete(this.#order[place]!);
      this.#order.copyWithin(place - index, place + 1, places[index + 1] ?? count);
    }
  }

  /** Puts messages before those that stand at places, which ascend. They become members. */
  async #insert(uids: Uint32Array, places: Uint32Array, turn: Turn): Promise<void> {
    let end = this.#uids.count;
    this.#reserve(end + uids.length);
    for (let index = uids.length - 1; index >= 0; index--) {
      if (turn.look()) await turn.next();
      const place = places[index]!;
      this.#order.copyWithin(place + index + 1, place, end);
      this.#order[place + index] = uids[index]!;
      this.#uids.add(uids[index]!);
      end = place;
    }
  }

  #reserve(count: number): void {
    if (count <= this.#order.length) return;
    const grown = new Uint32Array(count + 16 + (count >>> 4));
    grown.set(this.#order);
    this.#order = grown;
  }
}

/** Messages that stood side by side, from the last ones on. */
function* runsFromEnd(places: Uint32Array, uids: Uint32Array): Generator<ResultUpdate, void> {
  let end = places.length;
  for (let start = end - 1; start >= 0; start--) {
    if (start > 0 && places[start - 1] === places[start]! - 1) continue;
    yield { position: places[start]! + 1, uids: uids.subarray(start, end) };
    end = start;
  }
}

/** Messages that come to one place, from the first ones on; those before them have come already. */
function* runsFrom(places: Uint32Array, uids: Uint32Array): Generator<ResultUpdate, void> {
  let start = 0;
  for (let end = 1; end <= places.length; end++) {
    if (end < places.length && places[end] === places[start]) continue;
    yield { position: places[start]! + start + 1, uids: uids.subarray(start, end) };
    start = end;
  }
}
