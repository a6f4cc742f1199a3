import { indexOfUid, noUids } from '../../protocol/sorted-uids.ts';
import type { MessageStates } from '../../store/mail-store.ts';
import type { FlagSets } from './flag-sets.ts';

/** What is known of a message beside its UID. */
export interface MessageState {
  readonly modseq: number;
  /** Number of its set of flags. */
  readonly flags: number;
}

/**
 * Messages as columns, ascending by UID: UIDs, modseqs and numbers of sets of flags in typed arrays, 16 bytes a message
 * and some room to grow. The arrays are good until the next change.
 */
export class MessageColumns {
  #uids = noUids;
  #modseqs = new Float64Array();
  #flags = new Uint32Array();
  #count = 0;
  readonly #flagSets: FlagSets;

  /** @param flagSets knows of each message which set it has */
  constructor(flagSets: FlagSets) {
    this.#flagSets = flagSets;
  }

  /** Only the first {@link count} count, here and in the other columns. */
  get uids(): Uint32Array {
    return this.#uids;
  }

  get modseqs(): Float64Array {
    return this.#modseqs;
  }

  get flags(): Uint32Array {
    return this.#flags;
  }

  get count(): number {
    return this.#count;
  }

  /** 0 if there is no message. */
  get lastUid(): number {
    return this.#count === 0 ? 0 : (this.#uids[this.#count - 1] as number);
  }

  get sizeBytes(): number {
    return this.#uids.byteLength + this.#modseqs.byteLength + this.#flags.byteLength;
  }

  /** The place of a UID, which is looked for at `hint` first; -1 if there is no such message. */
  indexOf(uid: number, hint: number): number {
    return indexOfUid(this.#uids, this.#count, uid, hint);
  }

  set(index: number, { modseq, flags }: MessageState): void {
    this.#modseqs[index] = modseq;
    // In this order: the set may be the same.
    this.#flagSets.hold(flags);
    this.#flagSets.release(this.#flags[index]!);
    this.#flags[index] = flags;
  }

  /** Adds a message with a UID above all others. */
  push(uid: number, { modseq, flags }: MessageState): void {
    this.reserve(this.#count + 1);
    this.#uids[this.#count] = uid;
    this.#modseqs[this.#count] = modseq;
    this.#flags[this.#count] = flags;
    this.#flagSets.hold(flags);
    this.#count += 1;
  }

  /** Adds messages with UIDs above all others. */
  append({ uids, modseqs, flags, flagSets }: MessageStates): void {
    const numbers = flagSets.map((set) => this.#flagSets.numberOf(set));
    this.reserve(this.#count + uids.length);
    this.#uids.set(uids, this.#count);
    this.#modseqs.set(modseqs, this.#count);
    for (let place = 0; place < uids.length; place++) {
      const number = numbers[flags[place] as number] as number;
      this.#flags[this.#count + place] = number;
      this.#flagSets.hold(number);
    }
    this.#count += uids.length;
  }

  /** Room for so many messages, and for an eighth more if it must grow. */
  reserve(count: number): void {
    if (count <= this.#uids.length) return;
    const capacity = count + 16 + (count >>> 3);
    this.#uids = grown(this.#uids, new Uint32Array(capacity));
    this.#modseqs = grown(this.#modseqs, new Float64Array(capacity));
    this.#flags = grown(this.#flags, new Uint32Array(capacity));
  }

  /** Removes those of the messages that are there, and returns their UIDs. What lies between is moved in one piece each. */
  remove(uids: Uint32Array): Uint32Array {
    const places: number[] = [];
    for (const uid of uids) {
      const index = this.indexOf(uid, (places.at(-1) ?? -1) + 1);
      if (index !== -1) places.push(index);
    }
    const [first] = places;
    if (first === undefined) return noUids;
    const removed = Uint32Array.from(places, (place) => this.#uids[place] as number);
    for (const place of places) this.#flagSets.release(this.#flags[place]!);
    let count = first;
    for (const [number, place] of places.entries()) {
      const [start, end] = [place + 1, places[number + 1] ?? this.#count];
      this.#uids.copyWithin(count, start, end);
      this.#modseqs.copyWithin(count, start, end);
      this.#flags.copyWithin(count, start, end);
      count += end - start;
    }
    this.#count = count;
    if (count < this.#uids.length / 4) this.#shrink();
    return removed;
  }

  /** Removes all messages. */
  clear(): void {
    for (const flags of this.#flags.subarray(0, this.#count)) this.#flagSets.release(flags);
    this.#count = 0;
    this.#shrink();
  }

  #shrink(): void {
    const capacity = this.#count + 16;
    this.#uids = this.#uids.slice(0, capacity);
    this.#modseqs = this.#modseqs.slice(0, capacity);
    this.#flags = this.#flags.slice(0, capacity);
  }
}

function grown<T extends Uint32Array | Float64Array>(before: T, after: T): T {
  after.set(before);
  return after;
}
