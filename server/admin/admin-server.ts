import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { ListenAddress } from '../config/listen-address.ts';
import { AdminListenError } from './admin-listen-error.ts';

/** Where an {@link AdminServer} listens, and where its answers come from. */
export interface AdminServerOptions {
  readonly address: ListenAddress;
  /** Undefined while the server starts. */
  readonly metrics: () => MetricsText | undefined;
  /** Why the server cannot do its work, or not yet; undefined if it does. */
  readonly problem: () => string | undefined;
  readonly logger: Logger;
}

/** Metrics as a scraper reads them. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** More than a scraper and a few people need. */
const maxConnections = 32;

/** For a connection, which is closed after one answer, in milliseconds. */
const connectionDeadlineMs = 10_000;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Serves `/metrics` to Prometheus, and `/healthz` to whoever wants to know whether the server is well. It
 * changes nothing and tells no secrets, but asks for no password either: it listens on a loopback address
 * unless told. HTTP is loaded for the first client; many servers never have one.
 */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #listener: TcpServer;
  readonly #sockets = new Set<Socket>();
  #http: Promise<HttpServer> | undefined;
  #listening: Promise<number> | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#listener = createServer((socket) => void this.#accept(socket));
    this.#listener.maxConnections = maxConnections;
  }

  /** The port it listens on; -1 if it is off. Rejects with an {@link AdminListenError}. Later calls return the same. */
  listen(): Promise<number> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  async #listen(): Promise<number> {
    const { address, logger } = this.#options;
    if (address.port === -1) return -1;
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', (cause) => reject(new AdminListenError(address, cause)));
      this.#listener.listen(address.port, address.host, resolve);
    });
    this.#listener.on('error', (error) => logger.error({ err: error }, 'admin listener error'));
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Stops, cutting off what is under way. */
  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  async #accept(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    const deadline = setTimeout(() => socket.destroy(), connectionDeadlineMs);
    socket.once('close', () => {
      clearTimeout(deadline);
      this.#sockets.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    this.#http ??= this.#openHttp();
    // Node's way to serve a connection that was accepted elsewhere.
    (await this.#http).emit('connection', socket);
  }

  /** It does not listen itself. */
  async #openHttp(): Promise<HttpServer> {
    const { createServer } = await import('node:http');
    return createServer((request, response) => void this.#serve(request, response));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    const { status, contentType, body } = await this.#answer(request).catch((error: unknown) => {
      this.#options.logger.error({ err: error, url: request.url }, 'admin request failed');
      return plain(500, 'The server failed, see its log');
    });
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      connection: 'close',
      'x-content-type-options': 'nosniff',
      ...(status === 405 && { allow: 'GET, HEAD' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET and HEAD are possible');
    switch (url.split('?', 1)[0]) {
      case '/metrics': {
        const metrics = this.#options.metrics();
        if (metrics === undefined)
          return plain(503, 'There are no metrics before the start is over');
        return { status: 200, contentType: metrics.contentType, body: await metrics.text() };
      }
      case '/healthz': {
        const problem = this.#options.problem();
        return problem === undefined ? plain(200, 'ok') : plain(503, problem);
      }
      default:
        return plain(404, 'There are /metrics and /healthz');
    }
  }
}

function plain(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}
