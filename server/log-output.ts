import { writeSync } from 'node:fs';
import { DetachedTimer } from '../tls/index.ts';

/** Bytes that wait for whoever reads the log to make room; what comes beyond is lost. */
const maxWaitingBytes = 1024 * 1024;

/** How long until the log is tried again after it had no room, in milliseconds. */
const retryMs = 50;

/** Tries at the end of the process, each after {@link retryMs}. */
const lastTries = 20;

const lineFeed = 10;

/** Where lines of the log go. */
export interface LogOutputOptions {
  readonly fd: number;
  /** As `fs.writeSync`; for tests. */
  readonly write?: (fd: number, bytes: Uint8Array) => number;
  /** The time of the day; for tests. */
  readonly clock?: () => number;
}

/**
 * Writes lines of the log to a file descriptor, and never throws: a log on a full disk, or one that nobody reads
 * any more, must not end a server. If there is no room just now (`EAGAIN`), lines wait. What cannot be written is
 * lost and counted; once the log works again, one line says how many lines were lost.
 *
 * It writes synchronously, so that what was written is there after a crash.
 */
export class LogOutput {
  readonly #options: Required<LogOutputOptions>;
  readonly #retry = new DetachedTimer(() => this.#writeWaiting());
  #waiting: Buffer = Buffer.alloc(0);
  #lostLineCount = 0;
  /** Lost lines that the log does not tell of yet, and why the last of them was lost. */
  #untold: { lineCount: number; code: string } | undefined;
  /** What was written last ends within a line. */
  #isLineOpen = false;

  constructor({ fd, write = writeSync, clock = Date.now }: LogOutputOptions) {
    this.#options = { fd, write, clock };
  }

  /** Lines that could not be written since the start. */
  get lostLineCount(): number {
    return this.#lostLineCount;
  }

  /** @param lines - one or more, each with its line feed */
  write(lines: string): void {
    const bytes = Buffer.from(lines);
    if (this.#waiting.length + bytes.length > maxWaitingBytes) return this.#lose(bytes, 'EAGAIN');
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    this.#writeWaiting();
  }

  /** Waits a moment for room if lines wait for it: for the end of the process. */
  finish(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let tries = 0; this.#waiting.length > 0 && tries < lastTries; tries++) {
      this.#writeWaiting();
      if (this.#waiting.length > 0) Atomics.wait(pause, 0, 0, retryMs);
    }
  }

  #writeWaiting(): void {
    try {
      if (this.#waiting.length > 0) this.#tellLost();
      while (this.#waiting.length > 0) this.#waiting = this.#put(this.#waiting);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') {
        if (!this.#retry.isArmed) this.#retry.arm(retryMs);
        return;
      }
      const lost = this.#waiting;
      this.#waiting = Buffer.alloc(0);
      this.#lose(lost, code);
    }
  }

  /** Writes some of the bytes; the rest. */
  #put(bytes: Buffer): Buffer {
    const count = this.#options.write(this.#options.fd, bytes);
    if (count > 0) this.#isLineOpen = bytes[count - 1] !== lineFeed;
    return bytes.subarray(count);
  }

  #lose(lost: Uint8Array, code: string): void {
    const lineCount = lost.filter((byte) => byte === lineFeed).length;
    this.#lostLineCount += lineCount;
    this.#untold = { lineCount: (this.#untold?.lineCount ?? 0) + lineCount, code };
  }

  /** The first line after a loss. */
  #tellLost(): void {
    if (this.#untold === undefined) return;
    const { lineCount, code } = this.#untold;
    const line = JSON.stringify({
      level: 'warn',
      time: new Date(this.#options.clock()).toISOString(),
      lostLines: lineCount,
      code,
      msg: 'lines of the log could not be written',
    });
    // What was cut off is a line of its own then.
    let rest: Buffer = Buffer.from(`${this.#isLineOpen ? '\n' : ''}${line}\n`);
    while (rest.length > 0) rest = this.#put(rest);
    this.#untold = undefined;
  }
}
