import { indexOfUid, lowerBoundFrom, noUids } from '../../protocol/sorted-uids.ts';
import type { MessageStates } from '../../store/mailbox-changes.ts';
import type { FlagSets } from './flag-sets.ts';

/** From so many messages on one move of all of them is quicker than one for each. */
const minBlockMessages = 32;

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

  /** @param flagSets knows how many messages have each set */
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

  /** Numbers of the sets of flags. */
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

  /**
   * Sets the states of messages that are here, unless what is here is newer. Messages that are not here are passed over. Quickest
   * if the UIDs ascend, which they need not.
   */
  update({ uids, modseqs, flags, flagSets }: MessageStates): void {
    const numbers = this.#numbersOf(flagSets);
    const [knownUids, knownModseqs, knownFlags] = [this.#uids, this.#modseqs, this.#flags];
    const count = this.#count;
    let [index, lastUid] = [0, 0];
    for (let place = 0; place < uids.length; place++, index++) {
      const uid = uids[place]!;
      if (index >= count || knownUids[index] !== uid) {
        index = lowerBoundFrom(knownUids, uid > lastUid ? index : 0, count, uid);
      }
      lastUid = uid;
      if (index >= count || knownUids[index] !== uid) {
        // The next one is looked for from here on.
        index -= 1;
        continue;
      }
      const modseq = modseqs[place]!;
      if (modseq < knownModseqs[index]!) continue;
      knownModseqs[index] = modseq;
      // Not by destructuring: until the loop is compiled that makes an array for each message.
      const before = knownFlags[index]!;
      const after = numbers[flags[place]!]!;
      if (before === after) continue;
      knownFlags[index] = after;
      this.#flagSets.hold(after);
      this.#flagSets.release(before);
    }
    this.#flagSets.forgetUnused();
  }

  /** Adds those of the messages (ascending by UID) that are above all others. */
  append({ uids, modseqs, flags, flagSets }: MessageStates): void {
    const start = lowerBoundFrom(uids, 0, uids.length, this.lastUid + 1);
    const added = uids.length - start;
    if (added === 0) return;
    const numbers = this.#numbersOf(flagSets);
    const first = this.#count;
    this.reserve(first + added);
    this.#uids.set(uids.subarray(start), first);
    this.#modseqs.set(modseqs.subarray(start), first);
    for (let place = 0; place < added; place++) {
      const number = numbers[flags[start + place]!]!;
      this.#flags[first + place] = number;
      this.#flagSets.hold(number);
    }
    this.#count += added;
    this.#flagSets.forgetUnused();
  }

  /** Room for so many messages, and for an eighth more if it must grow. */
  reserve(count: number): void {
    if (count <= this.#uids.length) return;
    const capacity = count + 16 + (count >>> 3);
    this.#uids = grown(this.#uids, new Uint32Array(capacity));
    this.#modseqs = grown(this.#modseqs, new Float64Array(capacity));
    this.#flags = grown(this.#flags, new Uint32Array(capacity));
  }

  /** Removes those of the messages (UIDs, ascending) that are here, in one pass, and returns their UIDs. */
  remove(uids: Uint32Array): Uint32Array {
    const removed = new Uint32Array(uids.length);
    // Messages before `read` have been looked at, and `kept` of them stay.
    let [removedCount, kept, read, index] = [0, 0, 0, 0];
    for (let place = 0; place < uids.length; place++) {
      const uid = uids[place]!;
      index = lowerBoundFrom(this.#uids, index, this.#count, uid);
      if (index === this.#count) break;
      if (this.#uids[index] !== uid) continue;
      this.#flagSets.release(this.#flags[index]!);
      this.#move(kept, read, index);
      kept += index - read;
      index += 1;
      read = index;
      removed[removedCount++] = uid;
    }
    if (removedCount === 0) return noUids;
    this.#move(kept, read, this.#count);
    this.#count -= removedCount;
    this.#flagSets.forgetUnused();
    if (this.#count < this.#uids.length / 4) this.#shrink();
    return removedCount === uids.length ? removed : removed.slice(0, removedCount);
  }

  /** Removes all messages. */
  clear(): void {
    for (let index = 0; index < this.#count; index++) this.#flagSets.release(this.#flags[index]!);
    this.#flagSets.forgetUnused();
    this.#count = 0;
    this.#shrink();
  }

  #numbersOf(flagSets: MessageStates['flagSets']): number[] {
    return flagSets.map((set) => this.#flagSets.numberOf(set));
  }

  /** Moves the messages from `start` up to `end` down to `target`. */
  #move(target: number, start: number, end: number): void {
    if (target === start) return;
    if (end - start >= minBlockMessages) {
      this.#uids.copyWithin(target, start, end);
      this.#modseqs.copyWithin(target, start, end);
      this.#flags.copyWithin(target, start, end);
      return;
    }
    for (let index = start, to = target; index < end; index++, to++) {
      this.#uids[to] = this.#uids[index]!;
      this.#modseqs[to] = this.#modseqs[index]!;
      this.#flags[to] = this.#flags[index]!;
    }
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
