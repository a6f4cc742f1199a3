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
    if (length > (this.#octets?.length ?? 0)) this.#grow(length);
    this.#octets!.set(octets, this.#length);
    this.#length = length;
  }

  #grow(least: number): void {
    const size = Math.max(initialBytes, least, 2 * (this.#octets?.length ?? 0));
    // Not from Node's pool, of which a small piece would keep the whole alive
    const grown = Buffer.allocUnsafeSlow(size);
    if (this.#octets) grown.set(this.view());
    this.#octets = grown;
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
