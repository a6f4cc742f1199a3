import type { EnabledExtension } from '../../protocol/capability.ts';
import { Encoder } from '../../protocol/encoder.ts';
import { type ByteSink, ConnectionLostError } from '../net/byte-stream.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';

/**
 * The responses to one client. They are gathered and handed to the transport in chunks; whoever writes much waits for
 * {@link ready} in between, so that a client that does not read costs a bounded amount of memory.
 */
export class Responses extends Encoder {
  readonly #transport: ByteSink;

  /**
   * @param chunkBytes - bytes gathered before they go to the transport
   * @param enabled - what the client has turned on; it may grow
   */
  constructor(transport: ByteSink, chunkBytes: number, enabled?: ReadonlySet<EnabledExtension>) {
    super(transport, chunkBytes, enabled);
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

/** Refuses message sequence numbers of a client that has enabled UIDONLY. @see RFC 9586, section 3 */
export function uidRequired(): CommandRefusedError {
  const text = 'UIDONLY is enabled, so there are no message sequence numbers';
  return new CommandRefusedError('BAD', text, 'UIDREQUIRED');
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
