import type { ResponseCode } from '../../protocol/response-code.ts';
import { progressIntervalMs } from './limits.ts';

/** How far a command is that the client waits for. @see RFC 9585, section 4 */
export class CommandProgress {
  readonly #tag: string;
  /** When the client was told last, or when the command was first found at work; undefined before. */
  #toldAt: number | undefined;
  #doneCount = 0;
  /** Undefined while it is not known. */
  #goal: number | undefined;

  constructor(tag: string) {
    this.#tag = tag;
  }

  /**
   * The command has come this far.
   *
   * @param doneCount - messages or mailboxes that are done; never fewer than before
   * @param goal - how many there are; the same each time
   */
  count(doneCount: number, goal: number): void {
    this.#doneCount = doneCount;
    this.#goal = goal;
  }

  /** True if it is time to tell the client. @param nowMs - of the steady clock */
  isDue(nowMs: number): boolean {
    this.#toldAt ??= nowMs;
    return nowMs - this.#toldAt >= progressIntervalMs;
  }

  /** What the client is told at this time, as a response code. */
  tell(nowMs: number): ResponseCode {
    this.#toldAt = nowMs;
    // A bracket would end the response code.
    const tag = this.#tag.includes(']') ? undefined : (`"${this.#tag}"` as const);
    if (this.#goal === undefined || this.#goal === 0) {
      return tag === undefined ? 'INPROGRESS' : `INPROGRESS (${tag} NIL NIL)`;
    }
    // Only the tagged response says that all is done: the goal must be greater.
    const doneCount = Math.min(this.#doneCount, this.#goal - 1);
    return `INPROGRESS (${tag ?? 'NIL'} ${doneCount} ${this.#goal})`;
  }
}
