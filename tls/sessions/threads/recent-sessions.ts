import { sharedLimits } from '../../limits.ts';
import { sessionIdBytes, SessionLife } from '../session-cache.ts';

/** Sessions of a set, which has one lock. */
const slotsPerSet = 4;

const unlocked = 0;
const locked = 1;
/** Locked, and the holder must clear the set when it unlocks it: a writer did not get the lock. */
const clearOnUnlock = 2;

/** The memory of a {@link RecentSessions} table: plain data that can be sent to other threads, which share it then. */
export interface RecentSessionsMemory {
  /** A power of two. */
  readonly setCount: number;
  /** Bytes of the longest session. */
  readonly sessionBytes: number;
  /** The longest life of a session, in milliseconds. */
  readonly lifetimeMs: number;
  readonly buffer: SharedArrayBuffer;
}

/** The bounds of a table of recent sessions. */
export interface RecentSessionsBounds extends Pick<
  RecentSessionsMemory,
  'sessionBytes' | 'lifetimeMs'
> {
  /** Bytes of the whole table. */
  readonly maxBytes: number;
}

/**
 * A table, of fixed size, of the sessions that came last. All threads that have its memory read and write it without
 * messages. The id of a session determines its set; there it is in one of four slots until it expires, is deleted,
 * or gives way to a newer one. The bytes of a session that goes are overwritten with zeros.
 *
 * The table may forget any session at any time: the owner of the cache has all of them. No client's share is bounded,
 * so a flood of new sessions displaces all others. What a lock is, and what happens if a thread dies while it holds
 * one, is told at the top of `shared-cache.ts`.
 */
export class RecentSessions {
  readonly memory: RecentSessionsMemory;
  readonly #life: SessionLife;
  readonly #locks: Int32Array;
  /** When the session in a slot expires, in milliseconds since 1970; 0: the slot is free. */
  readonly #expiresAt: Float64Array;
  readonly #lengths: Uint32Array;
  /** An id and a session for each slot. */
  readonly #bytes: Uint8Array;
  readonly #slotBytes: number;
  /** Holds a session between the lock and its own memory, since nothing is allocated while a set is locked. */
  readonly #scratch: Uint8Array;

  constructor(memory: RecentSessionsMemory) {
    const { setCount, sessionBytes, buffer } = memory;
    const slotCount = setCount * slotsPerSet;
    this.memory = memory;
    this.#life = new SessionLife(memory.lifetimeMs);
    this.#slotBytes = sessionIdBytes + sessionBytes;
    this.#scratch = new Uint8Array(sessionBytes);
    // The widest elements come first, so that each array begins at a multiple of its element's size.
    this.#expiresAt = new Float64Array(buffer, 0, slotCount);
    this.#lengths = new Uint32Array(buffer, 8 * slotCount, slotCount);
    this.#locks = new Int32Array(buffer, 12 * slotCount, setCount);
    this.#bytes = new Uint8Array(buffer, 12 * slotCount + 4 * setCount);
  }

  /**
   * Makes memory for as many sessions of up to `sessionBytes` as fit into `maxBytes`, but for four at least.
   *
   * @throws RangeError if `sessionBytes` is not a whole number from 1 to 65,535
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
    const setBytes = slotsPerSet * (12 + sessionIdBytes + sessionBytes) + 4;
    const setCount = 2 ** Math.max(0, Math.floor(Math.log2(maxBytes / setBytes)));
    return {
      setCount,
      sessionBytes,
      lifetimeMs,
      buffer: new SharedArrayBuffer(setCount * setBytes),
    };
  }

  /** The session, in a copy that the caller owns; undefined if it is not here, or has expired. */
  get(id: Uint8Array, nowMs: number): Uint8Array | undefined {
    if (id.length !== sessionIdBytes) return undefined;
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
   * Stores a copy, in a free slot or in that of the oldest session of its set. Returns false if it cannot; no
   * session is here under this id then.
   */
  put(id: Uint8Array, session: Uint8Array, expiresAt: number, nowMs: number): boolean {
    if (id.length !== sessionIdBytes) return false;
    const end = this.#life.end(expiresAt, nowMs);
    if (session.length > this.memory.sessionBytes || !(end > nowMs)) {
      this.delete(id);
      return false;
    }
    const set = this.#setOf(id);
    if (!this.#lockOrClearLater(set)) return false;
    this.#store(set, id, session, end);
    this.#unlock(set);
    return true;
  }

  /** Deletes a session: no thread finds it here from then on. */
  delete(id: Uint8Array): void {
    if (id.length !== sessionIdBytes) return;
    const set = this.#setOf(id);
    if (!this.#lockOrClearLater(set)) return;
    const slot = this.#find(set, id);
    if (slot !== undefined) this.#clear(slot);
    this.#unlock(set);
  }

  /** Deletes the sessions that are in these sets when it is called, from `firstSet` on; default: all sets. */
  clear(firstSet = 0, setCount = this.memory.setCount): void {
    const endSet = Math.min(firstSet + setCount, this.memory.setCount);
    for (let set = firstSet; set < endSet; set++) this.#clearSetIf(set, () => true);
  }

  /**
   * Deletes expired sessions in `setCount` sets, from `firstSet` on. Returns when the next session in these sets
   * expires, in milliseconds since 1970; undefined if there is none.
   */
  expire(nowMs: number, firstSet = 0, setCount = this.memory.setCount): number | undefined {
    const endSet = Math.min(firstSet + setCount, this.memory.setCount);
    let nextMs: number | undefined;
    for (let set = firstSet; set < endSet; set++) {
      if (Atomics.load(this.#locks, set) === clearOnUnlock) continue;
      this.#clearSetIf(set, (expiresAt) => this.#life.isOver(expiresAt, nowMs));
      for (let slot = set * slotsPerSet; slot < (set + 1) * slotsPerSet; slot++) {
        const expiresAt = this.#expiresAt[slot]!;
        if (expiresAt > 0 && (nextMs === undefined || expiresAt < nextMs)) nextMs = expiresAt;
      }
    }
    return nextMs;
  }

  #clearSetIf(set: number, isOver: (expiresAt: number) => boolean): void {
    // Most sets have nothing to clear, and that can be seen without a lock.
    if (!this.#hasSlotThat(set, isOver) || !this.#lockOrClearLater(set)) return;
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

  /** Tries to lock a set; returns whether it could. The thread must {@link #unlock} it soon. */
  #lock(set: number): boolean {
    for (let attempt = 0; attempt < sharedLimits.lockAttempts; attempt++) {
      const before = Atomics.compareExchange(this.#locks, set, unlocked, locked);
      if (before === unlocked) return true;
      if (before === clearOnUnlock) return false;
    }
    return false;
  }

  /** Locks a set, or else leaves it to the holder of the lock to clear it; returns whether it could lock it. */
  #lockOrClearLater(set: number): boolean {
    for (;;) {
      if (this.#lock(set)) return true;
      // It stops, since a round is repeated only if another thread has unlocked the set meanwhile.
      if (Atomics.compareExchange(this.#locks, set, locked, clearOnUnlock) !== unlocked)
        return false;
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
    for (let index = 0; index < sessionIdBytes; index++) {
      if (this.#bytes[start + index] !== id[index]) return false;
    }
    return true;
  }

  /** The slot to write to: a free one, or else the one that expires first; all live equally long, so it came first. */
  #oldest(set: number): number {
    let oldest = set * slotsPerSet;
    for (let slot = oldest + 1; slot < (set + 1) * slotsPerSet; slot++) {
      if (this.#expiresAt[slot]! < this.#expiresAt[oldest]!) oldest = slot;
    }
    return oldest;
  }

  /** Copies a session to the scratch memory; returns its length, undefined if it is not here, or has expired. */
  #copyToScratch(set: number, id: Uint8Array, nowMs: number): number | undefined {
    const slot = this.#find(set, id);
    if (slot === undefined) return undefined;
    if (this.#life.isOver(this.#expiresAt[slot]!, nowMs)) {
      this.#clear(slot);
      return undefined;
    }
    const length = this.#lengths[slot]!;
    const start = this.#startOf(slot) + sessionIdBytes;
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
    this.#bytes.set(session, start + sessionIdBytes);
    this.#lengths[slot] = session.length;
    this.#expiresAt[slot] = expiresAt;
  }

  #clear(slot: number): void {
    if (this.#expiresAt[slot] === 0) return;
    const start = this.#startOf(slot);
    this.#bytes.fill(0, start, start + sessionIdBytes + this.#lengths[slot]!);
    this.#lengths[slot] = 0;
    this.#expiresAt[slot] = 0;
  }

  #startOf(slot: number): number {
    return slot * this.#slotBytes;
  }
}
