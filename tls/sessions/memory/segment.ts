import { segmentLimits } from '../../limits.ts';

/** Entries begin at multiples of this many bytes. */
export const unitBytes = 8;

/*
 * An entry is a header of five 32-bit words, the session, and the id, unless the session contains it (those
 * that OpenSSL serializes do, which saves 32 bytes of each entry):
 *
 *   word 0   length of the entry in units (low 16 bits), length of the session in bytes (high 16 bits)
 *   word 1   length of the id in bytes (low 16 bits; 0: the entry is dead), position of the id (high 16 bits)
 *   word 2   milliseconds from the segment's base to expiry
 *   word 3   owner: an account, or in the probation ring the counter of its address
 *   word 4   certificate
 */
const headerBytes = 20;
const headerWords = headerBytes / 4;

/** What is stored of one session. */
export interface SegmentEntry {
  readonly id: Uint8Array;
  readonly session: Uint8Array;
  /** An integer, in milliseconds. */
  readonly expiresAt: number;
  readonly owner: number;
  readonly certificate: number;
}

/** Bytes that an entry takes in a segment. */
export function entryBytes(id: Uint8Array, session: Uint8Array): number {
  return inUnits(session.length + (positionOfId(id, session) < 0 ? id.length : 0));
}

/** Bytes of an entry with so many bytes behind its header. */
function inUnits(byteCount: number): number {
  return Math.ceil((headerBytes + byteCount) / unitBytes) * unitBytes;
}

/** Negative if it is not there. Not by a `Buffer`: to make one takes longer than to look through a session. */
function positionOfId(id: Uint8Array, session: Uint8Array): number {
  const last = session.length - id.length;
  for (let position = 0; position <= last; position++) {
    if (session[position] === id[0] && isAt(position, id, session)) return position;
  }
  return -1;
}

function isAt(position: number, id: Uint8Array, session: Uint8Array): boolean {
  for (let index = 0; index < id.length; index++) {
    if (session[position + index] !== id[index]) return false;
  }
  return true;
}

/**
 * Entries in one buffer, in order of arrival. Entries are appended and killed, which overwrites their bytes with
 * zeros. The buffer is given back as a whole.
 *
 * Offsets are bytes from the start of the segment.
 */
export class Segment {
  /** Its position in the cache's table of segments; part of the location of each entry. */
  readonly slot: number;
  /** Whether the owner of its entries is an address, and not an account. */
  readonly isProbation: boolean;
  readonly #memory: SegmentMemory;
  readonly #buffer: ArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  #baseMs = 0;
  #tail = 0;
  #head = 0;
  #liveCount = 0;
  #isReleased = false;

  constructor(slot: number, isProbation: boolean, segmentBytes: number, memory: SegmentMemory) {
    this.slot = slot;
    this.isProbation = isProbation;
    this.#memory = memory;
    this.#buffer = memory.allocate(segmentBytes);
    this.#bytes = new Uint8Array(this.#buffer);
    this.#words = new Uint32Array(this.#buffer);
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  /** Whether its memory has been given back. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** The offset of the next entry to be appended. */
  get tail(): number {
    return this.#tail;
  }

  /** The first offset that expiry has not passed yet; see {@link passHead}. */
  get head(): number {
    return this.#head;
  }

  /** Whether an entry of so many bytes that expires at this time can be appended. */
  canAppend(byteLength: number, expiresAt: number): boolean {
    if (this.#tail === 0) return true;
    const fromBaseMs = expiresAt - this.#baseMs;
    return this.#tail + byteLength <= this.#bytes.length && fromBaseMs >= 0 && fromBaseMs < 2 ** 32;
  }

  /** Appends an entry for which {@link canAppend} is true; returns its offset. */
  append(entry: SegmentEntry): number {
    // The base is before the first expiry, since an entry that comes later may expire a little earlier.
    if (this.#tail === 0) this.#baseMs = entry.expiresAt - 2 ** 31;
    const offset = this.#tail;
    const idInSession = positionOfId(entry.id, entry.session);
    const isIdApart = idInSession < 0;
    const idPosition = headerBytes + (isIdApart ? entry.session.length : idInSession);
    const byteLength = inUnits(entry.session.length + (isIdApart ? entry.id.length : 0));
    const word = offset / 4;
    this.#words[word] = byteLength / unitBytes + entry.session.length * 0x1_0000;
    this.#words[word + 1] = entry.id.length + idPosition * 0x1_0000;
    this.#words[word + 2] = entry.expiresAt - this.#baseMs;
    this.#words[word + 3] = entry.owner;
    this.#words[word + 4] = entry.certificate;
    this.#bytes.set(entry.session, offset + headerBytes);
    if (isIdApart) this.#bytes.set(entry.id, offset + idPosition);
    this.#tail += byteLength;
    this.#liveCount++;
    return offset;
  }

  byteLength(offset: number): number {
    return (this.#words[offset / 4]! & 0xffff) * unitBytes;
  }

  isLive(offset: number): boolean {
    return (this.#words[offset / 4 + 1]! & 0xffff) !== 0;
  }

  expiresAt(offset: number): number {
    return this.#baseMs + this.#words[offset / 4 + 2]!;
  }

  owner(offset: number): number {
    return this.#words[offset / 4 + 3]!;
  }

  setOwner(offset: number, owner: number): void {
    this.#words[offset / 4 + 3] = owner;
  }

  certificate(offset: number): number {
    return this.#words[offset / 4 + 4]!;
  }

  /** Returns a view on the id. It is valid until the entry is killed, and must not leave the cache. */
  id(offset: number): Uint8Array {
    const word = this.#words[offset / 4 + 1]!;
    const start = offset + (word >>> 16);
    return this.#bytes.subarray(start, start + (word & 0xffff));
  }

  /** Returns a view on the session. It is valid until the entry is killed, and must not leave the cache. */
  session(offset: number): Uint8Array {
    const start = offset + headerBytes;
    return this.#bytes.subarray(start, start + (this.#words[offset / 4]! >>> 16));
  }

  /** Overwrites an entry with zeros, except for its length, by which the entries after it are found. */
  kill(offset: number): void {
    const byteLength = this.byteLength(offset);
    this.#words[offset / 4] = byteLength / unitBytes;
    this.#words.fill(0, offset / 4 + 1, offset / 4 + headerWords);
    this.#bytes.fill(0, offset + headerBytes, offset + byteLength);
    this.#liveCount--;
  }

  /** Moves the head past an entry; returns the offset of that entry. */
  passHead(): number {
    const offset = this.#head;
    this.#head += this.byteLength(offset);
    return offset;
  }

  /** Overwrites everything and gives the memory back. The segment must not be used again. */
  release(): void {
    this.#bytes.fill(0, 0, this.#tail);
    this.#liveCount = 0;
    this.#isReleased = true;
    this.#memory.release(this.#buffer);
  }
}

/** The memory of a cache: allocates its segments and index tables, and gives them back. */
export interface SegmentMemory {
  /** Returns a buffer of zeros. */
  allocate(byteLength: number): ArrayBuffer;
  /** Gives back all of a buffer except for its first `keptBytes` (default: 0). */
  release(buffer: ArrayBuffer, keptBytes?: number): void;
}

/**
 * Memory that goes back to the system at the moment when it is released. A resizable buffer has a mapping of its own,
 * and `resize(0)` unmaps its pages at once. A fixed buffer comes from malloc, whose threshold for giving memory back
 * rises after the first round, and it is freed only when a collection finds it.
 */
export const resizableMemory: SegmentMemory = {
  allocate: (byteLength) => new ArrayBuffer(byteLength, { maxByteLength: byteLength }),
  release: (buffer, keptBytes = 0) => buffer.resize(keptBytes),
};

/** How the bytes of a cache are divided. */
export interface SegmentPlan {
  readonly segmentBytes: number;
  /** Segments for sessions of connections that have logged in. */
  readonly mainSegments: number;
  /** Segments for sessions of connections that have not. */
  readonly probationSegments: number;
  /** Bytes for the index. */
  readonly indexBytes: number;
}

/**
 * Divides the bytes of a cache between its two rings and its index.
 *
 * @param maxBytes - bytes that the cache may hold in all
 * @param segmentBytes - bytes of a segment; default: {@link defaultSegmentBytes}
 * @throws RangeError if one of the two is out of range, or if two segments do not fit
 */
export function planSegments(maxBytes: number, segmentBytes?: number): SegmentPlan {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1 || maxBytes > segmentLimits.maxBytes) {
    throw new RangeError(
      `Cannot hold sessions in "${maxBytes}" bytes: allowed are 1 to ${segmentLimits.maxBytes}`,
    );
  }
  const size = segmentBytes ?? defaultSegmentBytes(maxBytes);
  if (!Number.isSafeInteger(size) || size < unitBytes || size > segmentLimits.segmentBytes) {
    throw new RangeError(
      `Cannot make segments of "${size}" bytes: allowed are ${unitBytes} to ${segmentLimits.segmentBytes}`,
    );
  }
  const indexBytes = Math.floor(maxBytes * segmentLimits.indexShare);
  const segmentCount = Math.floor((maxBytes - indexBytes) / roundUp(size));
  const share = Math.floor((maxBytes * segmentLimits.probationShare) / roundUp(size));
  const probationSegments = Math.max(1, share);
  const mainSegments = segmentCount - probationSegments;
  if (mainSegments < 1) {
    throw new RangeError(`Cannot put two segments of "${size}" bytes into "${maxBytes}" bytes`);
  }
  return { segmentBytes: roundUp(size), mainSegments, probationSegments, indexBytes };
}

/** Default bytes of a segment: the largest power of two that is at most a 64th of all and at most 256 KiB. */
export function defaultSegmentBytes(maxBytes: number): number {
  const share = 2 ** Math.floor(Math.log2(maxBytes / 64));
  return Math.max(unitBytes, Math.min(share, segmentLimits.segmentBytes));
}

function roundUp(size: number): number {
  return Math.ceil(size / unitBytes) * unitBytes;
}
