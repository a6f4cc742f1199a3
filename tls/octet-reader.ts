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
    return this.octets(octetCount).reduce((value, octet) => value * 256 + octet, 0);
  }

  /** A view on the next octets. */
  octets(octetCount: number): Uint8Array {
    const end = this.#position + octetCount;
    if (this.#isBroken || end > this.#octets.length) {
      this.#isBroken = true;
      return nothing;
    }
    const view = this.#octets.subarray(this.#position, end);
    this.#position = end;
    return view;
  }

  /** A vector: its length in so many octets, then its content. */
  vector(lengthOctets: number): Uint8Array {
    return this.octets(this.number(lengthOctets));
  }
}
