import { nextTick } from 'node:process';
import type { Capability, EnabledExtension } from '../../protocol/capability.ts';
import { CommandReader, type ReaderEvent } from '../../protocol/command-reader.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import { isNotTls, type Linked, type Stranger, type TlsConnection } from '../../tls/index.ts';
import type { ConnectionEndCause } from '../metrics/metrics-recorder.ts';
import { ConnectionLostError, type ByteReceiver } from '../net/byte-stream.ts';
import { type Transport } from '../net/transport.ts';
import { AnswerQueue } from './answer-queue.ts';
import { ClientOpening } from './client-opening.ts';
import { handleEvent } from './dispatch.ts';
import { Notifier } from './notifier.ts';
import { reportEnd } from './report-end.ts';
import { ByeError, Responses } from './responses.ts';
import type { ServiceContext } from './service-context.ts';
import { Session } from './session.ts';

/**
 * The life of one IMAP client, from the greeting to its end: the commands that come from it one at a time (but for
 * APPENDs, which wait for the disk together: {@link AnswerQueue}), and the responses that go back. Commands are pulled,
 * never pushed: while one runs, a bounded number of bytes waits and the
 * rest stays in the kernel.
 */
export class Connection implements ByteReceiver, Stranger, Linked<Connection> {
  before: Connection | undefined;
  after: Connection | undefined;
  /** Names the connection in the log. */
  readonly id: string;
  readonly session: Session;
  readonly out: Responses;
  /** Of commands that go on while the next ones are read. */
  readonly answers: AnswerQueue;
  readonly #context: ServiceContext;
  readonly #transport: Transport;
  readonly #reader: CommandReader;
  #wake: (() => void) | undefined;
  /** Tells the client what happens, while it waits for the next command. */
  #notifier: Notifier | undefined;
  #hasEnded = false;
  /** Of the work that the client waits for before its login; undefined if it waits for none. */
  #gone: AbortController | undefined;
  #byeText: string | undefined;
  #byeCode: ResponseCode | undefined;
  /** Bytes of memory of the messages that its APPENDs have read. */
  #mailBytes = 0;
  /** True once it is ended for what it holds: then nothing of it is waited for. */
  #isEndedForInput = false;
  #lastActivityAt: number;
  /** Of the steady clock. */
  #endsAt = Number.POSITIVE_INFINITY;
  #takenBytes = 0;
  readonly #opening: ClientOpening;

  constructor(context: ServiceContext, id: string, transport: Transport) {
    this.#context = context;
    this.#opening = new ClientOpening(context);
    const enabled = new Set<EnabledExtension>();
    this.#reader = new CommandReader({ off: context.capabilitiesOff, enabled });
    this.id = id;
    this.#transport = transport;
    this.#lastActivityAt = context.steadyClock();
    this.out = new Responses(transport, context.limits.responseChunkBytes, enabled);
    this.answers = new AnswerQueue(context.limits, {
      onFailure: () => this.#wakeUp(),
      onEmpty: () => this.#notifier?.wake(),
    });
    this.session = new Session(context, this, enabled);
  }

  /** The TLS side of the connection; undefined in the clear. */
  get tls(): TlsConnection | undefined {
    return this.#transport.tls;
  }

  /** The client's IP address; undefined if it is gone. */
  get remoteAddress(): string | undefined {
    return this.#transport.remoteAddress;
  }

  /** Serves the client until it or the server ends the connection. Never rejects. */
  async run(): Promise<void> {
    try {
      try {
        await this.#serve();
      } finally {
        await this.answers.settle();
      }
    } catch (error) {
      reportEnd(this, error);
    } finally {
      this.#byeText ??= '';
      this.#context.strangerInput.release(this);
      this.#context.accountInput.release(this);
      this.session.end();
      this.out.flush();
      this.#transport.end();
      // A password may be in it, and this object stays until the next collection of garbage.
      this.#reader.clear();
    }
  }

  /**
   * The next event of the client's input; undefined when there is no more, and once the client is gone: what it had
   * pipelined is dropped then. Continuation requests are answered here. Rejects with {@link ByeError} if a bound is broken or the server shuts down.
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

  /** Sends what is written when all that is done at once is written. */
  flushSoon(): void {
    nextTick(this.#flush);
  }

  rejectLiteral(): void {
    this.#reader.rejectLiteral();
  }

  /** The messages that its APPENDs have read hold so many bytes of memory more, or less. */
  addMailBytes(bytes: number): void {
    this.#mailBytes += bytes;
    this.#countInput();
  }

  /** The client has logged in; `off` are the capabilities that are turned off for its account. */
  setAuthenticated(off: ReadonlySet<Capability>): void {
    this.#reader.setAuthenticated(off);
    this.#context.strangerInput.release(this);
    this.#transport.admit();
  }

  /** The client is nobody any more: the bounds for strangers apply, and the time for its login begins anew. */
  setUnauthenticated(off: ReadonlySet<Capability>): void {
    this.#reader.setAuthenticated(off, false);
    this.#context.accountInput.release(this);
    this.#endsAt = Number.POSITIVE_INFINITY;
    this.#transport.enterAgain(this.#context.steadyClock());
    this.#countInput();
  }

  /** Ends the connection at an instant of the wall clock, in milliseconds since 1970: what it has logged in by counts no longer. */
  endAt(instantMs: number): void {
    const { clock, steadyClock } = this.#context;
    this.#endsAt = steadyClock() + instantMs - clock();
  }

  /**
   * Waits for work of the server for a client that has not logged in: its deadline does not go on meanwhile. The work is
   * told by its signal if the client has gone, with a {@link ConnectionLostError}.
   */
  async excuseWait<Value>(work: (gone: AbortSignal) => Promise<Value>): Promise<Value> {
    const { steadyClock, limits } = this.#context;
    const gone = new AbortController();
    this.#gone = gone;
    this.#transport.beginWait(steadyClock());
    const probe = setInterval(() => this.#probe(), limits.probeIntervalMs);
    try {
      if (this.#transport.isClosed) throw new ConnectionLostError();
      return await work(gone.signal);
    } finally {
      clearInterval(probe);
      this.#gone = undefined;
      this.#transport.endWait(steadyClock());
    }
  }

  /**
   * Goes over to TLS. What was written before is sent last in the clear, and what the client sent behind STARTTLS in the
   * clear is dropped (RFC 9051, section 6.2.1). Rejects with {@link ConnectionLostError}.
   */
  async startTls(): Promise<void> {
    const droppedBytes = this.#reader.clear() + this.#transport.dropInput();
    this.#countInput();
    // Who leads somebody else's client here may have spoken IMAP up to now.
    this.#opening.beginAnew();
    const { strangers, acceptor } = this.#context;
    if (droppedBytes > 0) {
      const text = 'dropped plaintext pipelined behind STARTTLS';
      strangers.write('warn', this.remoteAddress, { connectionId: this.id, droppedBytes }, text);
    }
    this.out.flush();
    const address = this.remoteAddress;
    try {
      await this.#transport.startTls(acceptor);
    } catch (error) {
      if (isNotTls(error)) this.#context.metrics.recordConnectionEnded('notTls');
      strangers.writeFailedHandshake(address, error);
      throw new ConnectionLostError();
    }
    this.#transport.receive(this);
  }

  /** True if both sides compress what they send. */
  get isCompressed(): boolean {
    return this.#transport.isCompressed;
  }

  /** True if the client has sent more than the command that runs. */
  get hasPipelined(): boolean {
    return this.#reader.pendingBytes > 0;
  }

  /** From here on both sides compress what they send. What was written before goes out as it is. */
  startCompression(): void {
    this.out.flush();
    this.#transport.startCompression();
  }

  /** Ends the connection with `* BYE text` as soon as the command that runs is done, and soon in any case. */
  shutDown(text: string, code?: ResponseCode): void {
    if (this.#byeText !== undefined) return;
    this.#byeText = text;
    this.#byeCode = code;
    this.#transport.endWithin(this.#context.limits.byeDeadlineMs);
    this.#wakeUp();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#transport.destroy();
  }

  /**
   * Ends a client that takes too long to log in, or is silent for too long after; called now and then for every
   * connection.
   *
   * @param nowMs - of the steady clock
   */
  sweep(nowMs: number): void {
    const { autologoutMs, loginDeadlineMs } = this.#context.limits;
    if (this.session.account === undefined) {
      if (this.#transport.takenMs(nowMs) > loginDeadlineMs) {
        this.#end('late', 'Autologout; no login for too long');
      }
      return;
    }
    const { selected } = this.session;
    // As time goes on searches with updates find others.
    if (selected?.updates !== undefined) selected.onNews?.();
    if (nowMs >= this.#endsAt) this.shutDown('Your token has expired, log in with a new one');
    if (this.#wake === undefined) this.session.tellProgress(nowMs);
    const { takenBytes } = this.#transport;
    // A client that reads a long response is not idle; one to whom IDLE writes a line now and then is.
    if (this.out.isFull && takenBytes !== this.#takenBytes) this.#lastActivityAt = nowMs;
    this.#takenBytes = takenBytes;
    if (nowMs - this.#lastActivityAt > autologoutMs) {
      this.#end('autologout', 'Autologout; idle for too long');
    }
  }

  receiveBytes(bytes: Buffer): void {
    this.#lastActivityAt = this.#context.steadyClock();
    const foreign = this.#opening.findForeignText(bytes);
    if (foreign !== undefined) {
      this.#transport.pause();
      return this.#end('notImap', foreign);
    }
    this.#reader.push(bytes);
    if (this.#wake !== undefined) return this.#wakeUp();
    if (this.#reader.pendingBytes > this.#context.limits.maxPendingBytes) this.#transport.pause();
    this.#countInput();
  }

  endForInput(): void {
    this.#isEndedForInput = true;
    this.#reader.clear();
    this.#transport.pause();
    const text =
      this.session.account === undefined
        ? 'Too much that strangers have not finished; log in first'
        : 'Too much that clients of your account have not finished';
    this.#end('unfinishedInput', text, 'LIMIT');
  }

  receiveEnd(): void {
    this.#hasEnded = true;
    // A client that has only closed its own side still reads its answer.
    if (this.#transport.isClosed) this.#gone?.abort(new ConnectionLostError());
    this.#wakeUp();
  }

  receiveUnreadable(error: Error): void {
    this.shutDown(error.message);
    this.receiveEnd();
  }

  async #serve(): Promise<void> {
    this.#transport.receive(this);
    this.session.greet();
    for (;;) {
      const event = await this.#nextCommand();
      if (event === undefined) break;
      if (this.session.account === undefined) {
        this.#opening.countCommand(event);
        this.#transport.markBusy();
      }
      // What is answered at once goes out together; an answer does not wait for a command that takes longer.
      if (this.#reader.pendingBytes > 0) nextTick(this.#flush);
      if (await handleEvent(this.session, event)) break;
      if (this.out.isFull) await this.out.ready();
    }
  }

  /** The next command of a client, which is told meanwhile what it has asked for. */
  #nextCommand(): Promise<ReaderEvent | undefined> {
    const { notifications } = this.session;
    if (notifications?.isActive !== true) return this.pull();
    this.#notifier = new Notifier(this.session, { expunge: notifications.tellsGone });
    return this.#pullWhileTold();
  }

  async #pullWhileTold(): Promise<ReaderEvent | undefined> {
    try {
      return await this.pull();
    } finally {
      await this.#stopNotifier();
    }
  }

  async #stopNotifier(): Promise<void> {
    await this.#notifier?.stop();
    this.#notifier = undefined;
  }

  // One function for all that waits: an idle client is this one suspended, and each caller that is
  // suspended above it costs memory for as long.
  async #nextEvent(isInterruptible: boolean): Promise<ReaderEvent | undefined> {
    for (;;) {
      if ((isInterruptible || this.#isEndedForInput) && this.#byeText !== undefined) {
        throw new ByeError(this.#byeText, this.#byeCode);
      }
      // Nobody would read the answers. A client that has closed only its own side still does.
      if (this.#transport.isClosed || this.answers.hasFailed) return undefined;
      const event = this.#reader.next();
      if (event?.kind === 'bye') throw new ByeError(event.text, event.code);
      if (event?.kind === 'continue') {
        if (!this.answers.isEmpty) await this.answers.settle();
        if (this.#notifier !== undefined) await this.#stopNotifier();
        this.out.continuation('Ready for literal data');
        continue;
      }
      this.#countInput();
      if (event !== undefined) return event;
      if (this.#hasEnded) return undefined;
      if (isInterruptible && this.#byeText !== undefined) continue;
      this.out.flush();
      this.#transport.resume();
      this.#transport.markIdle();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /**
   * Tells a client that waits so much, if nothing is read from it: then the system says that it has gone only to who
   * writes, and not before the second time.
   */
  #probe(): void {
    if (this.#transport.isReading) return;
    this.out.status('*', 'OK', 'Your login waits for its turn');
    this.out.flush();
  }

  /** Counts what is held for the client, which may end it or another. */
  #countInput(): void {
    if (this.#byeText !== undefined) return;
    const { strangerInput, accountInput } = this.#context;
    const { account } = this.session;
    const { heldBytes } = this.#reader;
    if (account !== undefined) accountInput.hold(this, account.id, heldBytes + this.#mailBytes);
    else strangerInput.hold(this, heldBytes);
  }

  #end(cause: ConnectionEndCause, text: string, code?: ResponseCode): void {
    if (this.#byeText === undefined) this.#context.metrics.recordConnectionEnded(cause);
    this.shutDown(text, code);
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  readonly #flush = (): void => this.out.flush();
}
