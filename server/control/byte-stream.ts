import { once } from 'node:events';
import type { Socket } from 'node:net';

/** A line of the control protocol has at most this many bytes. */
const maxLineBytes = 1024 * 1024;

/** The other side closed the connection, or sent what is no line of the protocol. */
export class ControlConnectionError extends Error {
  constructor(text: string, options?: ErrorOptions) {
    super(text, options);
    this.name = 'ControlConnectionError';
  }
}

/**
 * Lines of JSON and counted bytes over a socket, read on demand: what is not asked for stays in the
 * kernel, and so the sender waits.
 */
export class ByteStream {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #position = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** How many bytes have been read so far. */
  get position(): number {
    return this.#position;
  }

  /** The next line as JSON; undefined where the other side has ended. */
  async readJson(): Promise<unknown> {
    let bytes = this.#rest;
    let at = bytes.indexOf(0x0a);
    while (at === -1) {
      if (bytes.length > maxLineBytes) throw new ControlConnectionError('A line is too long');
      const chunk = await this.#nextChunk();
      if (chunk === undefined) {
        if (bytes.length === 0) return undefined;
        throw new ControlConnectionError('The connection ended within a line');
      }
      at = chunk.indexOf(0x0a);
      if (at !== -1) at += bytes.length;
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    }
    this.#rest = bytes.subarray(at + 1);
    this.#position += at + 1;
    try {
      return JSON.parse(bytes.toString('utf8', 0, at)) as unknown;
    } catch {
      throw new ControlConnectionError('A line is not JSON');
    }
  }

  /** Exactly so many bytes, as they come. */
  async *readBytes(count: number): AsyncGenerator<Uint8Array, undefined> {
    let left = count;
    while (left > 0) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#nextChunk();
      if (chunk === undefined) {
        throw new ControlConnectionError('The connection ended within a message');
      }
      this.#rest = chunk.subarray(left);
      const bytes = chunk.subarray(0, left);
      left -= bytes.length;
      this.#position += bytes.length;
      yield bytes;
    }
  }

  /** Reads and drops what comes before a position. */
  async skipTo(position: number): Promise<void> {
    // oxlint-disable-next-line no-unused-vars -- the bytes are not wanted
    for await (const _ of this.readBytes(position - this.#position));
  }

  async writeJson(value: unknown): Promise<void> {
    await this.write(Buffer.from(`${JSON.stringify(value)}\n`));
  }

  /** Waits while the other side does not keep up. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      throw new ControlConnectionError('The connection is closed');
    }
    if (this.#socket.write(bytes)) return;
    const given = new AbortController();
    try {
      // "drain" never comes from a socket that has closed.
      await Promise.race([
        once(this.#socket, 'drain', { signal: given.signal }),
        once(this.#socket, 'close', { signal: given.signal }),
      ]);
    } catch (cause) {
      // A server that stops shows as EPIPE or ECONNRESET.
      throw new ControlConnectionError('The connection broke off', { cause });
    } finally {
      given.abort();
    }
  }

  /** Ends the connection without waiting. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #nextChunk(): Promise<Buffer | undefined> {
    try {
      const next = await this.#chunks.next();
      return next.done === true ? undefined : next.value;
    } catch (cause) {
      throw new ControlConnectionError('The connection broke off', { cause });
    }
  }
}
