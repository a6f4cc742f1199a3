import type { TLSSocket } from 'node:tls';
import { certificateError } from '../events.ts';
import type { TlsHandshake } from '../handshake.ts';
import type { FoundSession } from '../sessions/stored-session.ts';
import type { Clock, Deadlines } from '../time.ts';
import {
  type ClientCertificate,
  clientCertificateOf,
  type ClientTrust,
} from './client-certificates.ts';

/** What a client is checked by. */
export interface ClientCheckOptions {
  /** That of the endpoint which has made the handshake. */
  readonly trust: ClientTrust;
  /** The session that the client asked for, if it was there. */
  readonly found: FoundSession | undefined;
  /** The clock for dates in certificates and revocation lists. */
  readonly wallClock: Clock;
  /** What a client is told that is refused, with its line end; undefined: nothing. */
  readonly badCertificateAnswer: string | undefined;
  /** For clients that are refused, to close their side. */
  readonly closeDeadlines: Deadlines;
}

/**
 * Checks the certificate of a client after TLS has done its part. The handshake keeps the sessions of a client that is
 * accepted, and drops those of one whose certificate is not valid.
 *
 * @returns what the client has shown; undefined if it has shown nothing
 * @throws TlsAcceptError if the client must have a valid certificate and has none; the connection is closed then
 */
export async function checkClient(
  socket: TLSSocket,
  handshake: TlsHandshake,
  options: ClientCheckOptions,
): Promise<ClientCertificate | undefined> {
  const { trust, found, wallClock } = options;
  const certificate = clientCertificateOf(socket);
  if (trust.policy.isRequired && certificate?.isAuthorized !== true) {
    const error = certificateError(certificate?.reason);
    handshake.fail(error);
    await closeTls(socket, options);
    throw error;
  }
  if (certificate === undefined) handshake.accept(undefined);
  else if (!certificate.isAuthorized) handshake.dropSessions();
  else {
    const { fingerprint256 } = certificate;
    const inherited = handshake.isResumed ? found?.verdictEndsAt : undefined;
    const verdictEndsAt = inherited ?? trust.verdictEndsAt(socket, wallClock());
    handshake.accept({ fingerprint256, verdictEndsAt });
  }
  return certificate;
}

/**
 * Sends the answer and close_notify, so that the client does not see a bare end of file. Settles by the deadline, never
 * rejects.
 */
async function closeTls(
  socket: TLSSocket,
  { badCertificateAnswer = '', closeDeadlines }: ClientCheckOptions,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = closeDeadlines.set(resolve);
  socket.on('error', () => {});
  socket.once('close', resolve);
  // After the sessions of TLS 1.3, which everything waits for.
  setImmediate(() => socket.end(badCertificateAnswer, resolve));
  await promise;
  cancel();
}
