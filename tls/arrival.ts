import type { Socket } from 'node:net';
import type {
  AdmissionEndReason,
  AdmissionEntry,
  HandshakeTurn,
  Visitor,
} from './admission/admission.ts';
import type { Stranger } from './admission/stranger-input.ts';
import { handshakeError, TlsAcceptError } from './events.ts';
import type { TlsHandshake } from './handshake.ts';
import { alerts } from './hello/hello-records.ts';
import { HelloError, type HelloReader } from './hello/hello-reader.ts';
import { tlsLimits } from './limits.ts';
import type { Linked } from './linked-list.ts';
import type { Deadlines } from './time.ts';

/** What all arrivals of an acceptor have in common. */
export interface ArrivalSettings {
  readonly reader: HelloReader;
  /** For clients that are told why they are refused. */
  readonly lingerings: Deadlines;
  /** What a client is told that speaks in the clear; undefined: an alert. */
  readonly clearTextAnswer: string | undefined;
}

/**
 * A connection on its way to TLS, which ends early in one way only, wherever it is: while it waits for the
 * client's hello, for its turn, or for the end of the handshake.
 */
export class Arrival implements Visitor, Stranger, Linked<Arrival> {
  before: Arrival | undefined;
  after: Arrival | undefined;
  /** Of the client; undefined if it is gone. */
  readonly remoteAddress: string | undefined;
  readonly #socket: Socket;
  readonly #entry: AdmissionEntry;
  readonly #owner: Visitor;
  readonly #settings: ArrivalSettings;
  #handshake: TlsHandshake | undefined;
  #error: TlsAcceptError | undefined;
  #isLingering = false;

  /** Stands in for the entry's visitor until {@link leave}. */
  constructor(
    socket: Socket,
    entry: AdmissionEntry,
    address: string | undefined,
    settings: ArrivalSettings,
  ) {
    this.remoteAddress = address;
    this.#socket = socket;
    this.#entry = entry;
    this.#owner = entry.visitor;
    this.#settings = settings;
    entry.visitor = this;
  }

  /** The handshake that has begun: from here on OpenSSL owns the bytes of the socket. */
  set handshake(handshake: TlsHandshake) {
    this.#handshake = handshake;
  }

  end(reason: AdmissionEndReason): void {
    this.interrupt(endErrors[reason]());
  }

  endForInput(): void {
    const message = 'Cannot keep the ClientHello: strangers hold too much';
    this.interrupt(new TlsAcceptError('TOO_MANY_PENDING', message));
  }

  /** Lets whatever it waits for fail with this error; does nothing after the first. */
  interrupt(error: TlsAcceptError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#settings.reader.fail(this.#socket, error);
    this.#entry.leave();
    this.#handshake?.fail(error);
    if (this.#isLingering) this.#socket.destroy();
  }

  /** @throws TlsAcceptError if it was interrupted */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Its turn to shake hands, if it need not wait for it. */
  tryTurn(): HandshakeTurn | undefined {
    return this.#entry.tryHandshakeTurn();
  }

  /** Waits for its turn to shake hands. What the client sends meanwhile waits too, up to a bound for all. */
  async waitForTurn(): Promise<HandshakeTurn> {
    const socket = this.#socket;
    const onClose = (): void => this.interrupt(clientLeftError());
    const chunks: Buffer[] = [];
    let heldBytes = 0;
    // A socket that holds bytes does not tell that its input has ended. No client has reason to send more than its hello.
    const take = (): void => {
      for (let chunk = readFrom(socket); chunk !== null; chunk = readFrom(socket)) {
        chunks.push(chunk);
        heldBytes += chunk.length + tlsLimits.chunkBytes;
      }
      this.#settings.reader.hold(this, heldBytes);
    };
    socket.on('close', onClose);
    socket.on('end', onClose);
    socket.on('readable', take);
    take();
    const turn = await this.#entry.takeHandshakeTurn();
    socket.off('close', onClose);
    socket.off('end', onClose);
    socket.off('readable', take);
    this.check();
    // Its owner has ended it.
    if (turn === undefined) throw clientLeftError();
    for (const chunk of chunks.toReversed()) socket.unshift(chunk);
    return turn;
  }

  /** It has arrived, or failed: nothing is held for it any more. */
  leave(): void {
    this.#settings.reader.release(this);
    this.#entry.visitor = this.#owner;
  }

  /**
   * Ends a connection that does not come to TLS, and tells the client why if it can still be told. Settles when the
   * socket is destroyed.
   */
  async refuse(error: TlsAcceptError): Promise<void> {
    const socket = this.#socket;
    const answer = this.#answerTo(error);
    if (answer !== undefined && socket.writable) {
      // Others need the room at once, or the server ends.
      if (this.#error === undefined) await this.#linger(answer);
      else socket.write(answer);
    }
    this.#entry.leave();
    socket.destroy();
  }

  #answerTo(error: TlsAcceptError): string | Uint8Array | undefined {
    // OpenSSL sends its own alert, if it has one.
    if (this.#handshake !== undefined) return undefined;
    const { clearTextAnswer } = this.#settings;
    const isClearText = error instanceof HelloError && error.isClearText;
    if (isClearText && clearTextAnswer !== undefined) return clearTextAnswer;
    const alert = error instanceof HelloError ? error.alert : alerts.internalError;
    // Who has said nothing needs none.
    if (alert === undefined || this.#socket.bytesRead === 0) return undefined;
    return Buffer.from([21, 3, 3, 0, 2, 2, alert]);
  }

  /** Sends the answer and our end; waits for the client's, and drops what it still sends, up to a bound. */
  #linger(answer: string | Uint8Array): Promise<void> {
    const socket = this.#socket;
    this.#isLingering = true;
    return new Promise((resolve) => {
      let leftBytes: number = tlsLimits.lingerBytes;
      const finish = (): void => {
        cancel();
        socket.off('data', drop);
        socket.off('end', finish);
        socket.off('close', finish);
        resolve();
      };
      const drop = ({ length }: Buffer): void => {
        leftBytes -= length;
        if (leftBytes <= 0) finish();
      };
      const cancel = this.#settings.lingerings.set(finish);
      socket.on('data', drop);
      socket.on('end', finish);
      socket.on('close', finish);
      socket.resume();
      socket.end(answer);
    });
  }
}

const endErrors: Record<AdmissionEndReason, () => TlsAcceptError> = {
  room: () =>
    new TlsAcceptError('TOO_MANY_PENDING', 'Cannot keep the connection: others need room'),
  slow: () => handshakeError('the client is slow, and too many are'),
  late: () => handshakeError('the time to log in is over'),
};

function readFrom(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}

function clientLeftError(): TlsAcceptError {
  return handshakeError('the client has left');
}
