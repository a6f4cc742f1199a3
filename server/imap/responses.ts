import { Encoder } from '../../protocol/encoder.ts';
import { type ByteSink, ConnectionLostError } from '../net/transport.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import { takeTurn } from '../../store/turns.ts';

/**
 * The responses to one client. They are gathered and handed to the transport in chunks; whoever writes much waits for
 * {@link ready} in between, so that a client that does not read costs a bounded amount of memory.
 */
export class Responses extends Encoder {
  readonly #transport: ByteSink;

  /** `chunkBytes`: bytes gathered before they go to the transport. */
  constructor(transport: ByteSink, chunkBytes: number) {
    super(transport, chunkBytes);
    this.#transport = transport;
  }

  /** True while the client does not keep up: wait for {@link ready} before writing more. */
  get isFull(): boolean {
    return this.#transport.isFull;
  }

  /** Settles when the client keeps up; rejects with {@link ConnectionLostError} if it is gone. */
  async ready(): Promise<void> {
    await this.#transport.drained();
  }

  /**
   * Whoever threw within a response left a line that nobody can end, so whoever writes next ends the connection.
   */
  protected override expectIdle(): void {
    if (!this.hasBegun) return;
    this.#transport.destroy();
    throw new ConnectionLostError();
  }
}

/** A command is refused: dispatch turns this into the tagged response. The text goes to the client. */
export class CommandRefusedError extends Error {
  readonly status: 'NO' | 'BAD';
  /** Response code without brackets, with its arguments (RFC 5530). */
  readonly code: ResponseCode | undefined;

  constructor(status: 'NO' | 'BAD', text: string, code?: ResponseCode) {
    super(text);
    this.name = 'CommandRefusedError';
    this.status = status;
    this.code = code;
  }
}

/** The connection ends with `* BYE text`: the client broke a bound, or what it used is gone. */
export class ByeError extends Error {
  /** Response code without brackets. */
  readonly code: ResponseCode | undefined;

  constructor(text: string, code?: ResponseCode) {
    super(text);
    this.name = 'ByeError';
    this.code = code;
  }
}

/** Lines that are written in one turn: 14 KB in a third of a millisecond, one record of TLS. */
const turnLines = 320;

/** Messages that are looked at in one turn if there is nothing to write: about as long. */
const turnMessages = 16_384;

/**
 * Long work on a mailbox for one client, in turns:
 *
 *     for (const uid of uids) {
 *       if (turn.look()) await turn.next();
 *       …
 *     }
 */
export class Turn {
  readonly #out: Responses;
  /** Of the present turn, from 1 down. */
  #left = 1;

  constructor(out: Responses) {
    this.#out = out;
  }

  /** Counts a message that is looked at. True if the turn is over. */
  look(): boolean {
    this.#left -= 1 / turnMessages;
    return this.#left <= 0;
  }

  /** Counts a line that was written. */
  wrote(): void {
    this.#left -= 1 / turnLines;
  }

  /** Settles when it is the client's turn again, and the client keeps up. Rejects if the client is gone. */
  async next(): Promise<void> {
    // Lines that wait for the next turn would be one string each, and by then in the part of the heap that V8 seldom
    // collects: with a hundred clients most of it.
    this.#out.flush();
    await this.#out.ready();
    await takeTurn();
    this.#left = 1;
  }
}
