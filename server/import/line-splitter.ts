const lineFeed = 0x0a;

/** A line, or a piece of one that is very long. A view: copy what is kept beyond the next step. */
export interface LineFragment {
  /** With the line break, where `isEnd`. */
  readonly bytes: Buffer;
  readonly isStart: boolean;
  /** False for all but the last fragment of a line, and at the end of a file without a last line break. */
  readonly isEnd: boolean;
}

/** A line of more octets comes in several fragments, so that memory is bounded. */
export const maxFragmentBytes = 64 * 1024;

/** Splits octets at line feeds, however they are cut into chunks. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #isStart = true;

  /** The lines that are complete with this chunk; the last, unfinished one waits inside. */
  *push(chunk: Uint8Array): Generator<LineFragment, undefined> {
    const bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(lineFeed, start) + 1;
      if (end === 0) break;
      yield { bytes: bytes.subarray(start, end), isStart: this.#isStart, isEnd: true };
      this.#isStart = true;
      start = end;
    }
    this.#rest = bytes.subarray(start);
    if (this.#rest.length >= maxFragmentBytes) yield* this.#flush();
  }

  /** What is left at the end. */
  *finish(): Generator<LineFragment, undefined> {
    if (this.#rest.length > 0) yield* this.#flush();
  }

  *#flush(): Generator<LineFragment, undefined> {
    const bytes = this.#rest;
    this.#rest = Buffer.alloc(0);
    yield { bytes, isStart: this.#isStart, isEnd: false };
    this.#isStart = false;
  }
}

/** A line that holds nothing but its line break. */
export function isBlankLine({ bytes, isStart, isEnd }: LineFragment): boolean {
  if (!isStart || !isEnd) return false;
  return bytes.length === 1 || (bytes.length === 2 && bytes[0] === 0x0d);
}
