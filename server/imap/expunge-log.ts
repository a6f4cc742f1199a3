import { noUids } from '../../protocol/sorted-uids.ts';

/** Whoever reads the log. */
export interface ExpungeReader {
  /** Its place in the log: what stands before it the reader knows. Moved when the log lets go of entries. */
  expungePlace: number;
  /** UIDs from here on it has never heard of, so that it need not know that they are gone. */
  readonly uidNext: number;
}

/** Entries from which on those that nobody has to know are looked for. */
const minCompactCount = 1024;

/**
 * The UIDs of messages that are gone, in the order in which they went. Each client that has not been told yet has a place
 * in it, so that however many lag behind, and wherever, it costs 4 bytes for each message that went since.
 */
export class ExpungeLog {
  #uids = noUids;
  #count = 0;
  #compactAtCount = minCompactCount;
  /** The last answer of {@link since}, for all who are at the same place. */
  #answer: { readonly place: number; readonly uids: Uint32Array } | undefined;

  /** The place behind all entries. */
  get end(): number {
    return this.#count;
  }

  get sizeBytes(): number {
    return this.#uids.byteLength + (this.#answer?.uids.byteLength ?? 0);
  }

  /** Adds UIDs that were there until now. */
  add(uids: Uint32Array): void {
    if (uids.length === 0) return;
    const count = this.#count + uids.length;
    if (count > this.#uids.length) {
      const grown = new Uint32Array(count + 16 + (count >>> 1));
      grown.set(this.#uids.subarray(0, this.#count));
      this.#uids = grown;
    }
    this.#uids.set(uids, this.#count);
    this.#count = count;
    this.#answer = undefined;
  }

  /** The UIDs behind a place, ascending; nobody writes to them. */
  since(place: number): Uint32Array {
    if (place === this.#count) return noUids;
    if (this.#answer?.place !== place) {
      const uids = this.#uids.slice(place, this.#count);
      if (!isAscending(uids)) uids.sort();
      this.#answer = { place, uids };
    }
    return this.#answer.uids;
  }

  /**
   * Lets go of the entries that none of the readers has to know, if there are many: once all have read them, or there are
   * twice as many as were left the last time. The places of readers move.
   */
  compact(readers: ReadonlySet<ExpungeReader>): void {
    if (this.#count < minCompactCount) return;
    let least = this.#count;
    for (const { expungePlace } of readers) least = Math.min(least, expungePlace);
    if (least < this.#count && this.#count < this.#compactAtCount) return;
    const byPlace = [...readers].toSorted((a, b) => a.expungePlace - b.expungePlace);
    const uids = this.#uids;
    let [keptCount, index, knownTo] = [0, 0, 0];
    const keepTo = (end: number): void => {
      for (; index < end; index++) {
        const uid = uids[index] as number;
        if (uid < knownTo) uids[keptCount++] = uid;
      }
    };
    for (const reader of byPlace) {
      keepTo(reader.expungePlace);
      reader.expungePlace = keptCount;
      knownTo = Math.max(knownTo, reader.uidNext);
    }
    keepTo(this.#count);
    this.#count = keptCount;
    this.#uids = uids.slice(0, keptCount);
    this.#compactAtCount = Math.max(minCompactCount, 2 * keptCount);
    this.#answer = undefined;
  }
}

function isAscending(uids: Uint32Array): boolean {
  for (let index = 1; index < uids.length; index++) {
    if ((uids[index] as number) < (uids[index - 1] as number)) return false;
  }
  return true;
}
