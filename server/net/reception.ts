import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import {
  type Admission,
  type AdmissionEndReason,
  type Clock,
  isNotTls,
  LinkedList,
  noRoomAlert,
  type TlsAcceptor,
} from '../../tls/index.ts';
import type { MetricsRecorder } from '../metrics/metrics-recorder.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import { CrowdWatch } from './crowd-watch.ts';
import { Descriptors } from './descriptors.ts';
import { type NetworkLimits, shortageLogIntervalMs } from './limits.ts';
import { Listener, type ListenerSettings } from './listener.ts';
import { type AddressRanges, ProxyHeaderError } from './proxy-protocol.ts';
import { StrangerLog } from './stranger-log.ts';
import { ConnectionLostError } from './byte-stream.ts';
import { Transport, type TransportOwner } from './transport.ts';

/** What a {@link Reception} listens on, and who takes the connections that it has admitted. */
export interface ReceptionOptions {
  readonly listeners: readonly ListenerSettings[];
  /** True if other threads listen on the same ports. */
  readonly isShared: boolean;
  readonly acceptor: Pick<TlsAcceptor, 'accept'>;
  /** Counts those who have not logged in. */
  readonly admission: Admission;
  readonly counts: ConnectionCounts;
  readonly limits: NetworkLimits;
  readonly logger: Logger;
  readonly metrics: MetricsRecorder;
  /** A steady clock. */
  readonly clock: Clock;
  readonly descriptors?: Descriptors;
  /** Proxies whose PROXY headers count; absent: none. */
  readonly proxies?: AddressRanges;
  /** What a client is told for whom there is no room, in the words of the protocol, with its line end. */
  readonly refusal: string;
  /** Speaks the protocol with a client that has come through; it ends the transport itself. */
  readonly serve: (transport: Transport, listener: ListenerSettings) => void;
  /** Called now and then, with the time: the protocol looks for clients that are idle for too long. */
  readonly onSweep: (nowMs: number) => void;
  /** Called when a crowd of clients has come or left, as {@link CrowdWatch} tells; absent: nobody is told. */
  readonly onCrowd?: () => void;
}

/**
 * Receives clients: listens, counts those who come, refuses those for whom there is no room, brings the others to TLS
 * where that comes first, and hands them to the protocol. It answers for every socket until that is closed.
 */
export class Reception implements TransportOwner {
  readonly limits: NetworkLimits;
  /** Log lines about clients that have not logged in. */
  readonly strangers: StrangerLog;
  readonly #options: ReceptionOptions;
  readonly #descriptors: Descriptors;
  readonly #listeners: Listener[] = [];
  /** Those that the protocol does not know yet. */
  readonly #arriving = new LinkedList<Transport>();
  readonly #served = new LinkedList<Transport>();
  readonly #refused = new LinkedList<Transport>();
  readonly #shortageLoggedAt = new Map<string, number>();
  readonly #crowds: CrowdWatch;
  #sweeper: NodeJS.Timeout | undefined;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: ReceptionOptions) {
    const { limits, logger, clock } = options;
    this.limits = limits;
    this.strangers = new StrangerLog({ logger, clock, limits });
    this.#options = options;
    this.#descriptors = options.descriptors ?? new Descriptors();
    this.#crowds = new CrowdWatch(options.onCrowd ?? (() => {}));
  }

  /** Clients of this thread that are connected, in their handshakes too; without those that were refused. */
  get connectionCount(): number {
    return this.#arriving.size + this.#served.size;
  }

  /**
   * Starts to listen; returns the listeners with their real ports, in the order of the settings. Rejects with the
   * system's error if an address cannot be bound; close it then too.
   */
  async listen(): Promise<readonly ListenerSettings[]> {
    const { listeners, isShared, limits, logger } = this.#options;
    this.#descriptors.refresh(this.#options.counts.total);
    const bound: ListenerSettings[] = [];
    for (const settings of listeners) {
      const listener = new Listener({
        settings,
        isShared,
        onSocket: (socket, accepted) => this.receive(socket, accepted),
        onError: (error) => logger.error({ err: error }, 'listener error'),
      });
      this.#listeners.push(listener);
      bound.push(await listener.listen());
    }
    this.#sweeper = setInterval(() => this.#sweep(), limits.sweepIntervalMs).unref();
    return bound;
  }

  /** Takes a socket that was accepted and is not being read, as if a listener with these settings had accepted it. */
  receive(socket: Socket, listener: ListenerSettings): void {
    const { clock, counts, admission } = this.#options;
    const transport = new Transport(socket, clock(), this);
    const shortage = this.#shortage;
    if (shortage !== undefined && shortage !== 'closing') this.#logShortage(shortage);
    // Rather than those who come, those go who came long ago and have not logged in.
    if (shortage === 'closing' || (shortage !== undefined && !admission.makeRoom())) {
      return this.#refuse(transport, listener);
    }
    this.#move(transport, this.#arriving);
    counts.add();
    this.#enter(transport);
    void this.#admit(transport, listener);
  }

  /** Stops to listen, and drops the clients that the protocol does not know yet; it ends the others itself. */
  stopListening(): void {
    this.#isClosing = true;
    for (const listener of this.#listeners) listener.close();
    for (const transport of this.#arriving.toArray()) transport.destroy();
  }

  /** Settles when all clients are gone. Those that are still there after `deadlineMs` are cut off. */
  async close(deadlineMs: number): Promise<void> {
    this.stopListening();
    if (!this.#isEmpty) {
      const timer = setTimeout(() => {
        for (const list of [this.#served, this.#refused]) {
          for (const transport of list.toArray()) transport.destroy();
        }
      }, deadlineMs);
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      clearTimeout(timer);
    }
    clearInterval(this.#sweeper);
    this.strangers.flush();
  }

  transportEnters(transport: Transport): void {
    this.#enter(transport);
  }

  transportFailed(transport: Transport, error: Error): void {
    const { remoteAddress: address } = transport;
    this.#options.logger.debug({ err: error, address }, 'connection error');
  }

  transportClosed(transport: Transport): void {
    if (transport.list !== this.#refused) this.#options.counts.remove();
    this.#move(transport, undefined);
    if (this.#isEmpty) this.#onEmpty?.();
  }

  get #isEmpty(): boolean {
    return this.connectionCount === 0 && this.#refused.size === 0;
  }

  /** Nobody waits for it: the protocol's own wait is all that is kept of a client that is served. */
  async #admit(transport: Transport, listener: ListenerSettings): Promise<void> {
    // Asked for now: a socket that is closed has none.
    let address = transport.remoteAddress;
    try {
      if (listener.isProxied === true) {
        await this.#identify(transport);
        address = transport.remoteAddress;
      }
      if (listener.kind === 'tls') await transport.startTls(this.#options.acceptor);
      if (transport.isClosed || this.#isClosing) return transport.destroy();
      this.#move(transport, this.#served);
      this.#options.serve(transport, listener);
    } catch (error) {
      if (error instanceof ProxyHeaderError) this.#reportProxy(address, error);
      else this.#reportHandshake(address, error);
      transport.destroy();
    }
  }

  /** Learns from the PROXY header who the client is, which counts from now on instead of the proxy. */
  async #identify(transport: Transport): Promise<void> {
    const { remoteAddress } = transport;
    if (remoteAddress === undefined) throw new ConnectionLostError();
    if (this.#options.proxies?.includes(remoteAddress) !== true) {
      throw new ProxyHeaderError('the address is not one of a trusted proxy');
    }
    await transport.readProxyHeader();
    if (!transport.isClosed) this.#enter(transport);
  }

  #reportProxy(address: string | undefined, { message: reason }: ProxyHeaderError): void {
    this.#options.metrics.recordConnectionEnded('proxyHeader');
    this.strangers.write('warn', address, { reason }, 'refused a connection on a port for proxies');
  }

  #move(transport: Transport, list: LinkedList<Transport> | undefined): void {
    transport.list?.remove(transport);
    transport.list = list;
    list?.add(transport);
  }

  #reportHandshake(address: string | undefined, error: unknown): void {
    if (isNotTls(error)) this.#options.metrics.recordConnectionEnded('notTls');
    this.strangers.writeFailedHandshake(address, error);
  }

  #enter(transport: Transport): void {
    const end = (reason: AdmissionEndReason) => this.#sendAway(transport, reason);
    transport.enter(this.#options.admission.enter(transport.remoteAddress, { end }));
  }

  /** Ends a client that has not logged in, to make room for others. */
  #sendAway(transport: Transport, reason: AdmissionEndReason): void {
    this.#options.metrics.recordConnectionEnded(reason);
    this.strangers.write('info', transport.remoteAddress, { reason }, 'closing connection');
    if (transport.list === this.#served) transport.write(this.#options.refusal);
    transport.endNow();
  }

  /** Why there is no room for one more client; undefined if there is. */
  get #shortage(): 'closing' | 'connections' | 'descriptors' | undefined {
    if (this.#isClosing) return 'closing';
    const { total } = this.#options.counts;
    if (total >= this.limits.maxConnections) return 'connections';
    return total >= this.#descriptors.maxConnections ? 'descriptors' : undefined;
  }

  #refuse(transport: Transport, listener: ListenerSettings): void {
    this.#options.metrics.recordConnectionRefused();
    const isCutOff = this.#refused.size >= this.limits.maxRefusedConnections;
    this.#move(transport, this.#refused);
    if (isCutOff) return transport.destroy();
    // Under TLS a word would cost a handshake, for which there is no room either.
    transport.write(listener.kind === 'tls' ? noRoomAlert : this.#options.refusal);
    transport.end();
  }

  /** Once, and again after a while. */
  #logShortage(reason: 'connections' | 'descriptors'): void {
    const now = this.#options.clock();
    const loggedAt = this.#shortageLoggedAt.get(reason);
    if (loggedAt !== undefined && now - loggedAt < shortageLogIntervalMs) return;
    this.#shortageLoggedAt.set(reason, now);
    const { logger, counts } = this.#options;
    if (reason === 'connections') {
      const { maxConnections } = this.limits;
      logger.warn(
        { maxConnections },
        'too many connections: strangers make room, or new clients are refused',
      );
    } else {
      const { limit } = this.#descriptors;
      const connections = counts.total;
      logger.error(
        { limit, connections },
        'out of file descriptors: strangers make room, or new clients are refused',
      );
    }
  }

  #sweep(): void {
    const now = this.#options.clock();
    const { total } = this.#options.counts;
    if (!this.#descriptors.refresh(total)) this.#logShortage('descriptors');
    for (const transport of this.#arriving.toArray()) {
      if (transport.takenMs(now) > this.limits.loginDeadlineMs) transport.endLate();
    }
    for (const transport of this.#served.toArray()) {
      if (transport.sweep(now)) this.#options.metrics.recordConnectionEnded('stalled');
    }
    this.#options.onSweep(now);
    this.#crowds.observe(this.connectionCount);
    this.strangers.sweep();
  }
}
