/** Most commands that come in pieces fit without growing. */
const initialBytes = 256;

/**
 * Octets that grow at the end. Room doubles as octets come, so that appending one by one costs linear time, and
 * what is announced but never sent costs nothing.
 */
export class OctetBuffer {
  #octets: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(octets: Uint8Array): void {
    const length = this.#length + octets.length;
    const room = this.#roomFor(length);
    room.set(octets, this.#length);
    this.#octets = room;
    this.#length = length;
  }

  #roomFor(length: number): Buffer {
    if (this.#octets && length <= this.#octets.length) return this.#octets;
    // Not from Node's pool, of which a small piece would keep the whole alive
    const grown = Buffer.allocUnsafeSlow(Math.max(initialBytes, length, 2 * this.#length));
    grown.set(this.view());
    return grown;
  }

  /** What was appended, as a view that is good until the next append. */
  view(): Buffer {
    return this.#octets?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  /** Forgets all and lets the room go. A view that was given keeps its octets. */
  clear(): void {
    this.#octets = undefined;
    this.#length = 0;
  }
}
