/*
 * Submission over TLS (RFC 8314) with nodemailer's smtp-server, whose clients come back by the short handshake, out
 * of a cache, in TLS 1.3 as in TLS 1.2. To try it, with smtp-server installed:
 *
 *     node tls/examples/smtp-server.ts
 *
 * In a project of your own, import from 'reprise/tls' instead of '../index.ts'.
 */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
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

/** What the submission server serves with. */
export interface SmtpServerOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly credential: Credential;
  /** The caller's, who closes it after the server. */
  readonly cache: SessionCache;
  readonly isPassword: (account: string, password: string) => boolean;
  readonly onMessage: (message: SubmittedMessage) => void;
}

/** A message that a client has handed in. */
export interface SubmittedMessage {
  readonly account: string;
  readonly text: string;
  /** What the message came by. */
  readonly connection: TlsConnection;
}

/** A submission server that listens. */
export interface SmtpSubmissionServer {
  readonly port: number;
  /** Settles when the last connection is gone, half a minute later at most. */
  close(): Promise<void>;
}

/** A server on the loopback address that takes messages from whoever logs in. */
export async function startSmtpServer(options: SmtpServerOptions): Promise<SmtpSubmissionServer> {
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  const acceptor = new TlsAcceptor({
    credentials: [options.credential],
    resumption: { kind: 'stateful', cache: options.cache, ticketKeys },
    lifetimeMs,
  });
  const smtp = makeSmtpServer(options, acceptor);
  smtp.listen(options.port, '127.0.0.1');
  await once(smtp.server, 'listening');
  return {
    port: (smtp.server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => {
        smtp.close(resolve);
      });
      // Ends the handshakes under way, which the server would wait for.
      await acceptor.close();
      await closed;
      ticketKeys.close();
    },
  };
}

function makeSmtpServer(
  { isPassword, onMessage }: SmtpServerOptions,
  acceptor: TlsAcceptor,
): SMTPServer {
  const bySocket = new WeakMap<Socket, TlsConnection>();
  const bySession = new WeakMap<SMTPServerSession, TlsConnection>();
  const smtp = new SMTPServer({
    // Connections come with TLS, and it is done already.
    secure: true,
    secured: true,
    disableReverseLookup: true,
    onSecure(socket, session, done) {
      bySession.set(session, bySocket.get(socket)!);
      done();
    },
    onAuth({ username = '', password }, session, done) {
      if (!isPassword(username, password ?? '')) return done(new Error('Wrong name or password'));
      // From here on no flood of strangers takes the place of this client's sessions.
      acceptor.promote(bySession.get(session)!, username);
      done(null, { user: username });
    },
    onData(stream, session, done) {
      text(stream).then((text) => {
        onMessage({ account: String(session.user), text, connection: bySession.get(session)! });
        done();
      }, done);
    },
  });
  // Clients that leave in the middle of a message.
  smtp.on('error', () => {});
  takeOverTls(smtp.server, acceptor, (connection) => {
    bySocket.set(connection.socket, connection);
    smtp.connect(connection.socket);
  });
  return smtp;
}

if (import.meta.main) {
  const certificate = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const cache = new SegmentSessionCache({ maxBytes: 16 * 1024 * 1024, lifetimeMs });
  const server = await startSmtpServer({
    port: 8465,
    credential: { name: 'localhost', ...certificate },
    cache,
    isPassword: (account, password) => account === 'demo' && password === 'demo',
    onMessage: ({ account, text, connection: { isResumed } }) =>
      console.log(`${account}, ${isResumed ? 'resumed' : 'full'} handshake:\n${text}`),
  });
  const client = `openssl s_client -crlf -ign_eof -connect localhost:${server.port}`;
  console.log(`A first visit, and then coming back (QUIT ends a visit, Ctrl-C stops the server):

    ${client} -sess_out session.pem
    ${client} -sess_in session.pem`);
  process.once('SIGINT', () => void server.close().then(() => cache.close()));
}
