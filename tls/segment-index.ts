import { IndexTable, slotBytes } from './index-table.ts';
import { segmentLimits } from './limits.ts';
import type { SegmentMemory } from './segment-memory.ts';

const smallestCapacity = 512;
/** Fuller than this the table grows, if it may. */
const growLoad = 0.75;
/** Fuller than this no table gets: probing stays short, and it always finds an empty slot. */
const fullLoad = 0.85;
/** Emptier than this the table shrinks to the half. */
const shrinkLoad = 3 / 16;

export interface SegmentIndexOptions {
  /** Octets for the tables, the one that is being left while the index changes its size included. */
  readonly maxBytes: number;
  readonly memory: SegmentMemory;
}

/**
 * Finds the location of an entry by the hash of its id. Grows to the double and shrinks to the half; a
 * change of size is spread over the insertions and removals that follow it, so that no call takes long.
 * Holds no memory when it is empty.
 */
export class SegmentIndex {
  readonly #memory: SegmentMemory;
  readonly #maxCapacity: number;
  #current: IndexTable | undefined;
  #previous: IndexTable | undefined;

  constructor(options: SegmentIndexOptions) {
    this.#memory = options.memory;
    // A table and, while it is being left, one of half or double the size.
    this.#maxCapacity = Math.floor(options.maxBytes / (1.5 * slotBytes));
    // One for each ring.
    if (this.maxCount < 2) {
      throw new RangeError(`Cannot index sessions in "${options.maxBytes}" octets`);
    }
  }

  /** Locations in the index. */
  get count(): number {
    return (this.#current?.count ?? 0) + (this.#previous?.count ?? 0);
  }

  /** Locations that fit; the owner removes some before it inserts more. */
  get maxCount(): number {
    return Math.min(Math.floor(this.#maxCapacity * fullLoad), this.#maxCapacity - 1);
  }

  get heldBytes(): number {
    return (this.#current?.heldBytes ?? 0) + (this.#previous?.heldBytes ?? 0);
  }

  find(hash: number, matches: (location: number) => boolean): number | undefined {
    return this.#current?.find(hash, matches) ?? this.#previous?.find(hash, matches);
  }

  insert(hash: number, location: number): void {
    this.#growIfFull();
    this.#current!.insert(hash, location);
    this.#move(segmentLimits.slotsPerInsertion);
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
   * Goes on with a change of size by so many slots.
   *
   * @returns whether there is more to do
   */
  settle(slots: number): boolean {
    if (this.#current === undefined) return false;
    this.#move(slots);
    this.#shrinkIfSparse();
    return this.#previous !== undefined;
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.#current?.release();
    this.#previous?.release();
    this.#current = undefined;
    this.#previous = undefined;
  }

  #growIfFull(): void {
    const current = this.#current;
    if (current === undefined) {
      this.#current = this.#table(smallestCapacity);
      return;
    }
    if (this.count + 1 <= current.capacity * growLoad || current.capacity >= this.#maxCapacity) {
      return;
    }
    this.#replaceTable(current, current.capacity * 2);
  }

  #shrinkIfSparse(): void {
    const current = this.#current!;
    const floor = Math.min(smallestCapacity, this.#maxCapacity);
    if (this.#previous !== undefined || current.capacity <= floor) return;
    if (this.count > current.capacity * shrinkLoad) return;
    this.#replaceTable(current, Math.max(floor, Math.ceil(current.capacity / 2)));
  }

  #replaceTable(current: IndexTable, capacity: number): void {
    // Moves keep ahead of insertions, so there is nothing left to move by now; if there is, it goes first.
    this.#move(Infinity);
    this.#previous = current;
    this.#current = this.#table(capacity);
  }

  #move(slots: number): void {
    if (this.#previous === undefined) return;
    this.#previous.drainInto(this.#current!, slots);
    if (this.#previous.count > 0) return;
    this.#previous.release();
    this.#previous = undefined;
  }

  #table(capacity: number): IndexTable {
    return new IndexTable(Math.min(capacity, this.#maxCapacity), this.#memory);
  }
}
