import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { listenBacklog } from './limits.ts';

/** Where clients come in, and how. Plain data, which can be sent to another thread. */
export interface ListenerSettings {
  /** Address or name to listen on; absent: every address, IPv4 and IPv6. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** `tls`: TLS from the first byte; `starttls`: in the clear, until the client asks for TLS. */
  readonly kind: ListenerKind;
  /** True: proxies that are trusted say with a PROXY header for whom they speak. Absent: nobody does. */
  readonly isProxied?: boolean;
}

/** Whether a connection begins with TLS, or in the clear. */
export type ListenerKind = 'tls' | 'starttls';

/** Where a {@link Listener} listens, and who takes its sockets. */
export interface ListenerOptions {
  readonly settings: ListenerSettings;
  /** True if other threads listen on the same port; the system spreads clients over them. */
  readonly isShared: boolean;
  /** Takes each socket, which is not being read, and owns it. */
  readonly onSocket: (socket: Socket, settings: ListenerSettings) => void;
  /** Told what goes wrong after the start. */
  readonly onError: (error: Error) => void;
}

/**
 * Listens on one address. Each thread that serves clients has listeners of its own on the same ports (SO_REUSEPORT):
 * the kernel spreads clients evenly, and a hand-over from one accepting thread took 17 % more CPU for each connection.
 * Its price is that the clients in the queue of a thread that crashes are lost; they connect again.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;

  constructor(options: ListenerOptions) {
    this.#options = options;
    // A client may close its side behind its last command and still read the answers. A socket that waits for its
    // turn is not read: it costs nothing but itself.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    this.#server.on('connection', (socket) => options.onSocket(socket, options.settings));
  }

  /** Starts to listen; returns the settings with the real port. Rejects with the system's error if it cannot. */
  async listen(): Promise<ListenerSettings> {
    const { settings, isShared, onError } = this.#options;
    const { host, port } = settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host, reusePort: isShared, backlog: listenBacklog }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', onError);
    return { ...settings, port: (this.#server.address() as AddressInfo).port };
  }

  /** Accepts nobody any more. Those who are connected stay. */
  close(): void {
    this.#server.close();
  }
}

/** The first port of a kind that needs no PROXY header; -1 if there is none. */
export function firstPort(listeners: readonly ListenerSettings[], kind: ListenerKind): number {
  const found = listeners.find((listener) => listener.kind === kind && !listener.isProxied);
  return found?.port ?? -1;
}
