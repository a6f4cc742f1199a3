import type { Socket } from 'node:net';
import type { Capability } from '../../protocol/capability.ts';
import { CommandReader, type ReaderEvent } from '../../protocol/command-reader.ts';
import type { TlsConnection } from '../../tls/tls-connection.ts';
import { ByeError } from './command-error.ts';
import { handleEvent } from './dispatch.ts';
import { ConnectionLostError } from './command.ts';
import { Responses, SocketTransport } from './responses.ts';
import type { ServiceContext } from './service-context.ts';
import { Session } from './session.ts';

/** How long a client that was told BYE may take to read it, in milliseconds. */
const byeDeadlineMs = 5_000;

/** After this long without a byte the kernel asks whether the client is still there, in milliseconds. */
const keepAliveDelayMs = 120_000;

/**
 * One client: its socket, the commands that come from it one at a time, and the responses that go back.
 * Commands are pulled, never pushed: while one runs, a bounded number of bytes waits and the rest stays in
 * the kernel.
 */
export class Connection {
  /** Names the connection in the log. */
  readonly id: string;
  readonly session: Session;
  readonly #context: ServiceContext;
  readonly #reader: CommandReader;
  #socket: Socket;
  #out: Responses;
  #tls: TlsConnection | undefined;
  #wake: (() => void) | undefined;
  #hasEnded = false;
  #byeText: string | undefined;
  #byeSinceMs = 0;
  #lastActivityMs: number;
  #writtenBytes = 0;
  #isKeptAlive = false;

  constructor(context: ServiceContext, id: string, socket: Socket, tls?: TlsConnection) {
    this.#context = context;
    this.#reader = new CommandReader({ off: context.capabilitiesOff });
    this.id = id;
    this.#tls = tls;
    this.#lastActivityMs = context.clock();
    this.#socket = tls?.socket ?? socket;
    this.#out = this.#attach(this.#socket);
    this.session = new Session(context, this);
  }

  get out(): Responses {
    return this.#out;
  }

  /** The TLS side of the connection; undefined in the clear. */
  get tls(): TlsConnection | undefined {
    return this.#tls;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** Serves the client until it or the server ends the connection. Never rejects. */
  async run(): Promise<void> {
    try {
      this.session.greet();
      for (;;) {
        const event = await this.pull();
        if (event === undefined) break;
        const isEnd = await handleEvent(this.session, event);
        this.#out.flush();
        if (isEnd) break;
        if (this.#out.isFull) await this.#out.ready();
      }
    } catch (error) {
      this.#reportEnd(error);
    } finally {
      this.session.end();
      await this.#finish();
    }
  }

  /**
   * The next event of the client's input; undefined when there is no more. Continuation requests are
   * answered here. Rejects with {@link ByeError} where a bound is broken or the server shuts down.
   */
  pull(): Promise<ReaderEvent | undefined> {
    return this.#nextEvent(true);
  }

  /** Like {@link pull}, but lets the client finish the literal that it is sending while we shut down. */
  pullLiteral(): Promise<ReaderEvent | undefined> {
    return this.#nextEvent(false);
  }

  /** Asks for the next line of the client as it is: a `line` event, or undefined when there is no more. */
  pullLine(): Promise<ReaderEvent | undefined> {
    this.#reader.expectLine();
    return this.pull();
  }

  rejectLiteral(): void {
    this.#reader.rejectLiteral();
  }

  /** The client has logged in; `off` are the capabilities that are turned off for its account. */
  setAuthenticated(off: ReadonlySet<Capability>): void {
    this.#reader.setAuthenticated(off);
  }

  /**
   * Goes over to TLS. What the client sent behind STARTTLS in the clear is dropped (RFC 9051, section
   * 6.2.1), and `announce` is sent last in the clear. Rejects with the acceptor's error.
   */
  async startTls(announce: string): Promise<void> {
    const plain = this.#socket;
    this.#detach(plain);
    let droppedBytes = this.#reader.clear();
    for (
      let chunk = plain.read() as Buffer | null;
      chunk !== null;
      chunk = plain.read() as Buffer | null
    ) {
      droppedBytes += chunk.length;
    }
    if (droppedBytes > 0) {
      this.session.log('warn', { droppedBytes }, 'dropped plaintext pipelined behind STARTTLS');
    }
    this.#out.write(announce);
    await this.#out.flushed();
    this.#tls = await this.#context.acceptor.accept(plain);
    this.#socket = this.#tls.socket;
    this.#out = this.#attach(this.#socket);
  }

  /** Ends the connection with `* BYE text` as soon as the command that runs is done. */
  shutDown(text: string): void {
    if (this.#byeText !== undefined) return;
    this.#byeText = text;
    this.#byeSinceMs = this.#context.clock();
    this.#wakeUp();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends a client that has been silent for too long; called now and then for every connection. */
  sweep(nowMs: number): void {
    if (this.#byeText !== undefined) {
      if (nowMs - this.#byeSinceMs > byeDeadlineMs) this.destroy();
      return;
    }
    // Most clients have left by then, and the system need not be told.
    if (!this.#isKeptAlive) this.#socket.setKeepAlive(true, keepAliveDelayMs);
    this.#isKeptAlive = true;
    const writtenBytes = this.#socket.bytesWritten - this.#socket.writableLength;
    // A client that reads a long response is not idle; one to whom IDLE writes a line now and then is.
    if (this.#out.isFull && writtenBytes !== this.#writtenBytes) this.#lastActivityMs = nowMs;
    this.#writtenBytes = writtenBytes;
    const { autologoutMs, loginDeadlineMs } = this.#context.limits;
    const limitMs = this.session.account === undefined ? loginDeadlineMs : autologoutMs;
    if (nowMs - this.#lastActivityMs > limitMs) this.shutDown('Autologout; idle for too long');
  }

  // One function for all that waits: an idle client is this one suspended, and each caller that is
  // suspended above it costs memory for as long.
  async #nextEvent(isInterruptible: boolean): Promise<ReaderEvent | undefined> {
    for (;;) {
      if (isInterruptible && this.#byeText !== undefined) throw new ByeError(this.#byeText);
      const event = this.#reader.next();
      if (event?.kind === 'bye') throw new ByeError(event.text, event.code);
      if (event?.kind === 'continue') {
        this.#out.write('+ Ready for literal data\r\n');
        continue;
      }
      if (event !== undefined) return event;
      if (this.#hasEnded) return undefined;
      this.#out.flush();
      if (this.#socket.isPaused()) this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#lastActivityMs = this.#context.clock();
    this.#reader.push(chunk);
    if (this.#wake !== undefined) this.#wakeUp();
    else if (this.#reader.pendingBytes > this.#context.limits.maxPendingBytes) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.#wakeUp();
  };

  readonly #onError = (error: Error): void => {
    this.session.log('debug', { err: error }, 'connection error');
  };

  #attach(socket: Socket): Responses {
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onError);
    return new Responses(new SocketTransport(socket), this.#context.limits.responseChunkBytes);
  }

  #detach(socket: Socket): void {
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onEnd);
    socket.off('error', this.#onError);
    socket.pause();
  }

  #reportEnd(error: unknown): void {
    if (error instanceof ByeError) {
      this.#out.status('*', 'BYE', error.message, error.code);
      this.session.log('info', { reason: error.message }, 'closing connection');
    } else if (!(error instanceof ConnectionLostError)) {
      this.#out.untagged('BYE [SERVERBUG] Internal error');
      this.session.log('error', { err: error }, 'connection failed');
    }
  }

  /** Sends what is left and closes; a client that does not read is cut off by the sweep. */
  async #finish(): Promise<void> {
    const socket = this.#socket;
    this.#out.flush();
    this.#byeText ??= '';
    this.#byeSinceMs = this.#context.clock();
    if (socket.closed) return;
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    if (!socket.destroyed) {
      // What still comes in is of no interest, but unread input would turn our FIN into a reset.
      socket.off('data', this.#onData);
      socket.resume();
      socket.end();
    }
    await closed;
  }
}
