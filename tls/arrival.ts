import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type {
  AdmissionEndReason,
  AdmissionEntry,
  HandshakeTurn,
  Visitor,
} from './admission/admission.ts';
import type { Stranger } from './admission/stranger-input.ts';
import { handshakeError, TlsAcceptError } from './events.ts';
import type { TlsHandshake } from './handshake.ts';
import type { ClientHello } from './hello/client-hello.ts';
import { alertRecord, alerts } from './hello/hello-records.ts';
import { HelloError, HelloReader } from './hello/hello-reader.ts';
import { tlsLimits } from './limits.ts';
import { type Linked, LinkedList } from './linked-list.ts';
import { Deadlines } from './time.ts';

/** How long {@link Arrivals} may take, and what those are told that speak no TLS. */
export interface ArrivalsOptions {
  /** For the ClientHello, in milliseconds. */
  readonly helloDeadlineMs: number;
  /** For the handshake, from its turn on; their owner clears them. */
  readonly handshakeDeadlines: Deadlines;
  /** What a client is told that speaks in the clear; undefined: an alert. */
  readonly clearTextAnswer: string | undefined;
}

/** The connections of an acceptor that are on their way to TLS. */
export class Arrivals {
  readonly #settings: ArrivalSettings;
  readonly #all = new LinkedList<Arrival>();
  /** Settles with the last one; undefined unless {@link close} waits for some. */
  #last: PromiseWithResolvers<void> | undefined;

  constructor({ helloDeadlineMs, handshakeDeadlines, clearTextAnswer }: ArrivalsOptions) {
    this.#settings = {
      reader: new HelloReader({ deadlineMs: helloDeadlineMs }),
      handshakeDeadlines,
      lingerDeadlines: new Deadlines(tlsLimits.lingerMs),
      clearTextAnswer,
    };
  }

  /** Connections that wait for their ClientHello. */
  get pendingHelloCount(): number {
    return this.#settings.reader.pendingCount;
  }

  /** A connection begins its way; the arrival stands in for the entry's visitor until {@link remove}. */
  add(socket: Socket, entry: AdmissionEntry, address: string | undefined): Arrival {
    const arrival = new Arrival(socket, entry, address, this.#settings);
    this.#all.add(arrival);
    return arrival;
  }

  /** It has arrived, or failed: nothing is held for it any more. */
  remove(arrival: Arrival): void {
    this.#all.remove(arrival);
    arrival.leave();
    if (this.#all.size === 0) this.#last?.resolve();
  }

  /** Fails all with this error, and waits until they are removed. */
  async close(error: TlsAcceptError): Promise<void> {
    for (const arrival of this.#all.toArray()) arrival.interrupt(error);
    if (this.#all.size > 0) {
      this.#last ??= Promise.withResolvers();
      await this.#last.promise;
    }
    this.#settings.reader.close();
    this.#settings.lingerDeadlines.clear();
  }
}

/** What all arrivals of an acceptor have in common. */
interface ArrivalSettings {
  readonly reader: HelloReader;
  readonly handshakeDeadlines: Deadlines;
  /** For clients that are told why they are refused. */
  readonly lingerDeadlines: Deadlines;
  /** What a client is told that speaks in the clear; undefined: an alert. */
  readonly clearTextAnswer: string | undefined;
}

/**
 * A connection on its way to TLS: it waits for the client's hello, for its turn, and for the end of the handshake.
 * Whichever it waits for, {@link interrupt} lets it fail.
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

  /** Reads the client's hello; returns undefined if it is malformed. */
  readHello(): Promise<ClientHello | undefined> {
    return this.#settings.reader.read(this.#socket, this);
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
    // A socket that holds bytes does not tell that its input has ended. An honest client sends only its hello.
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

  /**
   * Begins the handshake and waits for its end. Rejects if the client leaves or takes too long.
   *
   * @param begin - hands the socket over to OpenSSL, which owns its bytes from then on
   */
  async shakeHands(handshake: TlsHandshake, begin: () => void): Promise<TLSSocket> {
    const socket = this.#socket;
    if (socket.destroyed) throw clientLeftError();
    const cancel = this.#settings.handshakeDeadlines.set(() => {
      // After a pause of the thread the client's last bytes may still be in the kernel: they are read first.
      setImmediate(() => handshake.fail(handshakeError('it takes too long')));
    });
    // TLS tells this too, but not in the context of the connection.
    const onClose = (): void => handshake.fail(clientLeftError());
    socket.on('close', onClose);
    // The socket itself emits it, and not TLS, if the end of the input was read before TLS took over.
    socket.on('end', onClose);
    this.#handshake = handshake;
    try {
      return await handshake.run(begin);
    } finally {
      cancel();
      socket.off('close', onClose);
      socket.off('end', onClose);
    }
  }

  /** Lets go of its input, and gives the entry back to its visitor. */
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
    return alertRecord(alert);
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
      const cancel = this.#settings.lingerDeadlines.set(finish);
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
