import { sharedLimits } from './limits.ts';
import { SessionLife } from './session-life.ts';

/** Ids that OpenSSL makes; other ids have no place here. */
const idBytes = 32;
/** Slots in which a session may lie: those of one set, which has one lock. */
const slotsPerSet = 4;

const unlocked = 0;
const locked = 1;

/** Memory of {@link RecentSessions}: plain data, which can be sent to another thread and is shared with it. */
export interface RecentSessionsMemory {
  /** A power of two. */
  readonly setCount: number;
  /** Octets of the longest session. */
  readonly sessionBytes: number;
  /** The longest life of a session, in milliseconds. */
  readonly lifetimeMs: number;
  readonly buffer: SharedArrayBuffer;
}

export interface RecentSessionsBounds extends Pick<
  RecentSessionsMemory,
  'sessionBytes' | 'lifetimeMs'
> {
  /** Octets of the whole table. */
  readonly maxBytes: number;
}

/**
 * A table, of fixed size, of the sessions that came last. All threads that have its memory read and write it,
 * without a message to another. A session lies in one of four slots, which its id determines, until it expires,
 * is deleted, or gives way to a newer one; the octets of what goes are overwritten with zeros.
 *
 * It may forget anything at any time: whoever must not forget keeps the session elsewhere too.
 */
export class RecentSessions {
  readonly memory: RecentSessionsMemory;
  readonly #life: SessionLife;
  readonly #locks: Int32Array;
  /** When the session in a slot expires, in milliseconds; 0: the slot is free. */
  readonly #expiresAt: Float64Array;
  readonly #lengths: Uint32Array;
  /** For each slot an id and room for a session. */
  readonly #octets: Uint8Array;
  readonly #slotBytes: number;
  /** Where a session waits for memory of its own, which is not allocated under a lock. */
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
    this.#octets = new Uint8Array(buffer, 12 * slotCount + 4 * setCount);
  }

  /** Memory for as many sessions of up to `sessionBytes` as fit into `maxBytes`; four at the least. */
  static allocate({
    maxBytes,
    sessionBytes,
    lifetimeMs,
  }: RecentSessionsBounds): RecentSessionsMemory {
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
    const length = this.#locking(id, (set) => {
      const slot = this.#find(set, id);
      if (slot === undefined) return undefined;
      if (this.#life.isOver(this.#expiresAt[slot]!, nowMs)) {
        this.#clear(slot);
        return undefined;
      }
      const length = this.#lengths[slot]!;
      const start = this.#startOf(slot) + idBytes;
      for (let index = 0; index < length; index++) {
        this.#scratch[index] = this.#octets[start + index]!;
      }
      return length;
    });
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
    const end = this.#life.end(expiresAt, nowMs);
    const canBeHere = session.length <= this.memory.sessionBytes && end > nowMs;
    const isStored = canBeHere && this.#locking(id, (set) => this.#store(set, id, session, end));
    if (isStored !== true) this.delete(id);
    return isStored === true;
  }

  /** Nobody finds the session here any more. */
  delete(id: Uint8Array): void {
    this.#locking(
      id,
      (set) => {
        const slot = this.#find(set, id);
        if (slot !== undefined) this.#clear(slot);
      },
      sharedLimits.lockWaitMs,
    );
  }

  /** Nobody finds a session here that was here before. */
  clear(): void {
    this.#clearWhere(() => true);
  }

  /** Clears what has expired; when the next session will, undefined where there is none. */
  expire(nowMs: number): number | undefined {
    this.#clearWhere((expiresAt) => this.#life.isOver(expiresAt, nowMs));
    let next: number | undefined;
    for (const expiresAt of this.#expiresAt) {
      if (expiresAt > 0 && (next === undefined || expiresAt < next)) next = expiresAt;
    }
    return next;
  }

  #clearWhere(isOver: (expiresAt: number) => boolean): void {
    for (let slot = 0; slot < this.#expiresAt.length; slot++) {
      if (this.#expiresAt[slot] === 0 || !isOver(this.#expiresAt[slot]!)) continue;
      const set = Math.floor(slot / slotsPerSet);
      if (!this.#lock(set, sharedLimits.lockWaitMs)) continue;
      // Another may lie there by now.
      if (isOver(this.#expiresAt[slot]!)) this.#clear(slot);
      this.#unlock(set);
    }
  }

  /**
   * Does something with the set of an id while no other thread can; undefined where that is not possible. Nothing
   * is allocated meanwhile that could set a collection going, so that a lock is held for less than a microsecond,
   * unless its thread has to wait for a processor.
   */
  #locking<T>(id: Uint8Array, act: (set: number) => T, waitMs = 0): T | undefined {
    if (id.length !== idBytes) return undefined;
    const word = id[0]! | (id[1]! << 8) | (id[2]! << 16) | (id[3]! << 24);
    const set = word & (this.memory.setCount - 1);
    if (!this.#lock(set, waitMs)) return undefined;
    try {
      return act(set);
    } finally {
      this.#unlock(set);
    }
  }

  /**
   * Without `waitMs` it gives up soon. A thread that dies while it holds a lock leaves a set that nobody reads any
   * more, which is what a purge wants of it too.
   */
  #lock(set: number, waitMs: number): boolean {
    for (let attempt = 0; attempt < sharedLimits.lockAttempts; attempt++) {
      if (Atomics.compareExchange(this.#locks, set, unlocked, locked) === unlocked) return true;
    }
    if (waitMs === 0) return false;
    // Whoever unlocks wakes nobody, which would cost each a call of the system: this looks again by itself.
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs++) {
      Atomics.wait(this.#locks, set, locked, 1);
      if (Atomics.compareExchange(this.#locks, set, unlocked, locked) === unlocked) return true;
    }
    return false;
  }

  #unlock(set: number): void {
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
      if (this.#octets[start + index] !== id[index]) return false;
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

  #store(set: number, id: Uint8Array, session: Uint8Array, expiresAt: number): true {
    const slot = this.#find(set, id) ?? this.#oldest(set);
    this.#clear(slot);
    const start = this.#startOf(slot);
    this.#octets.set(id, start);
    this.#octets.set(session, start + idBytes);
    this.#lengths[slot] = session.length;
    this.#expiresAt[slot] = expiresAt;
    return true;
  }

  #clear(slot: number): void {
    if (this.#expiresAt[slot] === 0) return;
    const start = this.#startOf(slot);
    this.#octets.fill(0, start, start + idBytes + this.#lengths[slot]!);
    this.#lengths[slot] = 0;
    this.#expiresAt[slot] = 0;
  }

  #startOf(slot: number): number {
    return slot * this.#slotBytes;
  }
}
