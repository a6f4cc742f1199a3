import type { ByteReceiver } from '../byte-stream.ts';
import { idlePacker, type Packable } from './idle-packer.ts';
import { InflateError, Inflater } from './inflater.ts';

/** Who gives what a client sends, and is told how the reading goes. */
export interface InflatedSource {
  /** The receiver wants more, and all that has come was given to it. */
  readonly onStarved: () => void;
  /** What has come takes more than one turn to read: nothing more should come until {@link InflatedSource.onStarved}. */
  readonly onBehind: () => void;
}

/**
 * Gives a receiver what its client says in DEFLATE, a bounded piece at a time, until it pauses: what is left then is kept
 * as it came.
 */
export class InflatedInput implements Packable {
  readonly #receiver: ByteReceiver;
  readonly #source: InflatedSource;
  readonly #inflater = new Inflater();
  #isPaused = false;
  /** True while there may be more in what has come. */
  #hasMore = false;
  /** True once nothing more comes. */
  #isEnding = false;
  #isStopped = false;
  /** True if nothing has come since the last {@link sweep}. */
  #isIdle = false;
  #next: NodeJS.Immediate | undefined;

  constructor(receiver: ByteReceiver, source: InflatedSource) {
    this.#receiver = receiver;
    this.#source = source;
  }

  /** Bytes of memory that are held between two calls. */
  get heldBytes(): number {
    return this.#inflater.heldBytes;
  }

  /** Takes bytes of the client, of which a copy is kept. */
  push(chunk: Uint8Array): void {
    if (this.#isStopped) return;
    this.#isIdle = false;
    this.#inflater.push(chunk);
    this.#hasMore = true;
    // Otherwise what came before has its next turn soon.
    if (this.#next === undefined) this.#deliver();
  }

  /** The receiver has enough. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The receiver wants more, but not before the present step is over. */
  resume(): void {
    this.#isPaused = false;
    if (!this.#hasMore) this.#source.onStarved();
    else this.#next ??= setImmediate(this.#deliver);
  }

  /** The client sends no more: the receiver is told when it has been given all that has come. */
  end(): void {
    this.#isEnding = true;
    if (this.#hasMore || this.#isStopped) return;
    this.stop();
    this.#receiver.receiveEnd();
  }

  /** Gives the receiver nothing more. */
  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#next);
  }

  /** Called now and then: makes what is held of a client smaller that has said nothing since the last time. */
  sweep(): void {
    if (this.#isIdle && !this.#inflater.isPacked) idlePacker.add(this);
    this.#isIdle = true;
  }

  pack(): void {
    if (this.#isIdle && !this.#isStopped) this.#inflater.pack();
  }

  readonly #deliver = (): void => {
    this.#next = undefined;
    try {
      while (!this.#isPaused && !this.#isStopped) {
        const piece = this.#inflater.next();
        if (piece === undefined) return this.#starve();
        if (piece.length > 0) this.#receiver.receiveBytes(piece);
        if (this.#inflater.isCutShort) return this.#goOnLater();
      }
    } catch (error) {
      if (!(error instanceof InflateError)) throw error;
      this.stop();
      this.#receiver.receiveUnreadable(error);
    }
  };

  #goOnLater(): void {
    if (this.#isStopped) return;
    this.#source.onBehind();
    if (!this.#isPaused) this.#next ??= setImmediate(this.#deliver);
  }

  #starve(): void {
    this.#hasMore = false;
    if (this.#inflater.hasEnded || this.#isEnding) {
      this.stop();
      this.#receiver.receiveEnd();
    }
    this.#source.onStarved();
  }
}
