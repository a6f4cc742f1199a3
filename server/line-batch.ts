import pino from 'pino';
import { DetachedTimer } from '../tls/index.ts';

/** By which pino is asked to tell the level of each line; see its "pino.metadata". */
const metadata: unique symbol = Symbol.for('pino.metadata');

/** How long a line may wait for others, in milliseconds. */
const lineDelayMs = 50;
/** Characters that wait at the most. */
const waitingCharacters = 64 * 1024;

const unwritten = new Set<LineBatch>();
process.on('exit', () => {
  for (const batch of unwritten) batch.flush();
});

/**
 * Where a logger writes its lines, several of which are then written at once: each write wakes whoever reads the log,
 * which costs more than making the line. A line after a pause is written at once, and so is all that waits
 * where a line is a warning or worse, and where its thread ends by itself. Of a thread that is killed, the lines of
 * its last moment are lost.
 */
export class LineBatch implements pino.DestinationStream {
  readonly [metadata] = true;
  /** Of the line that is written next; pino's to set. */
  lastLevel = 0;
  readonly #write: (lines: string) => void;
  readonly #timer = new DetachedTimer(() => this.#fire());
  #waiting = '';

  /** @param write - takes one or more lines, each with its line feed */
  constructor(write: (lines: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    this.#waiting += line;
    unwritten.add(this);
    const isUrgent = this.lastLevel >= pino.levels.values['warn']!;
    if (isUrgent || !this.#timer.isArmed || this.#waiting.length > waitingCharacters) this.flush();
    if (!this.#timer.isArmed) this.#timer.arm(lineDelayMs);
  }

  // Pino leaves what it has logged here, in the clear, where one asks for levels.
  set lastObj(_value: unknown) {}
  set lastMsg(_value: unknown) {}
  set lastTime(_value: unknown) {}
  set lastLogger(_value: unknown) {}

  /** Writes what waits; pino's own `flush` has a callback. */
  flush(onFlushed?: (error?: Error) => void): void {
    this.#writeWaiting();
    onFlushed?.();
  }

  #writeWaiting(): void {
    if (this.#waiting === '') return;
    const lines = this.#waiting;
    this.#waiting = '';
    unwritten.delete(this);
    this.#write(lines);
  }

  #fire(): void {
    if (this.#waiting === '') return;
    this.flush();
    this.#timer.arm(lineDelayMs);
  }
}
