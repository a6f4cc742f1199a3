import { cacheLimits, segmentLimits } from '../../limits.ts';
import { hashBytes, makeHashSeed } from '../../bytes.ts';
import { AddressShares, noAddress, OwnerTable } from './owners.ts';
import { SegmentIndex } from './id-index.ts';
import { SegmentRing, SegmentTable } from './ring.ts';
import {
  entryBytes,
  type Segment,
  type SegmentEntry,
  type SegmentMemory,
  type SegmentPlan,
} from './segment.ts';
import type { PutOptions, RemovalReason } from '../session-cache.ts';

/** Whether a session was stored, or why it was not. */
export type AddOutcome = 'stored' | 'tooLarge' | 'overShare';

/**
 * The entries of a segment cache: two rings of segments, and the index that finds entries in them. It has no clock and
 * no timer.
 *
 * A location names an entry. It is valid until an entry is added, promoted or removed.
 */
export class SegmentStore {
  readonly #table: SegmentTable;
  readonly #main: SegmentRing;
  readonly #probation: SegmentRing;
  readonly #index: SegmentIndex;
  readonly #accounts = new OwnerTable();
  readonly #certificates = new OwnerTable();
  readonly #shares = new AddressShares();
  readonly #seed = makeHashSeed();
  readonly #removed = makeRemovalCounters();
  #usedBytes = 0;
  /** Segments whose entries are not found any more, and whose memory is given back one by one. */
  #discarded: Segment[] = [];

  constructor(plan: SegmentPlan, memory: SegmentMemory) {
    this.#index = new SegmentIndex({ maxBytes: plan.indexBytes, memory });
    this.#table = new SegmentTable(plan.segmentBytes, memory);
    const probationEntries = Math.ceil(this.#index.maxCount * segmentLimits.probationShare);
    this.#main = new SegmentRing({
      table: this.#table,
      isProbation: false,
      maxSegments: plan.mainSegments,
      maxEntries: Math.max(1, this.#index.maxCount - probationEntries),
    });
    this.#probation = new SegmentRing({
      table: this.#table,
      isProbation: true,
      maxSegments: plan.probationSegments,
      maxEntries: probationEntries,
    });
  }

  get entryCount(): number {
    return this.#index.count;
  }

  /** Bytes of live entries, headers included. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of segments and index. */
  get heldBytes(): number {
    const discardedBytes = this.#discarded.length * this.#table.segmentBytes;
    return (
      this.#main.heldBytes + this.#probation.heldBytes + discardedBytes + this.#index.heldBytes
    );
  }

  /** A copy of the counters. */
  get removed(): Record<RemovalReason, number> {
    return { ...this.#removed };
  }

  /** Returns the location of an entry; undefined if there is none, or if a purge has retired it. */
  find(id: Uint8Array): number | undefined {
    const location = this.#locate(id);
    return location !== undefined && this.#isRetired(location) ? undefined : location;
  }

  /** Returns a view on a session, which must not leave the cache. */
  session(location: number): Uint8Array {
    return this.#table.segmentAt(location).session(this.#table.offsetAt(location));
  }

  expiresAt(location: number): number {
    return this.#table.segmentAt(location).expiresAt(this.#table.offsetAt(location));
  }

  /** Stores a session, replaces another with the same id, and evicts the oldest if there is no room. */
  add(id: Uint8Array, session: Uint8Array, options: PutOptions): AddOutcome {
    const byteLength = entryBytes(id, session);
    if (
      byteLength > this.#table.segmentBytes ||
      session.length > cacheLimits.sessionBytes ||
      id.length > cacheLimits.idBytes ||
      id.length === 0
    ) {
      return 'tooLarge';
    }
    const address = this.#shares.counterOf(options.address);
    if (options.account === undefined && this.#isOverShare(address, byteLength)) return 'overShare';
    const existing = this.#locate(id);
    if (existing !== undefined) this.remove(existing, 'superseded');
    const ring = options.account === undefined ? this.#probation : this.#main;
    const owner = options.account === undefined ? address : this.#accounts.acquire(options.account);
    const certificate = this.#certificates.acquire(options.certificate);
    const entry = { id, session, expiresAt: options.expiresAt, owner, certificate };
    this.#index.insert(hashBytes(id, this.#seed), this.#append(ring, entry, byteLength));
    return 'stored';
  }

  /** Gives an entry to an account; one in the probation ring moves to the main ring. */
  promote(location: number, account: string): void {
    const segment = this.#table.segmentAt(location);
    const offset = this.#table.offsetAt(location);
    const owner = this.#accounts.acquire(account);
    if (!segment.isProbation) {
      this.#accounts.release(segment.owner(offset));
      segment.setOwner(offset, owner);
      return;
    }
    const byteLength = segment.byteLength(offset);
    const entry = {
      id: segment.id(offset),
      session: segment.session(offset),
      expiresAt: segment.expiresAt(offset),
      owner,
      certificate: segment.certificate(offset),
    };
    const hash = hashBytes(entry.id, this.#seed);
    this.#index.replace(hash, location, this.#append(this.#main, entry, byteLength));
    this.#forget(segment, offset);
  }

  /** Removes an entry. */
  remove(location: number, reason: RemovalReason): void {
    this.#remove(this.#table.segmentAt(location), this.#table.offsetAt(location), reason);
  }

  /**
   * Removes entries that are over, from the oldest on, and releases the segments that are empty then. Stops at the
   * first entry of each ring that is not over, and after looking at so many entries.
   *
   * @returns whether there may be more to do
   */
  expire(isOver: (expiresAt: number) => boolean, entries: number): boolean {
    const left = this.#expireRing(this.#probation, isOver, entries);
    if (this.#expireRing(this.#main, isOver, left) === 0) return true;
    return this.#index.settle(segmentLimits.slotsPerStep);
  }

  /** Returns when the next entry expires; undefined if there is none, -Infinity if there is a dead one to pass. */
  nextExpiry(): number | undefined {
    const times = [this.#probation.oldest, this.#main.oldest]
      .filter((segment) => segment !== undefined)
      .map((segment) => {
        const isLive = segment.head < segment.tail && segment.isLive(segment.head);
        return isLive ? segment.expiresAt(segment.head) : -Infinity;
      });
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Returns when the oldest entry expires; undefined if there is none. It passes dead entries, as expiry does. */
  oldestExpiry(): number | undefined {
    const times = [this.#probation.oldest, this.#main.oldest].flatMap((segment) => {
      if (segment === undefined || segment.liveCount === 0) return [];
      while (!segment.isLive(segment.head)) segment.passHead();
      return [segment.expiresAt(segment.head)];
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Hides the entries of an account; returns how many there are. {@link sweepRetired} removes them. */
  retireAccount(account: string): number {
    return this.#accounts.retire(account);
  }

  /** Hides the entries of a client certificate; returns how many there are. {@link sweepRetired} removes them. */
  retireCertificate(certificate: string): number {
    return this.#certificates.retire(certificate);
  }

  /** Hides all entries; returns how many there were. {@link releaseDiscarded} overwrites them. */
  retireAll(reason: RemovalReason): number {
    const count = this.entryCount;
    this.#removed[reason] += count;
    this.#index.clear();
    this.#discarded = this.#discarded.concat(
      this.#main.takeSegments(),
      this.#probation.takeSegments(),
    );
    this.#accounts.clear();
    this.#certificates.clear();
    this.#shares.clear();
    this.#usedBytes = 0;
    return count;
  }

  /** Removes what was retired before the call; each step looks at so many entries. Others may come and go between. */
  *sweepRetired(entriesPerStep: number): Generator<undefined, undefined> {
    let left = entriesPerStep;
    for (const segment of [...this.#probation.segments, ...this.#main.segments]) {
      // A segment that is released meanwhile has no live entries any more.
      for (let offset = segment.head; segment.liveCount > 0 && offset < segment.tail;) {
        const next = offset + segment.byteLength(offset);
        if (segment.isLive(offset) && this.#isRetiredAt(segment, offset)) {
          this.#remove(segment, offset, 'purged');
        }
        offset = next;
        left--;
        if (left > 0) continue;
        yield;
        left = entriesPerStep;
      }
    }
  }

  /**
   * Overwrites so many segments of {@link retireAll}, gives them back, and a part of the index.
   *
   * @returns whether there is more to give
   */
  releaseDiscarded(segments: number): boolean {
    for (const segment of this.#discarded.splice(-segments)) this.#table.release(segment);
    return this.#index.settle(segmentLimits.slotsPerStep) || this.#discarded.length > 0;
  }

  /** Removes everything and gives all memory back at once; returns how many entries there were. */
  clear(reason: RemovalReason): number {
    const count = this.retireAll(reason);
    this.releaseDiscarded(this.#discarded.length);
    while (this.#index.settle(Infinity));
    return count;
  }

  #locate(id: Uint8Array): number | undefined {
    return this.#index.find(hashBytes(id, this.#seed), (location) => {
      const segment = this.#table.segmentAt(location);
      return areEqual(segment.id(this.#table.offsetAt(location)), id);
    });
  }

  #isRetired(location: number): boolean {
    return this.#isRetiredAt(this.#table.segmentAt(location), this.#table.offsetAt(location));
  }

  #isRetiredAt(segment: Segment, offset: number): boolean {
    if (this.#certificates.isRetired(segment.certificate(offset))) return true;
    return !segment.isProbation && this.#accounts.isRetired(segment.owner(offset));
  }

  #isOverShare(address: number, byteLength: number): boolean {
    if (address === noAddress) return false;
    // In a small ring, a share of less than two segments would refuse new sessions that fit.
    const share = Math.max(
      this.#probation.maxBytes * segmentLimits.addressShare,
      2 * this.#table.segmentBytes,
    );
    return this.#shares.bytes(address) + byteLength > share;
  }

  #append(ring: SegmentRing, entry: SegmentEntry, byteLength: number): number {
    // Discarded segments still take bytes that the cache may hold: one is given back before another is made.
    if (this.#discarded.length > 0) this.#table.release(this.#discarded.pop()!);
    this.#evictAhead(ring, byteLength);
    let segment = ring.segmentFor(byteLength, entry.expiresAt);
    // It stops: each round evicts an entry or a segment, and an empty ring has room for what fits a segment.
    while (segment === undefined) {
      if (ring.hasMostEntries) this.#evictOldest(ring);
      else this.#evict(ring, ring.oldest!);
      segment = ring.segmentFor(byteLength, entry.expiresAt);
    }
    const offset = segment.append(entry);
    ring.countEntry();
    this.#usedBytes += byteLength;
    if (segment.isProbation) this.#shares.add(entry.owner, byteLength);
    return this.#table.locationOf(segment, offset);
  }

  // In a full ring the oldest segment is emptied at the pace at which the newest fills, so that no single append has
  // to evict all of it.
  #evictAhead(ring: SegmentRing, byteLength: number): void {
    const { oldest, open } = ring;
    if (!ring.isFull || oldest === undefined || open === undefined || oldest === open) return;
    while (!oldest.isReleased && oldest.head < Math.min(open.tail + byteLength, oldest.tail)) {
      this.#passHead(oldest, 'evicted');
    }
    if (!oldest.isReleased && oldest.head === oldest.tail) ring.release(oldest);
  }

  #evictOldest(ring: SegmentRing): void {
    const oldest = ring.oldest!;
    if (oldest.head === oldest.tail) ring.release(oldest);
    else this.#passHead(oldest, 'evicted');
  }

  #passHead(segment: Segment, reason: RemovalReason): void {
    const isLive = segment.isLive(segment.head);
    const offset = segment.passHead();
    if (isLive) this.#remove(segment, offset, reason);
  }

  #evict(ring: SegmentRing, segment: Segment): void {
    for (const offset of liveOffsets(segment)) this.#remove(segment, offset, 'evicted');
    if (!segment.isReleased) ring.release(segment);
  }

  #remove(segment: Segment, offset: number, reason: RemovalReason): void {
    const location = this.#table.locationOf(segment, offset);
    this.#index.remove(hashBytes(segment.id(offset), this.#seed), location);
    this.#certificates.release(segment.certificate(offset));
    if (!segment.isProbation) this.#accounts.release(segment.owner(offset));
    this.#removed[reason]++;
    this.#forget(segment, offset);
  }

  // Called when the index has no more the entry, or has it at another location.
  #forget(segment: Segment, offset: number): void {
    const byteLength = segment.byteLength(offset);
    this.#usedBytes -= byteLength;
    if (segment.isProbation) this.#shares.add(segment.owner(offset), -byteLength);
    (segment.isProbation ? this.#probation : this.#main).kill(segment, offset);
  }

  #expireRing(ring: SegmentRing, isOver: (expiresAt: number) => boolean, entries: number): number {
    let left = entries;
    for (let oldest = ring.oldest; oldest !== undefined && left > 0; oldest = ring.oldest) {
      if (oldest.head === oldest.tail) {
        ring.release(oldest);
        continue;
      }
      if (oldest.isLive(oldest.head) && !isOver(oldest.expiresAt(oldest.head))) break;
      this.#passHead(oldest, 'expired');
      left--;
    }
    return left;
  }
}

/** Offsets of the live entries of a segment; each may be removed when it comes, also the last one. */
function* liveOffsets(segment: Segment): Generator<number> {
  let offset = segment.head;
  while (segment.liveCount > 0) {
    const next = offset + segment.byteLength(offset);
    if (segment.isLive(offset)) yield offset;
    if (next >= segment.tail) return;
    offset = next;
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function makeRemovalCounters(): Record<RemovalReason, number> {
  return { expired: 0, evicted: 0, superseded: 0, taken: 0, cleared: 0, purged: 0 };
}
