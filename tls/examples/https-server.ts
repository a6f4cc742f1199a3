/*
 * HTTPS whose clients come back by the short handshake, out of a cache, in TLS 1.3 as in TLS 1.2. To try it:
 *
 *     node tls/examples/https-server.ts
 *
 * In a project of your own, import from 'reprise/tls' instead of '../index.ts'.
 */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import {
  type Credential,
  makeSelfSignedCertificate,
  RandomTicketKeys,
  SegmentSessionCache,
  type SessionCache,
  TlsAcceptor,
  type TlsConnection,
} from '../index.ts';
import { takeOverTls } from './take-over-tls.ts';

const lifetimeMs = 2 * 60 * 60 * 1000;

/** What the web server serves with. */
export interface HttpsServerOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly credential: Credential;
  /** The caller's, who closes it after the server. */
  readonly cache: SessionCache;
}

/** A web server that listens. */
export interface HttpsServer {
  readonly port: number;
  /** Settles when the last connection is gone. */
  close(): Promise<void>;
}

/** A web server on the loopback address that tells each client how it came. */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  const acceptor = new TlsAcceptor({
    credentials: [options.credential],
    resumption: { kind: 'stateful', cache: options.cache, ticketKeys },
    lifetimeMs,
  });
  const connections = new WeakMap<Socket, TlsConnection>();
  // It listens, bounds the time for requests and closes connections as ever. It needs no certificate: the
  // acceptor has it.
  const server = createServer((request, response) => {
    const { protocol, isResumed, mode } = connections.get(request.socket)!;
    response.setHeader('content-type', 'application/json');
    response.end(`${JSON.stringify({ protocol, isResumed, mode })}\n`);
  });
  takeOverTls(server, acceptor, (connection) => {
    connections.set(connection.socket, connection);
    server.emit('secureConnection', connection.socket);
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      // Ends the handshakes under way, which the server would wait for.
      await acceptor.close();
      await closed;
      ticketKeys.close();
    },
  };
}

if (import.meta.main) {
  const certificate = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const cache = new SegmentSessionCache({ maxBytes: 16 * 1024 * 1024, lifetimeMs });
  const credential = { name: 'localhost', ...certificate };
  const server = await startHttpsServer({ port: 8443, credential, cache });
  const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect localhost:${server.port}`;
  console.log(`A first visit, and then coming back (Ctrl-C stops the server):

    ${request} -sess_out session.pem
    ${request} -sess_in session.pem`);
  process.once('SIGINT', () => void server.close().then(() => cache.close()));
}
