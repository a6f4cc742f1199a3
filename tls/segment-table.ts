import type { SegmentMemory } from './segment-memory.ts';
import { Segment, unitBytes } from './segment.ts';

/**
 * The segments of a cache by slot. A location names an entry in 32 bits: the slot of its segment and its
 * offset there, counted in units.
 */
export class SegmentTable {
  readonly segmentBytes: number;
  readonly #memory: SegmentMemory;
  readonly #slots: (Segment | undefined)[] = [];
  readonly #freeSlots: number[] = [];

  constructor(segmentBytes: number, memory: SegmentMemory) {
    this.segmentBytes = segmentBytes;
    this.#memory = memory;
  }

  /** A new segment, for the probation ring or the main one. */
  open(isProbation: boolean): Segment {
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    const segment = new Segment(slot, isProbation, this.segmentBytes, this.#memory);
    this.#slots[slot] = segment;
    return segment;
  }

  /** Gives the memory of a segment back. */
  release(segment: Segment): void {
    this.#slots[segment.slot] = undefined;
    this.#freeSlots.push(segment.slot);
    segment.release();
  }

  /** The segment that a location lies in. */
  segmentAt(location: number): Segment {
    return this.#slots[Math.floor((location * unitBytes) / this.segmentBytes)]!;
  }

  /** The offset of a location in its segment. */
  offsetAt(location: number): number {
    return (location * unitBytes) % this.segmentBytes;
  }

  /** The location of an entry. */
  locationOf(segment: Segment, offset: number): number {
    return (segment.slot * this.segmentBytes + offset) / unitBytes;
  }
}
