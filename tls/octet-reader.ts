const nothing = new Uint8Array(0);

/**
 * Reads big-endian fields off octets. It never throws: past the end everything reads as 0 or empty, and
 * {@link isBroken} tells.
 */
export class OctetReader {
  readonly #octets: Uint8Array;
  #position = 0;
  #isBroken = false;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Whether something was read that is not there. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether there is more to read. */
  get hasMore(): boolean {
    return !this.#isBroken && this.#position < this.#octets.length;
  }

  /** An unsigned number of so many octets, at most 4. */
  number(octetCount: number): number {
    const start = this.#advance(octetCount);
    let value = 0;
    for (let at = start; at < this.#position; at++) value = value * 256 + this.#octets[at]!;
    return value;
  }

  /** A view on the next octets. */
  octets(octetCount: number): Uint8Array {
    const start = this.#advance(octetCount);
    return start === this.#position ? nothing : this.#octets.subarray(start, this.#position);
  }

  /** A vector: its length in so many octets, then its content. */
  vector(lengthOctets: number): Uint8Array {
    return this.octets(this.number(lengthOctets));
  }

  /** Goes on by so many octets, or nowhere where they are not there; where it was before. */
  #advance(octetCount: number): number {
    const start = this.#position;
    if (start + octetCount > this.#octets.length) this.#isBroken = true;
    if (!this.#isBroken) this.#position = start + octetCount;
    return start;
  }
}
