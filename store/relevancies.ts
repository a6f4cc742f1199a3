/** More than a search has keys. */
const keyRoom = 4096;

/**
 * How relevant messages are for a search with fuzzy keys: for each the mean of what these say of it, from 1 to 100.
 *
 * @see RFC 6203, section 4
 */
export class Relevancies {
  /** By UID the sum of what the keys say, and how many they are: one number, since a mailbox may have very many messages. */
  readonly #sums = new Map<number, number>();

  /** A fuzzy key matches a message, so well. */
  note(uid: number, relevancy: number): void {
    this.#sums.set(uid, (this.#sums.get(uid) ?? 0) + relevancy * keyRoom + 1);
  }

  /** 100 for a message of which no fuzzy key had to decide. */
  of(uid: number): number {
    const known = this.#sums.get(uid);
    if (known === undefined) return 100;
    return Math.round(Math.floor(known / keyRoom) / (known % keyRoom));
  }
}
