import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Logger } from 'pino';
import type { MailStore } from '../../store/mail-store.ts';
import {
  makeThrowAwayCredential,
  RandomTicketKeys,
  SegmentSessionCache,
  TlsAcceptor,
} from '../../tls/index.ts';
import { ImapService } from '../imap/imap-service.ts';

/** What a {@link StandingExample} stands in for. */
export interface StandingExampleOptions {
  readonly store: MailStore;
  readonly logger: Logger;
}

/** Of its sessions, which nobody comes back with, in milliseconds. */
const lifetimeMs = 60_000;

/** Bytes of its session cache: one segment. */
const cacheBytes = 64 * 1024;

/** The longest that Node's timers wait, in milliseconds: 24 days. */
const longestMs = 2 ** 31 - 1;

/**
 * Two clients that are always there, so that V8 always knows what clients look like: one has read the greeting, the other has
 * said nothing yet. Code that V8 has optimized refers weakly to the shapes (hidden classes) of the objects that it works
 * on: a collection of garbage that finds no object of a shape drops the code, and the clients who come next cost more
 * until V8 has optimized it anew, some thousands of them. A server of phones that come and go is in that state all day.
 *
 * Both ends are in this thread, on the loopback interface. The service is one of its own: no port is open for it, nobody
 * can log in, nothing is counted or logged, and no bound of the real one applies.
 */
export class StandingExample {
  readonly #service: ImapService;
  readonly #acceptor: TlsAcceptor;
  readonly #ticketKeys = new RandomTicketKeys({ lifetimeMs });
  readonly #cache = new SegmentSessionCache({ lifetimeMs, maxBytes: cacheBytes });
  readonly #clients: Socket[] = [];

  private constructor({ store, logger }: StandingExampleOptions) {
    this.#acceptor = new TlsAcceptor({
      credentials: [makeThrowAwayCredential()],
      resumption: { kind: 'stateful', cache: this.#cache, ticketKeys: this.#ticketKeys },
      lifetimeMs,
      alpnProtocols: ['imap'],
      helloDeadlineMs: longestMs,
    });
    this.#service = new ImapService({
      store,
      acceptor: this.#acceptor,
      verifier: { verify: () => Promise.resolve(undefined) },
      logger: logger.child({}, { level: 'silent' }),
      listeners: [],
    });
  }

  /** Connects them. Rejects with the system's error if that cannot be; nothing is left open then. */
  static async stand(options: StandingExampleOptions): Promise<StandingExample> {
    const example = new StandingExample(options);
    try {
      await example.#connect();
      await example.#greet(await example.#connect());
      return example;
    } catch (error) {
      await example.close();
      throw error;
    }
  }

  /** Ends them. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.#service.close({ deadlineMs: 0 });
    await this.#acceptor.close();
    this.#ticketKeys.close();
    await this.#cache.close();
  }

  /** A client that has said nothing. */
  async #connect(): Promise<Socket> {
    const [near, far] = await connectPair();
    near.on('error', () => near.destroy());
    this.#clients.push(near);
    this.#service.receive(far, { port: 0, kind: 'tls' });
    return near;
  }

  /** Goes on until it has read the greeting. */
  async #greet(socket: Socket): Promise<void> {
    // The certificate was made for this alone.
    const client = connectTls({ socket, ALPNProtocols: ['imap'], rejectUnauthorized: false });
    this.#clients.push(client);
    await once(client, 'data');
    client.on('error', () => client.destroy());
  }
}

/** Two ends of a connection of this thread to itself, which keep no process alive. */
async function connectPair(): Promise<[near: Socket, far: Socket]> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const near = connect({ host: '127.0.0.1', port });
    const connection = once(server, 'connection') as Promise<[Socket]>;
    const [[far]] = await Promise.all([connection, once(near, 'connect')]);
    if (far.remotePort !== near.localPort) {
      far.destroy();
      near.destroy();
      throw new Error('Another process has connected to the port of the standing example');
    }
    near.unref();
    far.unref();
    return [near, far];
  } finally {
    server.close();
  }
}

/** Lets an example stand in this thread until the thread ends. It is a help and no more, so what goes wrong is only logged. */
export async function standExample(options: StandingExampleOptions): Promise<void> {
  try {
    await StandingExample.stand(options);
  } catch (error) {
    const { message: reason } = error as Error;
    options.logger.warn({ reason }, 'no standing example: clients cost more after a rest');
  }
}
