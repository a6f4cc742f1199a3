import type { CommandError, LiteralHeader } from './decoder.ts';
import { LiteralBudget } from './framing.ts';
import { maxTagBytes, type ReaderLimits } from './limits.ts';
import { ByteBuffer } from './queue.ts';

/** Bytes in which the tag and the name of a command lie: the longest tag, a space, `UID `, the longest name. */
const maxStartBytes = maxTagBytes + 32;

/** What has come of a command that is not whole: its lines and literals, and the line whose end has not come yet. */
export class GatheredCommand {
  readonly #bytes = new ByteBuffer();
  /** Where the present line begins. */
  #lineStart = 0;
  /** Bytes of the lines before the present one. */
  #earlierLineBytes = 0;
  readonly #literals = new LiteralBudget();

  /** Bytes that were gathered. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Bytes of memory that they take. */
  get heldBytes(): number {
    return this.#bytes.roomBytes;
  }

  /** Where the present line begins in what was gathered. */
  get lineStart(): number {
    return this.#lineStart;
  }

  /** What was gathered of the present line, as a view that is good until the next {@link append}. */
  get line(): Buffer {
    return this.#bytes.view().subarray(this.#lineStart);
  }

  append(bytes: Uint8Array): void {
    this.#bytes.append(bytes);
  }

  /** The bytes up to and with the end of the present line, of which `rest` has not been gathered. */
  withLineEnd(rest: Buffer): Buffer {
    // A line that came whole, as most do, is read where it is
    if (this.length === 0) return rest;
    this.#bytes.append(rest);
    return this.#bytes.view();
  }

  /** Bytes of all lines of the command, literals apart, if so many more come to the present one. */
  lineBytesWith(moreBytes: number): number {
    return this.#earlierLineBytes + this.length - this.#lineStart + moreBytes;
  }

  /** As much of the command as holds its tag and its name, if `next` are the bytes that come next. */
  startWith(next: Buffer): Buffer {
    const gathered = this.#bytes.view().subarray(0, maxStartBytes);
    return Buffer.concat([gathered, next.subarray(0, maxStartBytes)]);
  }

  /**
   * Ends the present line, which announces a literal that is to be gathered; why it may not come, or undefined.
   *
   * @param bytes - of {@link withLineEnd}
   */
  announceLiteral(
    bytes: Buffer,
    literal: LiteralHeader,
    limits: ReaderLimits,
  ): CommandError | undefined {
    const error = this.#literals.charge(literal, limits);
    if (error) return error;
    this.#earlierLineBytes += bytes.length - this.#lineStart;
    if (this.length === 0) this.#bytes.append(bytes);
    return undefined;
  }

  /** A line begins behind what was gathered. */
  beginLine(): void {
    this.#lineStart = this.length;
  }

  /** Forgets all, and begins with a line. */
  clear(): void {
    this.#bytes.clear();
    this.#literals.reset();
    this.#lineStart = 0;
    this.#earlierLineBytes = 0;
  }
}
