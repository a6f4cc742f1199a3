import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Capability } from '../../protocol/capability.ts';
import type { MailStore } from '../../store/mail-store.ts';
import type { Clock } from '../../tls/clock.ts';
import type { TlsAcceptor } from '../../tls/tls-acceptor.ts';
import type { TlsConnection } from '../../tls/tls-connection.ts';
import type { PasswordVerifier } from '../authentication/password-verifier.ts';
import { type ClientPort, type MetricsRecorder, noMetrics } from '../metrics/metrics-recorder.ts';
import { Connection } from './connection.ts';
import { CrowdWatch } from './crowd-watch.ts';
import { defaultServiceLimits, type ServiceLimits } from './limits.ts';
import type { ServiceContext } from './service-context.ts';
import { SnapshotRegistry } from './snapshot-registry.ts';

export interface ImapServiceOptions {
  readonly store: MailStore;
  readonly acceptor: TlsAcceptor;
  readonly verifier: PasswordVerifier;
  readonly logger: Logger;
  /** Told of connections, logins and commands; absent: nobody is. */
  readonly metrics?: MetricsRecorder;
  /** Called when a crowd of clients has come or left, as {@link CrowdWatch} tells: the time to give memory back. */
  readonly onCrowd?: () => void;
  readonly clock?: Clock;
  readonly limits?: Partial<ServiceLimits>;
  /** Capabilities that are neither announced nor understood; absent: none. */
  readonly capabilitiesOff?: ReadonlySet<Capability>;
  /** Address to listen on; absent: all, IPv4 and IPv6. */
  readonly host?: string;
  /** For IMAP in the clear with STARTTLS; 0: any free port, -1: off. */
  readonly imapPort: number;
  /** For IMAP over TLS; 0: any free port, -1: off. */
  readonly imapsPort: number;
  /** Whether other threads listen on the same ports; the system spreads clients over them. */
  readonly reusePort?: boolean;
}

/** The ports that a service listens on; -1: off. */
export interface ListeningPorts {
  readonly imapPort: number;
  readonly imapsPort: number;
}

/** Unanswered connections that the kernel keeps for us while we are busy. */
const listenBacklog = 4096;

/** IMAP on two ports: accepts clients, counts them, and sends them away when it closes. */
export class ImapService {
  readonly #context: ServiceContext;
  readonly #options: ImapServiceOptions;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  /** Sockets in their TLS handshake. */
  readonly #pending = new Set<Socket>();
  #sweeper: NodeJS.Timeout | undefined;
  #connectionNumber = 0;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: ImapServiceOptions) {
    this.#options = options;
    this.#context = {
      store: options.store,
      acceptor: options.acceptor,
      verifier: options.verifier,
      logger: options.logger,
      metrics: options.metrics ?? noMetrics,
      clock: options.clock ?? Date.now,
      limits: { ...defaultServiceLimits, ...options.limits },
      capabilitiesOff: options.capabilitiesOff ?? new Set(),
      snapshots: new SnapshotRegistry(),
    };
  }

  /** Clients that are connected, those in their TLS handshake included. */
  get connectionCount(): number {
    return this.#connections.size + this.#pending.size;
  }

  /** Starts to listen; rejects with the system's error where a port cannot be bound. */
  async listen(): Promise<ListeningPorts> {
    const { imapPort, imapsPort } = this.#options;
    try {
      const ports = {
        imapPort: await this.#listenOn(imapPort, (socket) => this.#serve(socket)),
        imapsPort: await this.#listenOn(imapsPort, (socket) => void this.#serveTls(socket)),
      };
      const { limits, clock } = this.#context;
      const crowds = new CrowdWatch(this.#options.onCrowd ?? (() => {}));
      this.#sweeper = setInterval(() => {
        for (const connection of this.#connections) connection.sweep(clock());
        crowds.observe(this.connectionCount);
      }, limits.sweepIntervalMs).unref();
      return ports;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Sends away the clients that have logged in to an account. */
  disconnectAccount(accountId: number, text: string): void {
    for (const connection of this.#connections) {
      if (connection.session.account?.id === accountId) connection.shutDown(text);
    }
  }

  /**
   * Stops to accept, says `* BYE` to every client, lets what runs finish, and cuts off what is left after
   * `deadlineMs` (8 s unless told).
   */
  async close({ deadlineMs = 8_000 } = {}): Promise<void> {
    this.#isClosing = true;
    for (const server of this.#servers) server.close();
    for (const socket of this.#pending) socket.destroy();
    for (const connection of this.#connections) connection.shutDown('Server is shutting down');
    await this.#emptied(deadlineMs);
    clearInterval(this.#sweeper);
  }

  async #emptied(deadlineMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy();
      }, deadlineMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #listenOn(port: number, accept: (socket: Socket) => void): Promise<number> {
    if (port === -1) return -1;
    // A client may close its side behind its last command and still read the answers.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.on('connection', accept);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const { host, reusePort = false } = this.#options;
      server.listen({ port, host, reusePort, backlog: listenBacklog }, resolve);
    });
    server.on('error', (error) => this.#context.logger.error({ err: error }, 'listener error'));
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  async #serveTls(socket: Socket): Promise<void> {
    if (this.#isFull) {
      this.#context.metrics.recordConnectionRefused();
      return void socket.destroy();
    }
    this.#pending.add(socket);
    try {
      const tls = await this.#context.acceptor.accept(socket);
      this.#pending.delete(socket);
      this.#serve(socket, tls);
    } catch (error) {
      this.#pending.delete(socket);
      const address = socket.remoteAddress;
      this.#context.logger.info({ err: error, address }, 'TLS handshake failed');
    }
  }

  get #isFull(): boolean {
    return this.#isClosing || this.connectionCount >= this.#context.limits.maxConnections;
  }

  #serve(socket: Socket, tls?: TlsConnection): void {
    if (this.#isFull) {
      this.#context.metrics.recordConnectionRefused();
      return refuse(tls?.socket ?? socket);
    }
    this.#connectionNumber += 1;
    const connection = new Connection(this.#context, `c${this.#connectionNumber}`, socket, tls);
    this.#connections.add(connection);
    // The system is asked for the address, so only where it is wanted.
    if (this.#context.logger.isLevelEnabled('debug')) {
      const { session, remoteAddress: address } = connection;
      const { protocol, isResumed: resumed } = tls ?? {};
      session.log('debug', { address, protocol, resumed }, 'connected');
    }
    const port = tls === undefined ? 'imap' : 'imaps';
    this.#context.metrics.recordConnectionOpened(port);
    void this.#run(connection, port);
  }

  async #run(connection: Connection, port: ClientPort): Promise<void> {
    await connection.run();
    this.#connections.delete(connection);
    this.#context.metrics.recordConnectionClosed(port);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }
}

function refuse(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.end('* BYE [UNAVAILABLE] Too many connections\r\n');
  socket.resume();
}
