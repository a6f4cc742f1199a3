import type { Socket } from 'node:net';
import { addressGroup } from './address-group.ts';
import { type ClientHello, parseClientHello } from './client-hello.ts';
import { Deadlines } from './deadlines.ts';
import { tlsLimits } from './limits.ts';
import { TlsAcceptError } from './tls-accept-error.ts';

export interface HelloReaderOptions {
  /** For the whole hello, from the call on, in milliseconds. */
  readonly deadlineMs?: number;
  /** Connections that may wait for their hello at the same time. */
  readonly maxPending?: number;
  /** Of these, connections from one address (IPv6: from one /64). */
  readonly maxPendingPerAddress?: number;
}

/** Reads the ClientHello of a connection and puts it back, so that TLS finds the connection as it was. */
export class HelloReader {
  readonly #maxPending: number;
  readonly #maxPendingPerAddress: number;
  readonly #deadlines: Deadlines;
  readonly #pending = new Set<PendingHello>();
  readonly #pendingPerAddress = new Map<string, number>();

  constructor(options: HelloReaderOptions = {}) {
    this.#maxPending = options.maxPending ?? tlsLimits.pendingHellos;
    this.#maxPendingPerAddress = options.maxPendingPerAddress ?? tlsLimits.pendingHellosPerAddress;
    this.#deadlines = new Deadlines(options.deadlineMs ?? tlsLimits.helloDeadlineMs);
  }

  /** Connections that wait for their hello. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /**
   * Reads the hello of a socket that nobody else reads from. The socket is left open, and its octets unread,
   * also where this rejects.
   *
   * @returns the hello; undefined where it cannot be read, and TLS is to answer with its alert
   * @throws TlsAcceptError `NOT_TLS`, `HELLO_TOO_LARGE`, `HELLO_TIMEOUT`, `TOO_MANY_PENDING`, `CLOSED`
   */
  async read(socket: Socket): Promise<ClientHello | undefined> {
    if (socket.destroyed || socket.readableEnded) throw closedError();
    const group = addressGroup(socket.remoteAddress ?? '');
    const groupCount = this.#pendingPerAddress.get(group) ?? 0;
    if (this.#pending.size >= this.#maxPending || groupCount >= this.#maxPendingPerAddress) {
      throw new TlsAcceptError('TOO_MANY_PENDING', 'Cannot wait for another ClientHello');
    }
    const pending = new PendingHello(socket);
    const cancel = this.#deadlines.set(() =>
      pending.fail(new TlsAcceptError('HELLO_TIMEOUT', 'Cannot wait longer for the ClientHello')),
    );
    this.#pending.add(pending);
    this.#pendingPerAddress.set(group, groupCount + 1);
    try {
      return await pending.hello;
    } finally {
      cancel();
      this.#pending.delete(pending);
      const left = this.#pendingPerAddress.get(group)! - 1;
      if (left === 0) this.#pendingPerAddress.delete(group);
      else this.#pendingPerAddress.set(group, left);
    }
  }

  /** Fails all that wait. */
  close(error: TlsAcceptError): void {
    for (const pending of this.#pending) pending.fail(error);
    this.#deadlines.clear();
  }
}

/** One socket whose hello has not arrived. */
class PendingHello {
  readonly hello: Promise<ClientHello | undefined>;
  readonly #socket: Socket;
  // Only where the hello does not come in one piece.
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
    const rest = this.#gathered === undefined ? undefined : this.#gather(this.#gathered, chunk);
    const octets = this.#gathered?.subarray(0, this.#gatheredBytes) ?? chunk;
    if (octets.length < this.#neededBytes) return;
    const result = parseClientHello(octets);
    if (result.kind === 'incomplete') {
      this.#neededBytes = result.neededBytes;
      // It fits: what is incomplete is shorter than the bound.
      if (this.#gathered === undefined) {
        this.#gathered = Buffer.allocUnsafe(tlsLimits.helloBytes);
        this.#gather(this.#gathered, chunk);
      }
      return;
    }
    this.#detach();
    if (rest !== undefined && rest.length > 0) this.#socket.unshift(rest);
    this.#socket.unshift(octets);
    if (result.kind === 'hello') this.#resolve(result.hello);
    else if (result.kind === 'malformed') this.#resolve(undefined);
    else this.#reject(refusals[result.kind]());
  };

  readonly #onClose = (): void => this.fail(closedError());

  readonly #onError = (cause: Error): void => this.fail(closedError(cause));

  /** Copies what fits of a chunk to what came before; the rest. */
  #gather(gathered: Buffer, chunk: Buffer): Buffer {
    const copied = chunk.copy(gathered, this.#gatheredBytes);
    this.#gatheredBytes += copied;
    return chunk.subarray(copied);
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
      `Cannot read a ClientHello of more than ${tlsLimits.helloBytes} octets`,
    ),
};

function closedError(cause?: Error): TlsAcceptError {
  const message = 'Cannot read a ClientHello: the client has left';
  return new TlsAcceptError('CLOSED', message, cause === undefined ? undefined : { cause });
}
