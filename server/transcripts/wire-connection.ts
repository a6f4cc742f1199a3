import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from 'node:zlib';
import { ResponseReader } from './response-reader.ts';
import type { ResponseText } from './response-shape.ts';
import { ServerUnreachableError, TranscriptRunError } from './transcript-error.ts';

/** How a connection is protected: not at all, from its beginning, or from STARTTLS on. */
export type Security = 'plain' | 'tls' | 'starttls';

/** A certificate of a client with its chain, and its key; both PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** The server that a transcript is run against. */
export interface TranscriptTarget {
  readonly host: string;
  readonly port: number;
  readonly security: Security;
  /** PEM of the authorities that are trusted; absent: those of Node. */
  readonly ca?: string;
  /** True if the server's certificate may be any one. */
  readonly isUnchecked?: boolean;
  /** The name that the certificate must have; absent: the host. */
  readonly serverName?: string;
  /** Shown to a server that asks for one; absent: none is. */
  readonly clientCertificate?: ClientCertificate;
}

/** What tells the time, and calls back: a test has its own. */
export interface Stopwatch {
  /** Milliseconds of a clock that nobody sets. */
  now(): number;
  /** Calls `task` once after about so many milliseconds; call what is returned to cancel it. */
  after(delayMs: number, task: () => void): () => void;
}

/** The stopwatch of the system. */
export const steadyStopwatch: Stopwatch = {
  now: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The newest TLS session of the connections to a server, for the next one to resume. */
export interface NewestSession {
  session: Buffer | undefined;
}

/** What a wait for a response ended with. */
export type Arrival =
  | { readonly type: 'response'; readonly response: ResponseText }
  | { readonly type: 'closed'; readonly reason: string | undefined }
  | { readonly type: 'deadline' };

/** A connection to a server that sends what it is told to, byte by byte, and reads responses. */
export class WireConnection {
  #socket: Socket;
  #tls: TLSSocket | undefined;
  #deflate: DeflateRaw | undefined;
  #inflate: InflateRaw | undefined;
  readonly #target: TranscriptTarget;
  readonly #newest: NewestSession | undefined;
  readonly #stopwatch: Stopwatch;
  readonly #deadlineMs: number;
  #reader = new ResponseReader();
  #isResumed = false;
  #isClosed = false;
  #closeReason: string | undefined;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, { target, newest, stopwatch, deadlineMs }: WireOptions) {
    this.#socket = socket;
    this.#target = target;
    this.#newest = newest;
    this.#stopwatch = stopwatch;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Connects, with the handshake of TLS if the target begins with one; nothing is read.
   *
   * @throws ServerUnreachableError if there is no connection
   * @throws TranscriptRunError if the handshake fails
   */
  static async connect(options: WireOptions): Promise<WireConnection> {
    const { host, port, security } = options.target;
    const socket = connectTcp({ host, port, noDelay: true });
    const connection = new WireConnection(socket, options);
    await connection.#settle('connect', once(socket, 'connect'), ServerUnreachableError);
    connection.#listen(socket);
    if (security === 'tls') await connection.startTls();
    return connection;
  }

  /** True under TLS. */
  get isEncrypted(): boolean {
    return this.#tls !== undefined;
  }

  /** True if the handshake resumed a session. */
  get isResumed(): boolean {
    return this.#isResumed;
  }

  /** Begins TLS. @throws TranscriptRunError */
  async startTls(): Promise<void> {
    const { host, ca, isUnchecked, serverName, clientCertificate } = this.#target;
    this.#socket.removeAllListeners('data');
    const options: ConnectionOptions = {
      socket: this.#socket,
      rejectUnauthorized: isUnchecked !== true,
      ...(clientCertificate !== undefined && {
        cert: clientCertificate.cert,
        key: clientCertificate.key,
      }),
    };
    const name = serverName ?? host;
    if (isIP(name) === 0) options.servername = name;
    else options.host = name;
    if (ca !== undefined) options.ca = ca;
    if (this.#newest?.session !== undefined) options.session = this.#newest.session;
    const tls = connectTls(options);
    this.#tls = tls;
    tls.on('session', (session: Buffer) => {
      if (this.#newest !== undefined) this.#newest.session = session;
    });
    await this.#settle('make a TLS handshake', once(tls, 'secureConnect'));
    this.#isResumed = tls.isSessionReused();
    this.#listen(tls);
  }

  /** Sends bytes, one character each. */
  send(text: string): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(text, 'latin1');
    if (this.#deflate === undefined) {
      this.#current.write(bytes);
      return;
    }
    this.#deflate.write(bytes);
    this.#deflate.flush(constants.Z_SYNC_FLUSH);
  }

  /** From here on both sides compress. @see RFC 4978 */
  startDeflate(): void {
    const socket = this.#current;
    const deflate = createDeflateRaw();
    deflate.on('data', (chunk: Buffer) => socket.write(chunk));
    this.#deflate = deflate;
    // The server may cut its stream anywhere.
    const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
    this.#inflate = inflate;
    inflate.on('data', this.#take);
    inflate.on('close', () => this.#close());
    inflate.on('error', (error) => {
      this.#closeReason ??= `what it sends is not compressed as it should be: ${error.message}`;
      socket.destroy();
    });
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => inflate.write(chunk));
  }

  /** The next response, or why there is none. */
  async read(deadlineMs: number = this.#deadlineMs): Promise<Arrival> {
    const dueAt = this.#stopwatch.now() + deadlineMs;
    for (;;) {
      const response = this.#reader.take();
      if (response !== undefined) return { type: 'response', response };
      if (this.#isClosed) return { type: 'closed', reason: this.#closeReason };
      const leftMs = dueAt - this.#stopwatch.now();
      if (leftMs <= 0) return { type: 'deadline' };
      await this.#arrival(leftMs);
    }
  }

  /** What has come of a response that is not whole. */
  get beginning(): string {
    return this.#reader.beginning;
  }

  /** Ends the connection at once. */
  close(): void {
    this.#current.destroy();
    this.#socket.destroy();
  }

  get #current(): Socket {
    return this.#tls ?? this.#socket;
  }

  #arrival(leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      const cancel = this.#stopwatch.after(leftMs, settle);
      this.#wake = settle;
    });
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#take);
    socket.on('error', (error) => {
      this.#closeReason ??= error.message;
    });
    // A server that says that it ends does not read any more, either.
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  readonly #take = (chunk: Buffer): void => {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#closeReason = (error as Error).message;
      this.close();
    }
    this.#wake?.();
  };

  #end(): void {
    // What came last is still being inflated.
    if (this.#inflate === undefined) this.#close();
    else this.#inflate.end();
  }

  #close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  /** Waits for a beginning, at most for the deadline. */
  async #settle(
    what: string,
    event: Promise<unknown>,
    Failure: typeof TranscriptRunError = TranscriptRunError,
  ): Promise<void> {
    const { host, port } = this.#target;
    const late = Promise.withResolvers<never>();
    const cancel = this.#stopwatch.after(this.#deadlineMs, () =>
      late.reject(new Error(`no answer within ${this.#deadlineMs} ms`)),
    );
    try {
      await Promise.race([event, late.promise]);
    } catch (error) {
      this.close();
      throw new Failure(`Cannot ${what} with ${host}:${port}: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      cancel();
    }
  }
}

/** What a {@link WireConnection} is made of. */
export interface WireOptions {
  readonly target: TranscriptTarget;
  /** Absent: no session is resumed. */
  readonly newest: NewestSession | undefined;
  readonly stopwatch: Stopwatch;
  /** For the connection, the handshake and each response, in milliseconds. */
  readonly deadlineMs: number;
}
