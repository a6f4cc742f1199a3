import { IndexTable, slotBytes } from './index-table.ts';
import { segmentLimits } from './limits.ts';
import type { SegmentMemory } from './segment-memory.ts';

/** Slots of the smallest table, unless there are bytes for fewer only. */
const smallestCapacity = 512;
/** Fuller than this the table grows, if it may. */
const growLoad = 0.75;
/** Fuller than this no table gets: probing stays short, and it always finds an empty slot. */
const fullLoad = 0.85;
/** Emptier than this the table shrinks to the half. */
const shrinkLoad = 3 / 16;

/** How much a {@link SegmentIndex} may take, and where from. */
export interface SegmentIndexOptions {
  /** Bytes for the tables, the one that is being left while the index changes its size included. */
  readonly maxBytes: number;
  readonly memory: SegmentMemory;
}

/**
 * Finds the location of an entry by the hash of its id. Grows to the double and shrinks to the half; a
 * change of size is spread over the insertions and removals that follow it, so that no call takes long.
 * Holds no memory soon after it is empty: {@link settle} gives back what is left.
 */
export class SegmentIndex {
  readonly #memory: SegmentMemory;
  // Capacities from the smallest to the largest, each twice the one before.
  readonly #capacities: readonly number[];
  #level = 0;
  #current: IndexTable | undefined;
  #previous: IndexTable | undefined;
  // Not used any more, and not given back whole yet.
  readonly #old: IndexTable[] = [];

  constructor(options: SegmentIndexOptions) {
    this.#memory = options.memory;
    this.#capacities = capacitiesWithin(options.maxBytes);
    // One for each ring.
    if (this.maxCount < 2) {
      throw new RangeError(`Cannot index sessions in "${options.maxBytes}" bytes`);
    }
  }

  /** Locations in the index. */
  get count(): number {
    return (this.#current?.count ?? 0) + (this.#previous?.count ?? 0);
  }

  /** Locations that fit; the owner removes some before it inserts more. */
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
   * Goes on with a change of size by so many slots, and with giving memory back.
   *
   * @returns whether there is more to do
   */
  settle(slots: number): boolean {
    this.#releasePart();
    this.#move(slots);
    return this.#previous !== undefined || this.#old.length > 0;
  }

  /** Forgets everything; what small tables held is given back at once, and the rest as {@link settle} is called. */
  clear(): void {
    for (const table of [this.#current, this.#previous]) {
      if (table?.release() === true) this.#old.push(table);
    }
    this.#current = undefined;
    this.#previous = undefined;
  }

  // Not with removals, of which one step of expiry makes hundreds.
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
    // Moves keep ahead of insertions, so there is nothing left to move by now; if there is, it goes first.
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

// A table, and while it is being left, one of half or double the size, fit together.
function capacitiesWithin(maxBytes: number): number[] {
  const capacities = [Math.floor(maxBytes / (1.5 * slotBytes))];
  while (capacities[0]! >= 2 * smallestCapacity) capacities.unshift(Math.floor(capacities[0]! / 2));
  return capacities;
}
