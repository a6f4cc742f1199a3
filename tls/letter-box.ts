import type { MessagePort } from 'node:worker_threads';
import { DetachedTimer } from './detached-timer.ts';
import { remoteLimits } from './limits.ts';

/**
 * Sends letters to the thread at the other end of a port, several in one message: each message wakes that
 * thread, which costs more than all that it says. A letter that nobody waits for goes with the next one that
 * somebody does, or after a moment.
 */
export class LetterBox<Letter> {
  readonly #port: MessagePort;
  readonly #onSend: () => void;
  readonly #timer = new DetachedTimer(() => this.send());
  #letters: Letter[] = [];
  #enclosed: ArrayBuffer[] = [];

  /** @param onSend - called before each message */
  constructor(port: MessagePort, onSend: () => void = () => {}) {
    this.#port = port;
    this.#onSend = onSend;
  }

  /**
   * Sends a letter, at once where it is urgent.
   *
   * @param enclosed - what is handed over with it, and is gone here
   */
  post(letter: Letter, isUrgent: boolean, enclosed?: ArrayBuffer): void {
    this.#letters.push(letter);
    if (enclosed !== undefined) this.#enclosed.push(enclosed);
    if (isUrgent || this.#letters.length >= remoteLimits.lettersTogether) this.send();
    else if (!this.#timer.isArmed) this.#timer.arm(remoteLimits.letterDelayMs);
  }

  /** Sends what waits. */
  send(): void {
    this.#timer.clear();
    if (this.#letters.length === 0) return;
    this.#onSend();
    this.#port.postMessage(this.#letters, this.#enclosed);
    this.#letters = [];
    this.#enclosed = [];
  }

  /** Forgets what waits. */
  close(): void {
    this.#timer.clear();
    this.#letters = [];
    this.#enclosed = [];
  }
}
