import type { Socket } from 'node:net';
import type {
  AdmissionEntry,
  Linked,
  LinkedList,
  TlsAcceptor,
  TlsConnection,
} from '../../tls/index.ts';
import { type ByteReceiver, type ByteSink, ConnectionLostError } from './byte-stream.ts';
import { Deflater } from './compression/deflater.ts';
import { InflatedInput } from './compression/inflated-input.ts';
import { keepAliveDelayMs, type NetworkLimits, proxyLimits } from './limits.ts';
import { readProxyHeader } from './proxy-protocol.ts';

/** Who answers for a transport. */
export interface TransportOwner {
  readonly limits: Pick<NetworkLimits, 'closeDeadlineMs' | 'maxWaitingBytes' | 'stallDeadlineMs'>;
  /** The client counts among those who have not logged in again: gives it a place by {@link Transport.enter}. */
  transportEnters(transport: Transport): void;
  /** The connection has failed; it is closed already, or about to be. */
  transportFailed(transport: Transport, error: Error): void;
  /** The socket is closed, and its descriptor given back. Called once. */
  transportClosed(transport: Transport): void;
}

/**
 * The bytes of one client, in and out. It owns the socket and its `error` listener from accept to close: while the
 * client waits, in the clear, through STARTTLS, under TLS, and while it is sent away. A protocol reads and writes here
 * and knows no socket; what lies beneath changes when TLS starts.
 */
export class Transport implements ByteSink, Linked<Transport> {
  before: Transport | undefined;
  after: Transport | undefined;
  /** The list of its owner in which it stands; undefined if it is in none. */
  list: LinkedList<Transport> | undefined;
  /** When the client came, in milliseconds of a steady clock. */
  readonly acceptedAt: number;
  readonly #owner: TransportOwner;
  /** The TCP connection. Whatever lies above it, it is closed last. */
  readonly #plain: Socket;
  /** What is read and written: the TCP connection, or TLS above it. */
  #socket: Socket;
  #tls: TlsConnection | undefined;
  #proxiedAddress: string | undefined;
  /** The place among those who have not logged in; undefined after login, and if there is none. */
  #entry: AdmissionEntry | undefined;
  #excusedMs = 0;
  #waitsSince: number | undefined;
  #receiver: ByteReceiver | undefined;
  /** What is between the receiver and the socket once the client compresses; undefined before. */
  #inflated: InflatedInput | undefined;
  #deflater: Deflater | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  #isStartingTls = false;
  #isEnding = false;
  #isClosed = false;
  #isKeptAlive = false;
  #sweptBytes = 0;
  #lastTakenAt: number | undefined;

  /**
   * @param socket - just accepted; nobody else reads from it, writes to it or closes it any more
   * @param acceptedAt - milliseconds of a steady clock
   */
  constructor(socket: Socket, acceptedAt: number, owner: TransportOwner) {
    this.#owner = owner;
    this.acceptedAt = acceptedAt;
    this.#plain = socket;
    this.#socket = socket;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** The TLS side of the connection; undefined in the clear. */
  get tls(): TlsConnection | undefined {
    return this.#tls;
  }

  /** The client's IP address, as its proxy says if there is one; undefined if it is gone. The system is asked for it. */
  get remoteAddress(): string | undefined {
    return this.#proxiedAddress ?? this.#plain.remoteAddress;
  }

  /** True once the socket is closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** True while bytes are taken from the client. Otherwise it is noticed only by writing that the client is gone. */
  get isReading(): boolean {
    return !this.#socket.readableEnded && !this.#socket.isPaused();
  }

  /**
   * Reads the PROXY header, and takes the address in it for the client's.
   *
   * @throws ProxyHeaderError if there is none
   * @throws ConnectionLostError if the client leaves before
   */
  async readProxyHeader(): Promise<void> {
    const header = await readProxyHeader(this.#plain, proxyLimits.deadlineMs);
    if (header === undefined) throw new ConnectionLostError();
    this.#proxiedAddress = header.address;
  }

  /**
   * Takes a place among those who have not logged in, and leaves the one that it had. It is left at login or at the end.
   */
  enter(entry: AdmissionEntry): void {
    this.#entry?.leave();
    this.#entry = entry;
  }

  /** The client has logged in, and no longer has to make room for others. */
  admit(): void {
    this.#entry?.admit();
    this.#entry = undefined;
  }

  /** The client that had logged in has to do so anew; its time for that begins now, by a steady clock. */
  enterAgain(nowMs: number): void {
    this.#excusedMs = nowMs - this.acceptedAt;
    this.#owner.transportEnters(this);
  }

  /** The server works for the client, which does not have to make room meanwhile. */
  markBusy(): void {
    this.#entry?.markBusy();
  }

  /** The server waits for the client, which may have to make room. */
  markIdle(): void {
    this.#entry?.markIdle();
  }

  /**
   * The server makes the client wait: the time to log in does not go on until {@link endWait}.
   *
   * @param nowMs - of a steady clock
   */
  beginWait(nowMs: number): void {
    this.#waitsSince = nowMs;
  }

  /** @param nowMs - of a steady clock */
  endWait(nowMs: number): void {
    this.#excusedMs += nowMs - (this.#waitsSince ?? nowMs);
    this.#waitsSince = undefined;
  }

  /**
   * How long the client has taken since it was accepted, without what the server made it wait, in milliseconds. Only
   * before login.
   */
  takenMs(nowMs: number): number {
    const endMs = this.#waitsSince ?? nowMs;
    return endMs - this.acceptedAt - this.#excusedMs - (this.#entry?.waitedMs ?? 0);
  }

  /** Ends a client that is in its handshake, if it takes too long to log in. */
  endLate(): void {
    this.#entry?.visitor.end('late');
  }

  /** Gives what the client sends to a receiver, from the first {@link resume} on, until {@link dropInput}. */
  receive(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    this.#attach();
    // The client may have closed its side while nobody listened, as behind its TLS handshake.
    if (this.#isClosed || this.#socket.readableEnded) receiver.receiveEnd();
  }

  /** Gives bytes to the receiver, until {@link pause}. */
  resume(): void {
    if (this.#inflated === undefined) this.#resumeSocket();
    else this.#inflated.resume();
  }

  /** Leaves the bytes to come in the kernel. */
  pause(): void {
    this.#inflated?.pause();
    this.#socket.pause();
  }

  /** True once {@link startCompression} was called. */
  get isCompressed(): boolean {
    return this.#deflater !== undefined;
  }

  /**
   * From here on what is written is compressed, and what comes is taken for compressed: above TLS, if there is TLS. There must
   * be a receiver.
   *
   * @see RFC 4978, section 3
   */
  startCompression(): void {
    if (this.#receiver === undefined) throw new Error('Nobody reads what the client compresses');
    this.#deflater = new Deflater();
    this.#inflated = new InflatedInput(this.#receiver, {
      onStarved: () => this.#resumeSocket(),
      onBehind: () => this.#socket.pause(),
    });
  }

  /** Takes the receiver away, and drops what has come for it; returns the number of bytes dropped. */
  dropInput(): number {
    const socket = this.#socket;
    this.#detach();
    this.#receiver = undefined;
    socket.pause();
    let droppedBytes = 0;
    for (;;) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return droppedBytes;
      droppedBytes += chunk.length;
    }
  }

  write(data: string | Uint8Array): void {
    const socket = this.#socket;
    if (socket.destroyed || !socket.writable) return;
    const sent = this.#deflater?.deflate(data) ?? data;
    if (typeof sent === 'string') socket.write(sent, 'latin1');
    else socket.write(sent);
    if (socket.writableLength > this.#owner.limits.maxWaitingBytes) {
      this.#fail(new Error('Cannot keep more output for a client that does not read'));
    }
  }

  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  async drained(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) throw new ConnectionLostError();
    if (!socket.writableNeedDrain) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        socket.off('drain', settle);
        socket.off('close', settle);
        if (socket.destroyed) reject(new ConnectionLostError());
        else resolve();
      };
      socket.on('drain', settle);
      socket.on('close', settle);
    });
  }

  /**
   * Goes over to TLS, once all that was written has been sent in the clear. The input must have been dropped, or never
   * begun.
   *
   * @throws TlsAcceptError if it does not come to TLS; the socket is destroyed then
   * @throws ConnectionLostError if the client leaves before
   */
  async startTls(acceptor: Pick<TlsAcceptor, 'accept'>): Promise<TlsConnection> {
    // The client has to speak now, and may never do so.
    this.markIdle();
    // Nothing is waited for where nothing was written, as on a port for TLS.
    if (this.#plain.writableLength > 0) await this.#flushed();
    if (this.#plain.destroyed) throw new ConnectionLostError();
    this.#isStartingTls = true;
    try {
      const tls = await acceptor.accept(this.#plain, this.#entry, this.remoteAddress);
      this.#tls = tls;
      this.#socket = tls.socket;
      tls.socket.on('error', this.#onError);
      return tls;
    } finally {
      this.#isStartingTls = false;
    }
  }

  /** Sends what was written and closes. A client that does not read it, or does not close too, is cut off soon. */
  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    // Nothing can be said in the middle of a handshake.
    if (this.#isStartingTls) return this.destroy();
    this.endWithin(this.#owner.limits.closeDeadlineMs);
    const socket = this.#socket;
    if (socket.destroyed) return;
    // What still comes in is of no interest, but unread input would turn our end into a reset.
    this.#detach();
    socket.resume();
    socket.end();
  }

  /** Sends what was written and closes, without waiting for the client to close too. */
  endNow(): void {
    if (this.#isStartingTls) return this.destroy();
    this.end();
    this.#socket.destroySoon();
  }

  /** Destroys the connection after so many milliseconds, unless it is closed before. Only the first call counts. */
  endWithin(deadlineMs: number): void {
    if (this.#isClosed) return;
    this.#closeTimer ??= setTimeout(() => this.destroy(), deadlineMs);
  }

  destroy(): void {
    this.#socket.destroy();
    this.#plain.destroy();
  }

  /**
   * Called now and then for every connection: cuts off a client that has taken nothing for too long while output waited
   * for it. Output counts as taken in the chunks in which it was written.
   *
   * @param nowMs - of a steady clock
   * @returns true if the client was cut off
   */
  sweep(nowMs: number): boolean {
    // Most clients have left by now, and the system need not be told.
    if (!this.#isKeptAlive) this.#socket.setKeepAlive(true, keepAliveDelayMs);
    this.#isKeptAlive = true;
    this.#deflater?.sweep();
    this.#inflated?.sweep();
    const { takenBytes } = this;
    const isWaiting = this.#socket.writableLength > 0;
    if (!isWaiting || takenBytes !== this.#sweptBytes) this.#lastTakenAt = nowMs;
    this.#sweptBytes = takenBytes;
    if (nowMs - (this.#lastTakenAt ?? nowMs) < this.#owner.limits.stallDeadlineMs) return false;
    this.destroy();
    return true;
  }

  /** Bytes of output that the client, or the kernel for it, has taken, in the chunks in which they were written. */
  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** Settles when all that was written has left for the kernel; rejects if the client goes meanwhile. */
  #flushed(): Promise<void> {
    const socket = this.#plain;
    return new Promise<void>((resolve, reject) => {
      const onClose = (): void => reject(new ConnectionLostError());
      socket.once('close', onClose);
      socket.write('', () => {
        socket.off('close', onClose);
        resolve();
      });
    });
  }

  #attach(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
  }

  #detach(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#inflated?.stop();
  }

  #resumeSocket(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #fail(error: Error): void {
    this.#owner.transportFailed(this, error);
    this.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#inflated === undefined) this.#receiver?.receiveBytes(chunk);
    else this.#inflated.push(chunk);
  };

  readonly #onEnd = (): void => {
    if (this.#inflated === undefined) this.#receiver?.receiveEnd();
    else this.#inflated.end();
  };

  // Node does not close a connection whose TLS has failed. The alert has been handed to the kernel by now.
  readonly #onError = (error: Error): void => this.#fail(error);

  readonly #onClose = (): void => {
    this.#isClosed = true;
    clearTimeout(this.#closeTimer);
    this.#entry?.leave();
    this.#entry = undefined;
    this.#receiver?.receiveEnd();
    // V8 puts a function that is assigned to a property into the old generation. Each of Node's streams makes one that
    // refers to the stream, which so outlives its end until the next major collection: what hangs on it need not.
    this.#receiver = undefined;
    this.#inflated?.stop();
    this.#closeTimer = undefined;
    this.#owner.transportClosed(this);
  };
}
