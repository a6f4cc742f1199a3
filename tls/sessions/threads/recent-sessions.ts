import { sharedLimits } from '../../limits.ts';
import { SessionLife } from '../session-cache.ts';

/** Ids that OpenSSL makes; other ids have no place here. */
const idBytes = 32;
/** Slots in which a session may lie: those of one set, which has one lock. */
const slotsPerSet = 4;

const unlocked = 0;
const locked = 1;
/** Whoever holds the lock is to clear the set before it goes on: somebody could not wait for it. */
const condemned = 2;

/** Memory of {@link RecentSessions}: plain data, which can be sent to another thread and is shared with it. */
export interface RecentSessionsMemory {
  /** A power of two. */
  readonly setCount: number;
  /** Bytes of the longest session. */
  readonly sessionBytes: number;
  /** The longest life of a session, in milliseconds. */
  readonly lifetimeMs: number;
  readonly buffer: SharedArrayBuffer;
}

/** How much a table of recent sessions holds. */
export interface RecentSessionsBounds extends Pick<
  RecentSessionsMemory,
  'sessionBytes' | 'lifetimeMs'
> {
  /** Bytes of the whole table. */
  readonly maxBytes: number;
}

/**
 * A table, of fixed size, of the sessions that came last. All threads that have its memory read and write it,
 * without a message to another. A session lies in one of four slots, which its id determines, until it expires,
 * is deleted, or gives way to a newer one; the bytes of what goes are overwritten with zeros.
 *
 * It may forget anything at any time: whoever must not forget keeps the session elsewhere too. Nobody's share of it is
 * bounded, so a flood of new sessions empties it of all others. Nobody waits for a lock either: who does not get
 * it soon finds nothing, and what it was to delete goes with the whole set. Of a thread that dies while it holds
 * one, the set is lost: nobody reads it any more.
 */
export class RecentSessions {
  readonly memory: RecentSessionsMemory;
  readonly #life: SessionLife;
  readonly #locks: Int32Array;
  /** When the session in a slot expires, in milliseconds; 0: the slot is free. */
  readonly #expiresAt: Float64Array;
  readonly #lengths: Uint32Array;
  /** For each slot an id and room for a session. */
  readonly #bytes: Uint8Array;
  readonly #slotBytes: number;
  /** Where a session waits for memory of its own, which is not asked for under a lock. */
  readonly #scratch: Uint8Array;

  constructor(memory: RecentSessionsMemory) {
    const { setCount, sessionBytes, buffer } = memory;
    const slotCount = setCount * slotsPerSet;
    this.memory = memory;
    this.#life = new SessionLife(memory.lifetimeMs);
    this.#slotBytes = idBytes + sessionBytes;
    this.#scratch = new Uint8Array(sessionBytes);
    // What has the widest elements comes first: each array begins at a multiple of its element.
    this.#expiresAt = new Float64Array(buffer, 0, slotCount);
    this.#lengths = new Uint32Array(buffer, 8 * slotCount, slotCount);
    this.#locks = new Int32Array(buffer, 12 * slotCount, setCount);
    this.#bytes = new Uint8Array(buffer, 12 * slotCount + 4 * setCount);
  }

  /**
   * Memory for as many sessions of up to `sessionBytes` as fit into `maxBytes`; four at the least.
   *
   * @throws RangeError where `sessionBytes` is not a whole number from 1 to 65,535
   */
  static allocate({
    maxBytes,
    sessionBytes,
    lifetimeMs,
  }: RecentSessionsBounds): RecentSessionsMemory {
    if (!Number.isInteger(sessionBytes) || sessionBytes < 1 || sessionBytes > 0xffff) {
      throw new RangeError(
        `Cannot keep recent sessions of "${sessionBytes}" bytes: allowed are 1 to 65535`,
      );
    }
    const setBytes = slotsPerSet * (12 + idBytes + sessionBytes) + 4;
    const setCount = 2 ** Math.max(0, Math.floor(Math.log2(maxBytes / setBytes)));
    return {
      setCount,
      sessionBytes,
      lifetimeMs,
      buffer: new SharedArrayBuffer(setCount * setBytes),
    };
  }

  /** A copy that the caller owns; undefined where the session is not here, or has expired. */
  get(id: Uint8Array, nowMs: number): Uint8Array | undefined {
    if (id.length !== idBytes) return undefined;
    const set = this.#setOf(id);
    if (!this.#lock(set)) return undefined;
    const length = this.#copyToScratch(set, id, nowMs);
    this.#unlock(set);
    if (length === undefined) return undefined;
    const session = this.#scratch.slice(0, length);
    this.#scratch.fill(0, 0, length);
    return session;
  }

  /**
   * Stores a copy, in the place of an expired or else the oldest session of its set. Where it cannot, none is here
   * under this id either.
   */
  put(id: Uint8Array, session: Uint8Array, expiresAt: number, nowMs: number): boolean {
    if (id.length !== idBytes) return false;
    const end = this.#life.end(expiresAt, nowMs);
    if (session.length > this.memory.sessionBytes || !(end > nowMs)) {
      this.delete(id);
      return false;
    }
    const set = this.#setOf(id);
    if (!this.#lockOrCondemn(set)) return false;
    this.#store(set, id, session, end);
    this.#unlock(set);
    return true;
  }

  /** Nobody finds the session here any more. */
  delete(id: Uint8Array): void {
    if (id.length !== idBytes) return;
    const set = this.#setOf(id);
    if (!this.#lockOrCondemn(set)) return;
    const slot = this.#find(set, id);
    if (slot !== undefined) this.#clear(slot);
    this.#unlock(set);
  }

  /** Nobody finds a session here that was here before. */
  clear(): void {
    for (let set = 0; set < this.memory.setCount; set++) this.#clearSetIf(set, () => true);
  }

  /**
   * Clears what has expired in some of the sets, from `firstSet` on; when the next session there will expire,
   * undefined if there is none.
   */
  expire(nowMs: number, firstSet = 0, setCount = this.memory.setCount): number | undefined {
    const endSet = Math.min(firstSet + setCount, this.memory.setCount);
    let nextMs: number | undefined;
    for (let set = firstSet; set < endSet; set++) {
      if (Atomics.load(this.#locks, set) === condemned) continue;
      this.#clearSetIf(set, (expiresAt) => this.#life.isOver(expiresAt, nowMs));
      for (let slot = set * slotsPerSet; slot < (set + 1) * slotsPerSet; slot++) {
        const expiresAt = this.#expiresAt[slot]!;
        if (expiresAt > 0 && (nextMs === undefined || expiresAt < nextMs)) nextMs = expiresAt;
      }
    }
    return nextMs;
  }

  #clearSetIf(set: number, isOver: (expiresAt: number) => boolean): void {
    // Most sets have nothing to clear, and need no lock to tell.
    if (!this.#hasSlotThat(set, isOver) || !this.#lockOrCondemn(set)) return;
    for (let slot = set * slotsPerSet; slot < (set + 1) * slotsPerSet; slot++) {
      if (isOver(this.#expiresAt[slot]!)) this.#clear(slot);
    }
    this.#unlock(set);
  }

  #hasSlotThat(set: number, isOver: (expiresAt: number) => boolean): boolean {
    for (let slot = set * slotsPerSet; slot < (set + 1) * slotsPerSet; slot++) {
      if (this.#expiresAt[slot] !== 0 && isOver(this.#expiresAt[slot]!)) return true;
    }
    return false;
  }

  #setOf(id: Uint8Array): number {
    const word = id[0]! | (id[1]! << 8) | (id[2]! << 16) | (id[3]! << 24);
    return word & (this.memory.setCount - 1);
  }

  /** Whether this thread has the set for itself; it must {@link #unlock} it, soon. */
  #lock(set: number): boolean {
    for (let attempt = 0; attempt < sharedLimits.lockAttempts; attempt++) {
      const before = Atomics.compareExchange(this.#locks, set, unlocked, locked);
      if (before === unlocked) return true;
      if (before === condemned) return false;
    }
    return false;
  }

  /** Where it does not get the lock, nobody finds again what is in the set. */
  #lockOrCondemn(set: number): boolean {
    for (;;) {
      if (this.#lock(set)) return true;
      // Ends: each round in which it is neither condemned now nor was before somebody else has had the lock.
      if (Atomics.compareExchange(this.#locks, set, locked, condemned) !== unlocked) return false;
    }
  }

  #unlock(set: number): void {
    if (Atomics.compareExchange(this.#locks, set, locked, unlocked) === locked) return;
    for (let slot = set * slotsPerSet; slot < (set + 1) * slotsPerSet; slot++) this.#clear(slot);
    Atomics.store(this.#locks, set, unlocked);
  }

  #find(set: number, id: Uint8Array): number | undefined {
    for (let slot = set * slotsPerSet; slot < (set + 1) * slotsPerSet; slot++) {
      if (this.#expiresAt[slot] !== 0 && this.#hasId(slot, id)) return slot;
    }
    return undefined;
  }

  #hasId(slot: number, id: Uint8Array): boolean {
    const start = this.#startOf(slot);
    for (let index = 0; index < idBytes; index++) {
      if (this.#bytes[start + index] !== id[index]) return false;
    }
    return true;
  }

  /** All live equally long, so what expires first came first; a free slot is before all. */
  #oldest(set: number): number {
    let oldest = set * slotsPerSet;
    for (let slot = oldest + 1; slot < (set + 1) * slotsPerSet; slot++) {
      if (this.#expiresAt[slot]! < this.#expiresAt[oldest]!) oldest = slot;
    }
    return oldest;
  }

  /** The length of the session; undefined where it is not there, or has expired. */
  #copyToScratch(set: number, id: Uint8Array, nowMs: number): number | undefined {
    const slot = this.#find(set, id);
    if (slot === undefined) return undefined;
    if (this.#life.isOver(this.#expiresAt[slot]!, nowMs)) {
      this.#clear(slot);
      return undefined;
    }
    const length = this.#lengths[slot]!;
    const start = this.#startOf(slot) + idBytes;
    for (let index = 0; index < length; index++) {
      this.#scratch[index] = this.#bytes[start + index]!;
    }
    return length;
  }

  #store(set: number, id: Uint8Array, session: Uint8Array, expiresAt: number): void {
    const slot = this.#find(set, id) ?? this.#oldest(set);
    this.#clear(slot);
    const start = this.#startOf(slot);
    this.#bytes.set(id, start);
    this.#bytes.set(session, start + idBytes);
    this.#lengths[slot] = session.length;
    this.#expiresAt[slot] = expiresAt;
  }

  #clear(slot: number): void {
    if (this.#expiresAt[slot] === 0) return;
    const start = this.#startOf(slot);
    this.#bytes.fill(0, start, start + idBytes + this.#lengths[slot]!);
    this.#lengths[slot] = 0;
    this.#expiresAt[slot] = 0;
  }

  #startOf(slot: number): number {
    return slot * this.#slotBytes;
  }
}
