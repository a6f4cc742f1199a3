import type { Socket } from 'node:net';
import { Encoder, type EncoderSink } from '../../protocol/encoder.ts';
import { ConnectionLostError } from './command.ts';

/** Carries bytes to one client. */
export interface ResponseTransport extends EncoderSink {
  /** Takes text, one character a byte, or bytes; drops them once the connection is over. */
  write(data: string | Uint8Array): void;
  /** True while the client does not keep up: wait for {@link drained} before writing more. */
  readonly isFull: boolean;
  /** Settles when the transport takes more; rejects with {@link ConnectionLostError} if the connection is over. */
  drained(): Promise<void>;
  /** Settles when all that was written has gone out, or the connection is over. */
  flushed(): Promise<void>;
  /** Ends the connection at once, without writing what is left. */
  destroy(): void;
}

/**
 * The responses to one client. They are gathered and handed to the transport in chunks; whoever writes much waits for
 * {@link ready} in between, so that a client that does not read costs a bounded amount of memory.
 */
export class Responses extends Encoder {
  readonly #transport: ResponseTransport;

  /** `chunkBytes`: bytes gathered before they go to the transport. */
  constructor(transport: ResponseTransport, chunkBytes: number) {
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

  /** Flushes, and settles when all has gone out, or the client is gone. */
  async flushed(): Promise<void> {
    this.flush();
    await this.#transport.flushed();
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

/** A transport on a socket. */
export class SocketTransport implements ResponseTransport {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(data: string | Uint8Array): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    if (typeof data === 'string') this.#socket.write(data, 'latin1');
    else this.#socket.write(data);
  }

  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  async drained(): Promise<void> {
    if (this.#socket.destroyed) throw new ConnectionLostError();
    if (!this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        this.#socket.off('drain', settle);
        this.#socket.off('close', settle);
        if (this.#socket.destroyed) reject(new ConnectionLostError());
        else resolve();
      };
      this.#socket.on('drain', settle);
      this.#socket.on('close', settle);
    });
  }

  async flushed(): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        this.#socket.off('close', settle);
        resolve();
      };
      this.#socket.on('close', settle);
      this.#socket.write('', settle);
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
