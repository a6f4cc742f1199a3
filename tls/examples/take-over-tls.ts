import type { Server, Socket } from 'node:net';
import type { TlsAcceptor, TlsConnection } from '../index.ts';

/**
 * Lets an acceptor do the TLS of a server that listens by itself: each connection that came to TLS is given to
 * `serve`, in place of what the server would have done with it.
 */
export function takeOverTls(
  server: Server,
  acceptor: TlsAcceptor,
  serve: (connection: TlsConnection) => void,
): void {
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    acceptor.accept(socket).then(serve, () => {
      // The socket is destroyed already, and the acceptor has told its onEvent.
    });
  });
}
