import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { ListenAddress } from '../config/listen-address.ts';
import { AdminListenError } from './admin-listen-error.ts';

export interface AdminServerOptions {
  readonly address: ListenAddress;
  readonly metrics: {
    readonly contentType: string;
    text(): Promise<string>;
  };
  /** Whether the server can do its work. */
  readonly isHealthy: () => boolean;
  readonly logger: Logger;
}

/** More than a scraper and a few people need. */
const maxConnections = 32;

/** For a request, headers and all, in milliseconds. */
const requestDeadlineMs = 10_000;

/** How often broken deadlines are looked for, in milliseconds. */
const deadlineCheckMs = 5_000;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Serves `/metrics` to Prometheus, and `/healthz` to whoever wants to know whether the server is well. It
 * changes nothing and tells no secrets, but asks for no password either: it listens on a loopback address
 * unless told.
 */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #server: Server;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        requestTimeout: requestDeadlineMs,
        headersTimeout: requestDeadlineMs,
        connectionsCheckingInterval: deadlineCheckMs,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = maxConnections;
  }

  /** The port it listens on; -1 where it is off. Rejects with an {@link AdminListenError}. */
  async listen(): Promise<number> {
    const { address, logger } = this.#options;
    if (address.port === -1) return -1;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new AdminListenError(address, cause)));
      this.#server.listen(address.port, address.host, resolve);
    });
    this.#server.on('error', (error) => logger.error({ err: error }, 'admin listener error'));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops, cutting off what is under way. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
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
      'x-content-type-options': 'nosniff',
      ...(status === 405 && { allow: 'GET, HEAD' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET and HEAD are possible');
    const { metrics, isHealthy } = this.#options;
    switch (url.split('?', 1)[0]) {
      case '/metrics':
        return { status: 200, contentType: metrics.contentType, body: await metrics.text() };
      case '/healthz':
        return isHealthy() ? plain(200, 'ok') : plain(503, 'The server cannot go on, see its log');
      default:
        return plain(404, 'There are /metrics and /healthz');
    }
  }
}

function plain(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}
