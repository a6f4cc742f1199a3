import type { Socket } from 'node:net';
import { type ClientHello, parseClientHello } from './client-hello.ts';
import { Deadlines } from '../time.ts';
import { tlsLimits } from '../limits.ts';
import { TlsAcceptError } from '../events.ts';

/** How long a {@link HelloReader} waits. */
export interface HelloReaderOptions {
  /** For the whole hello, from the call on, in milliseconds. */
  readonly deadlineMs?: number;
}

/** Reads the ClientHello of a connection and puts it back, so that TLS finds the connection as it was. */
export class HelloReader {
  readonly #deadlines: Deadlines;
  // Not a Map, for the reason that `LinkedList` gives.
  readonly #pending = new WeakMap<Socket, PendingHello>();
  #pendingCount = 0;

  constructor(options: HelloReaderOptions = {}) {
    this.#deadlines = new Deadlines(options.deadlineMs ?? tlsLimits.helloDeadlineMs);
  }

  /** Connections that wait for their hello. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /**
   * Reads the hello of a socket that nobody else reads from. The socket is left open, and its bytes unread,
   * also when this rejects.
   *
   * @returns the hello; undefined if it is malformed, so that OpenSSL answers with its alert
   * @throws TlsAcceptError `NOT_TLS`, `HELLO_TOO_LARGE`, `HELLO_TIMEOUT`, `CLOSED`, or what {@link fail} was given
   */
  async read(socket: Socket): Promise<ClientHello | undefined> {
    if (socket.destroyed || socket.readableEnded) throw closedError();
    const pending = new PendingHello(socket);
    const cancel = this.#deadlines.set(() => {
      // A thread that was busy may have the hello in its kernel: it is read before it is judged.
      setImmediate(() => pending.fail(timeoutError()));
    });
    this.#pending.set(socket, pending);
    this.#pendingCount += 1;
    try {
      return await pending.hello;
    } finally {
      cancel();
      this.#pending.delete(socket);
      this.#pendingCount -= 1;
    }
  }

  /** Lets the reading of a socket fail; does nothing if its hello is not waited for. */
  fail(socket: Socket, error: TlsAcceptError): void {
    this.#pending.get(socket)?.fail(error);
  }

  /** Drops the deadlines; what is still read has none. */
  close(): void {
    this.#deadlines.clear();
  }
}

/** One socket whose hello has not arrived. */
class PendingHello {
  readonly hello: Promise<ClientHello | undefined>;
  readonly #socket: Socket;
  // Only if the hello does not come in one piece. It grows with what has come, not with what was announced.
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;
  #neededBytes = 0;
  #resolve!: (hello: ClientHello | undefined) => void;
  #reject!: (error: TlsAcceptError) => void;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.hello = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    socket.on('readable', this.#onReadable);
    socket.on('end', this.#onClose);
    socket.on('close', this.#onClose);
    socket.on('error', this.#onError);
    // What has arrived may have been announced to whoever listened before, and is not announced again.
    this.#onReadable();
  }

  fail(error: TlsAcceptError): void {
    this.#detach();
    this.#reject(error);
  }

  readonly #onReadable = (): void => {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return;
    const rest = this.#gathered === undefined ? undefined : this.#gather(chunk);
    const bytes = this.#gathered?.subarray(0, this.#gatheredBytes) ?? chunk;
    if (bytes.length < this.#neededBytes) return;
    const result = parseClientHello(bytes);
    if (result.kind === 'incomplete') {
      this.#neededBytes = result.neededBytes;
      // It fits: what is incomplete is shorter than the bound.
      if (this.#gathered === undefined) this.#gather(chunk);
      return;
    }
    this.#detach();
    if (rest !== undefined && rest.length > 0) this.#socket.unshift(rest);
    this.#socket.unshift(bytes);
    if (result.kind === 'hello') this.#resolve(result.hello);
    else if (result.kind === 'malformed') this.#resolve(undefined);
    else this.#reject(refusals[result.kind]());
  };

  readonly #onClose = (): void => this.fail(closedError());

  readonly #onError = (cause: Error): void => this.fail(closedError(cause));

  /** Adds as much of a chunk to what came before as a hello may have; returns the rest. */
  #gather(chunk: Buffer): Buffer {
    const neededBytes = Math.min(this.#gatheredBytes + chunk.length, tlsLimits.helloBytes);
    if (this.#gathered === undefined || this.#gathered.length < neededBytes) {
      const gathered = Buffer.allocUnsafeSlow(Math.min(2 * neededBytes, tlsLimits.helloBytes));
      this.#gathered?.copy(gathered, 0, 0, this.#gatheredBytes);
      this.#gathered = gathered;
    }
    const copiedBytes = chunk.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += copiedBytes;
    return chunk.subarray(copiedBytes);
  }

  #detach(): void {
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('end', this.#onClose);
    this.#socket.off('close', this.#onClose);
    this.#socket.off('error', this.#onError);
  }
}

const refusals = {
  notTls: () =>
    new TlsAcceptError('NOT_TLS', 'Cannot read a ClientHello: the client speaks no TLS'),
  tooLarge: () =>
    new TlsAcceptError(
      'HELLO_TOO_LARGE',
      `Cannot read a ClientHello of more than ${tlsLimits.helloBytes} bytes`,
    ),
};

function timeoutError(): TlsAcceptError {
  return new TlsAcceptError('HELLO_TIMEOUT', 'Cannot wait longer for the ClientHello');
}

function closedError(cause?: Error): TlsAcceptError {
  const message = 'Cannot read a ClientHello: the client has left';
  return new TlsAcceptError('CLOSED', message, cause === undefined ? undefined : { cause });
}
