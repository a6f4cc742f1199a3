import { segmentLimits } from '../../limits.ts';
import type { SegmentMemory } from './segment.ts';

/** Slots of the smallest table, unless there are only bytes for fewer. */
const smallestCapacity = 512;
/** Above this load the table grows, if there are bytes for a larger one. */
const growLoad = 0.75;
/** No table gets a higher load than this, so that probing stays short and always finds an empty slot. */
const fullLoad = 0.85;
/** Below this load the table shrinks to half its size. */
const shrinkLoad = 3 / 16;

/** The bounds of a {@link SegmentIndex}, and its memory. */
export interface SegmentIndexOptions {
  /** Bytes for the tables; while the index changes its size there are two. */
  readonly maxBytes: number;
  readonly memory: SegmentMemory;
}

/**
 * Finds the location of an entry by the hash of its id. It doubles or halves its size; a change of size is spread
 * over the insertions and removals that follow, so that no call takes long. Soon after it is empty it holds no
 * memory: {@link settle} gives back what is left.
 */
export class SegmentIndex {
  readonly #memory: SegmentMemory;
  /** Capacities that a table can have, each twice the one before. */
  readonly #capacities: readonly number[];
  #level = 0;
  #current: IndexTable | undefined;
  #previous: IndexTable | undefined;
  /** Tables that are not used any more, and of which a part is not given back yet. */
  readonly #old: IndexTable[] = [];

  constructor(options: SegmentIndexOptions) {
    this.#memory = options.memory;
    this.#capacities = capacitiesWithin(options.maxBytes);
    // One location for each ring.
    if (this.maxCount < 2) {
      throw new RangeError(`Cannot index sessions in "${options.maxBytes}" bytes`);
    }
  }

  /** How many locations are in the index. */
  get count(): number {
    return (this.#current?.count ?? 0) + (this.#previous?.count ?? 0);
  }

  /** How many locations fit; the caller removes some before it inserts more. */
  get maxCount(): number {
    const largest = this.#capacities.at(-1)!;
    return Math.min(Math.floor(largest * fullLoad), largest - 1);
  }

  get heldBytes(): number {
    const tables = [this.#current, this.#previous, ...this.#old];
    return tables.reduce((sum, table) => sum + (table?.heldBytes ?? 0), 0);
  }

  find(hash: number, matches: (location: number) => boolean): number | undefined {
    return this.#current?.find(hash, matches) ?? this.#previous?.find(hash, matches);
  }

  insert(hash: number, location: number): void {
    this.#growIfFull();
    this.#current!.insert(hash, location);
    this.#move(segmentLimits.slotsPerInsertion);
    this.#releasePart();
  }

  replace(hash: number, location: number, replacement: number): void {
    if (this.#current?.replace(hash, location, replacement)) return;
    this.#previous?.replace(hash, location, replacement);
  }

  remove(hash: number, location: number): void {
    if (!this.#current?.remove(hash, location)) this.#previous?.remove(hash, location);
    if (this.count === 0) {
      this.clear();
      return;
    }
    this.#move(segmentLimits.slotsPerRemoval);
    this.#shrinkIfSparse();
  }

  /**
   * Moves on with a change of size by so many slots, and with giving memory back.
   *
   * @returns whether there is more to do
   */
  settle(slots: number): boolean {
    this.#releasePart();
    this.#move(slots);
    return this.#previous !== undefined || this.#old.length > 0;
  }

  /** Drops all locations. The memory of a small table is given back at once, that of a large one by {@link settle}. */
  clear(): void {
    for (const table of [this.#current, this.#previous]) {
      if (table?.release() === true) this.#old.push(table);
    }
    this.#current = undefined;
    this.#previous = undefined;
  }

  // Not called by removals: one step of expiry makes hundreds of them.
  #releasePart(): void {
    if (this.#old[0]?.release() === false) this.#old.shift();
  }

  #growIfFull(): void {
    const current = this.#current;
    if (current === undefined) {
      this.#level = 0;
      this.#current = new IndexTable(this.#capacities[0]!, this.#memory);
    } else if (
      this.count + 1 > current.capacity * growLoad &&
      this.#level < this.#capacities.length - 1
    ) {
      this.#resize(current, this.#level + 1);
    }
  }

  #shrinkIfSparse(): void {
    const current = this.#current!;
    if (this.#previous !== undefined || this.#level === 0) return;
    if (this.count <= current.capacity * shrinkLoad) this.#resize(current, this.#level - 1);
  }

  #resize(current: IndexTable, level: number): void {
    // Moves keep ahead of insertions, so nothing should be left to move by now. If it is, it is moved first.
    this.#move(Infinity);
    this.#previous = current;
    this.#level = level;
    this.#current = new IndexTable(this.#capacities[level]!, this.#memory);
  }

  #move(slots: number): void {
    if (this.#previous === undefined) return;
    this.#previous.drainInto(this.#current!, slots);
    if (this.#previous.count > 0) return;
    if (this.#previous.release()) this.#old.push(this.#previous);
    this.#previous = undefined;
  }
}

/** Capacities for which a table and one of twice or half its size fit into the bytes together. */
function capacitiesWithin(maxBytes: number): number[] {
  const capacities = [Math.floor(maxBytes / (1.5 * slotBytes))];
  while (capacities[0]! >= 2 * smallestCapacity) capacities.unshift(Math.floor(capacities[0]! / 2));
  return capacities;
}

/** Bytes of one slot: a hash and a location of 32 bits each. */
export const slotBytes = 8;

const empty = 0;
const moved = 0xffffffff;

/**
 * An open-addressing hash table in a buffer, with linear probing, and removal by shifting back instead of tombstones.
 * The home slot of a hash grows with the hash, so that a larger table is filled in the order in which the smaller
 * one is read. A location is any number from 0 to 2³² - 3.
 */
export class IndexTable {
  readonly capacity: number;
  readonly #memory: SegmentMemory;
  readonly #buffer: ArrayBuffer;
  readonly #words: Uint32Array;
  #count = 0;
  #drained = 0;
  #heldBytes: number;

  /** @param capacity - how many slots, at least 2; one of them always stays empty */
  constructor(capacity: number, memory: SegmentMemory) {
    this.capacity = capacity;
    this.#memory = memory;
    this.#heldBytes = capacity * slotBytes;
    this.#buffer = memory.allocate(this.#heldBytes);
    this.#words = new Uint32Array(this.#buffer);
  }

  get count(): number {
    return this.#count;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Returns the location under this hash that `matches`, undefined if there is none. Stops at the first empty slot. */
  find(hash: number, matches: (location: number) => boolean): number | undefined {
    for (let slot = this.#home(hash); ; slot = this.#next(slot)) {
      const mark = this.#words[2 * slot + 1]!;
      if (mark === empty) return undefined;
      if (mark !== moved && this.#words[2 * slot] === hash && matches(mark - 1)) return mark - 1;
    }
  }

  /** Adds a location that is not in the table yet; the caller keeps at least one slot empty. */
  insert(hash: number, location: number): void {
    let slot = this.#home(hash);
    while (this.#words[2 * slot + 1] !== empty) slot = this.#next(slot);
    this.#words[2 * slot] = hash;
    this.#words[2 * slot + 1] = location + 1;
    this.#count++;
  }

  /** Replaces a location by another; returns whether it was here. */
  replace(hash: number, location: number, replacement: number): boolean {
    const slot = this.#slotOf(hash, location);
    if (slot === undefined) return false;
    this.#words[2 * slot + 1] = replacement + 1;
    return true;
  }

  /** Removes a location; returns whether it was here. */
  remove(hash: number, location: number): boolean {
    const slot = this.#slotOf(hash, location);
    if (slot === undefined) return false;
    this.#closeHole(slot);
    this.#count--;
    return true;
  }

  /** Moves the locations of the next slots, in order, to another table. From then on nothing may be inserted here. */
  drainInto(target: IndexTable, slots: number): void {
    const end = Math.min(this.capacity, this.#drained + slots);
    for (; this.#drained < end && this.#count > 0; this.#drained++) {
      const mark = this.#words[2 * this.#drained + 1]!;
      if (mark === empty || mark === moved) continue;
      target.insert(this.#words[2 * this.#drained]!, mark - 1);
      // Not emptied: locations further on may have been pushed past this slot.
      this.#words[2 * this.#drained + 1] = moved;
      this.#count--;
    }
  }

  /**
   * Gives a part of the memory back; the system would need milliseconds for all of a large table. The table must not
   * be used again.
   *
   * @returns whether there is more to give
   */
  release(): boolean {
    this.#heldBytes = Math.max(0, this.#heldBytes - segmentLimits.releasedBytes);
    this.#memory.release(this.#buffer, this.#heldBytes);
    return this.#heldBytes > 0;
  }

  #home(hash: number): number {
    return Math.floor((hash * this.capacity) / 0x1_0000_0000);
  }

  #next(slot: number): number {
    return slot + 1 === this.capacity ? 0 : slot + 1;
  }

  #slotOf(hash: number, location: number): number | undefined {
    for (let slot = this.#home(hash); ; slot = this.#next(slot)) {
      const mark = this.#words[2 * slot + 1]!;
      if (mark === location + 1) return slot;
      if (mark === empty) return undefined;
    }
  }

  // Locations that were pushed past the hole move back into it. It stops at the first slot that is empty or was
  // drained. Behind a drained slot there may be more that probing must still reach, so the hole is marked as drained
  // then.
  #closeHole(hole: number): void {
    let open = hole;
    let end = empty;
    for (let slot = this.#next(hole); ; slot = this.#next(slot)) {
      const mark = this.#words[2 * slot + 1]!;
      if (mark === empty || mark === moved) {
        end = mark;
        break;
      }
      const hash = this.#words[2 * slot]!;
      if (this.#distance(this.#home(hash), slot) < this.#distance(open, slot)) continue;
      this.#words[2 * open] = hash;
      this.#words[2 * open + 1] = mark;
      open = slot;
    }
    this.#words[2 * open] = 0;
    this.#words[2 * open + 1] = end;
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to + this.capacity - from;
  }
}
