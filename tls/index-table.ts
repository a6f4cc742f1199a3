import { segmentLimits } from './limits.ts';
import type { SegmentMemory } from './segment-memory.ts';

/** Bytes of one slot: a hash and a location of 32 bits each. */
export const slotBytes = 8;

const empty = 0;
const moved = 0xffffffff;

/**
 * One open-addressing hash table over a buffer: linear probing, removal by shifting back, no tombstones.
 * The home of a hash grows with the hash, so that a larger table is filled in the order the smaller one is
 * read. A location is any number from 0 to 2³² - 3.
 */
export class IndexTable {
  readonly capacity: number;
  readonly #memory: SegmentMemory;
  readonly #buffer: ArrayBuffer;
  readonly #words: Uint32Array;
  #count = 0;
  #drained = 0;
  #heldBytes: number;

  /** @param capacity - slots, at least 2; one of them always stays empty */
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

  /** The location under this hash that `matches`, or undefined. Stops at the first empty slot. */
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

  /** Puts another location in the place of one; whether that was here. */
  replace(hash: number, location: number, replacement: number): boolean {
    const slot = this.#slotOf(hash, location);
    if (slot === undefined) return false;
    this.#words[2 * slot + 1] = replacement + 1;
    return true;
  }

  /** Removes a location; whether it was here. */
  remove(hash: number, location: number): boolean {
    const slot = this.#slotOf(hash, location);
    if (slot === undefined) return false;
    this.#closeHole(slot);
    this.#count--;
    return true;
  }

  /** Moves the locations of the next slots, in order, to another table. After the first call only read and remove. */
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
   * Gives a part of the memory back, since all of a large table takes the system milliseconds; the table is
   * not used again.
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

  // What was pushed past the hole moves back into it, up to the first slot where nothing can have been. Past
  // a slot that was drained there may be more, which probing must still reach: the hole counts as drained then.
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
