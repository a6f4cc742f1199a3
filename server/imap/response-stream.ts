import type { Socket } from 'node:net';

/**
 * Writes responses to one client. Wire text (one character an octet) is gathered and handed to the socket in
 * chunks; whoever writes much waits for {@link ready} in between, so that a client that does not read costs
 * a bounded amount of memory.
 */
export class ResponseStream {
  readonly #socket: Socket;
  readonly #chunkBytes: number;
  #text = '';

  /** `chunkBytes`: octets gathered before they go to the socket. */
  constructor(socket: Socket, chunkBytes: number) {
    this.#socket = socket;
    this.#chunkBytes = chunkBytes;
  }

  /** Adds wire text; line ends included. */
  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= this.#chunkBytes) this.flush();
  }

  /** Adds one untagged response: `* text CRLF`. */
  untagged(text: string): void {
    this.write(`* ${text}\r\n`);
  }

  /** Adds one status response; `tag` is `*` for an untagged one, `code` comes without its brackets. */
  status(tag: string, status: 'OK' | 'NO' | 'BAD' | 'BYE', text: string, code?: string): void {
    this.write(`${tag} ${status} ${code === undefined ? '' : `[${code}] `}${text}\r\n`);
  }

  /** Adds octets of a literal. Large ones are handed on as they are: the caller no longer changes them. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length <= this.#chunkBytes) {
      this.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
      return;
    }
    this.flush();
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** Hands what was gathered to the socket. */
  flush(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(text, 'latin1');
  }

  /** True while the client does not keep up: wait for {@link ready} before writing more. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Settles when the socket takes more, or rejects with {@link ConnectionLostError} when it is gone. */
  async ready(): Promise<void> {
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

  /** Flushes, and settles when the socket has written everything out, or is gone. */
  async flushed(): Promise<void> {
    this.flush();
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
}

/** The client is gone; what was to be written has no reader. Not an error of the server. */
export class ConnectionLostError extends Error {
  constructor() {
    super('The client has closed the connection');
    this.name = 'ConnectionLostError';
  }
}
