import { Segment, type SegmentMemory, unitBytes } from './segment.ts';

/** The bounds of a {@link SegmentRing}, and its segments' table. */
export interface SegmentRingOptions {
  /** Makes and releases the segments; two rings may share one. */
  readonly table: SegmentTable;
  readonly isProbation: boolean;
  /** At least 1. */
  readonly maxSegments: number;
  /** At least 1. */
  readonly maxEntries: number;
}

/**
 * Segments in order of arrival. The newest one is open: entries are appended to it. The oldest one is the
 * next to expire and the next to be evicted.
 */
export class SegmentRing {
  readonly #table: SegmentTable;
  readonly #isProbation: boolean;
  readonly #maxSegments: number;
  readonly #maxEntries: number;
  readonly #segments: Segment[] = [];
  #liveCount = 0;

  constructor(options: SegmentRingOptions) {
    this.#table = options.table;
    this.#isProbation = options.isProbation;
    this.#maxSegments = options.maxSegments;
    this.#maxEntries = options.maxEntries;
  }

  /** Oldest first; the ring's own list. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get oldest(): Segment | undefined {
    return this.#segments[0];
  }

  get heldBytes(): number {
    return this.#segments.length * this.#table.segmentBytes;
  }

  /** Bytes that it may hold. */
  get maxBytes(): number {
    return this.#maxSegments * this.#table.segmentBytes;
  }

  /** Whether it has as many segments as it may. */
  get isFull(): boolean {
    return this.#segments.length >= this.#maxSegments;
  }

  /** Whether it has as many entries as it may. */
  get hasMostEntries(): boolean {
    return this.#liveCount >= this.#maxEntries;
  }

  /** The segment that entries are appended to; undefined if there is none. */
  get open(): Segment | undefined {
    return this.#segments.at(-1);
  }

  /** Returns a segment that an entry can be appended to; undefined if something has to be evicted first. */
  segmentFor(byteLength: number, expiresAt: number): Segment | undefined {
    if (this.hasMostEntries) return undefined;
    const open = this.#segments.at(-1);
    if (open?.canAppend(byteLength, expiresAt) === true) return open;
    if (open?.liveCount === 0) this.release(open);
    if (this.isFull) return undefined;
    const segment = this.#table.open(this.#isProbation);
    this.#segments.push(segment);
    return segment;
  }

  /** Counts an entry that was appended to one of the segments. */
  countEntry(): void {
    this.#liveCount++;
  }

  /** Kills an entry of one of the segments. A segment that is not open is released with its last entry. */
  kill(segment: Segment, offset: number): void {
    segment.kill(offset);
    this.#liveCount--;
    if (segment.liveCount === 0 && segment !== this.#segments.at(-1)) this.release(segment);
  }

  /** Removes a segment without live entries, and gives its memory back. */
  release(segment: Segment): void {
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#table.release(segment);
  }

  /** Empties the ring without giving memory back; returns its segments, which the caller releases. */
  takeSegments(): Segment[] {
    this.#liveCount = 0;
    return this.#segments.splice(0);
  }
}

/**
 * The segments of a cache, each in a slot. A location is 32 bits that name an entry: the slot of its segment and its
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

  /** Makes a segment, for the probation ring or for the main one. */
  open(isProbation: boolean): Segment {
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    const segment = new Segment(slot, isProbation, this.segmentBytes, this.#memory);
    this.#slots[slot] = segment;
    return segment;
  }

  /** Gives the memory of a segment back; its slot is used again. */
  release(segment: Segment): void {
    this.#slots[segment.slot] = undefined;
    this.#freeSlots.push(segment.slot);
    segment.release();
  }

  /** Returns the segment of a location. */
  segmentAt(location: number): Segment {
    return this.#slots[Math.floor((location * unitBytes) / this.segmentBytes)]!;
  }

  /** Returns the offset of a location in its segment. */
  offsetAt(location: number): number {
    return (location * unitBytes) % this.segmentBytes;
  }

  /** Returns the location of an entry. */
  locationOf(segment: Segment, offset: number): number {
    return (segment.slot * this.segmentBytes + offset) / unitBytes;
  }
}
