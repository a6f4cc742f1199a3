import type { Socket } from 'node:net';
import { type Stranger, StrangerInput } from '../admission/stranger-input.ts';
import { TlsAcceptError } from '../events.ts';
import { tlsLimits } from '../limits.ts';
import { Deadlines } from '../time.ts';
import { type ClientHello, parseHelloBody } from './client-hello.ts';
import { alerts, type HelloFault, HelloRecords } from './hello-records.ts';

/** How long a {@link HelloReader} waits, and how much it holds. */
export interface HelloReaderOptions {
  /** For the whole hello, from the call on, in milliseconds. */
  readonly deadlineMs?: number;
  /** For long hellos, in bytes; default {@link tlsLimits.heldHelloBytes}. */
  readonly heldBytes?: number;
}

/** A client that sent no ClientHello, and how it can be told. */
export class HelloError extends TlsAcceptError {
  /** Number of the alert for it; undefined if it has said nothing. */
  readonly alert: number | undefined;
  /** True if it may be one that speaks in the clear: it did so, or it said nothing and may wait for a greeting. */
  readonly isClearText: boolean;

  constructor(
    code: 'NOT_TLS' | 'HELLO_TOO_LARGE' | 'HANDSHAKE_FAILED' | 'HELLO_TIMEOUT',
    message: string,
    { alert, isClearText = false }: { alert?: number | undefined; isClearText?: boolean },
  ) {
    super(code, message);
    this.alert = alert;
    this.isClearText = isClearText;
  }
}

/** Reads the ClientHello of a connection and puts it back, so that TLS finds the connection as it was. */
export class HelloReader {
  readonly #deadlines: Deadlines;
  readonly #input: StrangerInput;
  // Not a Map, for the reason that `LinkedList` gives.
  readonly #pending = new WeakMap<Socket, PendingHello>();
  #pendingCount = 0;

  constructor(options: HelloReaderOptions = {}) {
    this.#deadlines = new Deadlines(options.deadlineMs ?? tlsLimits.helloDeadlineMs);
    this.#input = new StrangerInput({
      maxBytes: options.heldBytes ?? tlsLimits.heldHelloBytes,
      uncountedBytes: tlsLimits.uncountedHelloBytes,
    });
  }

  /** Connections that wait for their hello. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** Bytes of memory that long hellos hold, until {@link release}. */
  get heldBytes(): number {
    return this.#input.bytes;
  }

  /**
   * Reads the hello of a socket that nobody else reads from. The socket is left open, also when this rejects.
   *
   * @param stranger - ended if its hello is long and such hellos hold too much; {@link release} it at its end. Absent:
   *   what this one holds does not count
   * @returns the hello; undefined if its content is malformed, so that OpenSSL answers with its alert
   * @throws HelloError `NOT_TLS`, `HELLO_TOO_LARGE`, `HELLO_TIMEOUT`, or `HANDSHAKE_FAILED` if records are malformed
   * @throws TlsAcceptError `CLOSED`, or what {@link fail} was given
   */
  async read(socket: Socket, stranger?: Stranger): Promise<ClientHello | undefined> {
    if (socket.destroyed || socket.readableEnded) throw closedError();
    const pending = new PendingHello(socket, stranger, this.#input);
    const cancel = this.#deadlines.set(() => {
      // After a pause of the thread the hello may still be in the kernel: it is read first.
      setImmediate(() => pending.timeOut());
    });
    this.#pending.set(socket, pending);
    this.#pendingCount += 1;
    pending.begin();
    try {
      return await pending.hello;
    } finally {
      cancel();
      this.#pending.delete(socket);
      this.#pendingCount -= 1;
    }
  }

  /**
   * A stranger whose hello was read makes us hold so many bytes from now on, its hello among them. Ends it or others if
   * all together hold too much.
   */
  hold(stranger: Stranger, bytes: number): void {
    this.#input.hold(stranger, bytes);
  }

  /** The handshake of a stranger has ended, and with it what TLS held of its hello. */
  release(stranger: Stranger): void {
    this.#input.release(stranger);
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
  readonly #stranger: Stranger | undefined;
  readonly #input: StrangerInput;
  readonly #records = new HelloRecords();
  #hasBegun = false;
  #hasEnded = false;
  #resolve!: (hello: ClientHello | undefined) => void;
  #reject!: (error: TlsAcceptError) => void;

  constructor(socket: Socket, stranger: Stranger | undefined, input: StrangerInput) {
    this.#socket = socket;
    this.#stranger = stranger;
    this.#input = input;
    this.hello = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  begin(): void {
    const socket = this.#socket;
    // Not `readable`: for each listener of that Node puts off work to the next tick, twice.
    socket.on('data', this.#onData);
    socket.on('end', this.#onClose);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  fail(error: TlsAcceptError): void {
    if (this.#hasEnded) return;
    this.#detach();
    this.#reject(error);
  }

  timeOut(): void {
    const message = 'Cannot wait longer for the ClientHello';
    const answer = this.#hasBegun ? { alert: alerts.internalError } : { isClearText: true };
    this.fail(new HelloError('HELLO_TIMEOUT', message, answer));
  }

  readonly #onData = (chunk: Buffer): void => this.#take(chunk);

  #take(chunk: Buffer): void {
    this.#hasBegun = true;
    const records = this.#records;
    const result = records.push(chunk);
    if (result !== 'incomplete' && result !== 'complete') return this.fail(faultError(result));
    const stranger = this.#stranger;
    if (stranger !== undefined && records.heldBytes > tlsLimits.uncountedHelloBytes) {
      // Which may end this one.
      this.#input.hold(stranger, records.heldBytes);
    }
    if (result === 'incomplete' || this.#hasEnded) return;
    this.#detach();
    const hello = parseHelloBody(records.body);
    for (const bytes of records.takeInput().toReversed()) this.#socket.unshift(bytes);
    this.#resolve(hello);
  }

  readonly #onClose = (): void => this.fail(closedError(this.#socket.errored ?? undefined));

  #detach(): void {
    this.#hasEnded = true;
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onClose);
    socket.off('close', this.#onClose);
    socket.pause();
  }
}

function faultError(fault: HelloFault): HelloError {
  const { kind } = fault;
  if (kind === 'notTls') {
    return new HelloError('NOT_TLS', 'Cannot read a ClientHello: the client speaks no TLS', fault);
  }
  if (kind === 'tooLarge') {
    const message = `Cannot read a ClientHello of more than ${tlsLimits.helloBytes} bytes`;
    return new HelloError('HELLO_TOO_LARGE', message, fault);
  }
  const message = 'Cannot read a ClientHello: its records are malformed';
  return new HelloError('HANDSHAKE_FAILED', message, fault);
}

function closedError(cause?: Error): TlsAcceptError {
  const message = 'Cannot read a ClientHello: the client has left';
  return new TlsAcceptError('CLOSED', message, cause === undefined ? undefined : { cause });
}
