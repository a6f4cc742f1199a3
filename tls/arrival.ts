import type { Socket } from 'node:net';
import type {
  AdmissionEndReason,
  AdmissionEntry,
  HandshakeTurn,
  Visitor,
} from './admission/admission.ts';
import type { HelloReader } from './hello/hello-reader.ts';
import { handshakeError, TlsAcceptError, type TlsAcceptErrorCode } from './events.ts';
import type { TlsHandshake } from './handshake.ts';
import type { Linked } from './linked-list.ts';

/**
 * A connection on its way to TLS, which ends early in one way only, wherever it is: while it waits for the
 * client's hello, for its turn, or for the end of the handshake.
 */
export class Arrival implements Visitor, Linked<Arrival> {
  before: Arrival | undefined;
  after: Arrival | undefined;
  readonly #socket: Socket;
  readonly #entry: AdmissionEntry;
  readonly #owner: Visitor;
  readonly #reader: HelloReader;
  #handshake: TlsHandshake | undefined;
  #error: TlsAcceptError | undefined;

  /** Stands in for the entry's visitor until {@link leave}. */
  constructor(socket: Socket, entry: AdmissionEntry, reader: HelloReader) {
    this.#socket = socket;
    this.#entry = entry;
    this.#owner = entry.visitor;
    this.#reader = reader;
    entry.visitor = this;
  }

  /** The handshake that has begun: from here on OpenSSL owns the bytes of the socket. */
  set handshake(handshake: TlsHandshake) {
    this.#handshake = handshake;
  }

  end(reason: AdmissionEndReason): void {
    this.interrupt(endErrors[reason]());
  }

  /** Lets whatever it waits for fail with this error; does nothing after the first. */
  interrupt(error: TlsAcceptError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#reader.fail(this.#socket, error);
    this.#entry.leave();
    this.#handshake?.fail(error);
  }

  /** @throws TlsAcceptError if it was interrupted */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Its turn to shake hands, if it need not wait for it. */
  tryTurn(): HandshakeTurn | undefined {
    return this.#entry.tryHandshakeTurn();
  }

  /** Waits for its turn to shake hands, while the bytes of the client wait too. */
  async waitForTurn(): Promise<HandshakeTurn> {
    const socket = this.#socket;
    const onClose = (): void => this.interrupt(clientLeftError());
    socket.on('close', onClose);
    socket.on('end', onClose);
    // A socket that holds bytes does not tell that its input has ended.
    const bytes = socket.read() as Buffer | null;
    const turn = await this.#entry.takeHandshakeTurn();
    socket.off('close', onClose);
    socket.off('end', onClose);
    this.check();
    // Its owner has ended it.
    if (turn === undefined) throw clientLeftError();
    if (bytes !== null) socket.unshift(bytes);
    return turn;
  }

  /** It has arrived, or failed. */
  leave(): void {
    this.#entry.visitor = this.#owner;
  }

  /** Ends a connection that does not come to TLS, with an alert if one can still be sent. */
  refuse({ code }: TlsAcceptError): void {
    this.#entry.leave();
    // OpenSSL sends its own alert, if it has one, and who has said nothing needs none.
    if (this.#handshake === undefined && this.#socket.bytesRead > 0 && this.#socket.writable) {
      this.#socket.write(Buffer.from([21, 3, 3, 0, 2, 2, alerts[code] ?? internalErrorAlert]));
    }
    this.#socket.destroy();
  }
}

/** @see RFC 8446, section 6.2 */
const internalErrorAlert = 80;

/** The alerts of what is the client's fault: unexpected_message, illegal_parameter. */
const alerts: Partial<Record<TlsAcceptErrorCode, number>> = { NOT_TLS: 10, HELLO_TOO_LARGE: 47 };

const endErrors: Record<AdmissionEndReason, () => TlsAcceptError> = {
  room: () =>
    new TlsAcceptError('TOO_MANY_PENDING', 'Cannot keep the connection: others need room'),
  slow: () => handshakeError('the client is slow, and too many are'),
  late: () => handshakeError('the time to log in is over'),
};

function clientLeftError(): TlsAcceptError {
  return handshakeError('the client has left');
}
