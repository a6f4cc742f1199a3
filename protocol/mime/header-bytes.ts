const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Looks for bytes above 127 in the header of a message that comes in pieces. */
export class HeaderByteCheck {
  #isOver = false;
  #isLineEmpty = true;

  /** True if there is such a byte in this piece of the message; those behind the header do not count. */
  find(bytes: Uint8Array): boolean {
    if (this.#isOver) return false;
    for (const byte of bytes) {
      if (byte > 0x7f) return true;
      if (byte === lineFeed) {
        this.#isOver = this.#isLineEmpty;
        if (this.#isOver) return false;
        this.#isLineEmpty = true;
      } else if (byte !== carriageReturn) {
        this.#isLineEmpty = false;
      }
    }
    return false;
  }
}
