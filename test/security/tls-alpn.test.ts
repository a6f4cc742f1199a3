// A page of another server with the same certificate can make a browser send requests to our ports (ALPACA). A browser
// always says which protocols it speaks, and IMAP is none of them.
import { once } from 'node:events';
import { connect, type ConnectionOptions } from 'node:tls';
import t from 'tap';
import { ImapClient } from '../fixtures/imap-client.ts';
import { startMailServer } from '../fixtures/mail-server.ts';

const server = await startMailServer(t);

/** What became of a handshake after which the server would have said something. */
async function shakeHands(security: 'tls' | 'starttls', tls: ConnectionOptions): Promise<string> {
  const options = { rejectUnauthorized: false, ...tls };
  const { imapPort, imapsPort } = server.process;
  if (security === 'tls') {
    const socket = connect({ port: imapsPort, host: '127.0.0.1', ...options });
    return outcome(once(socket, 'data').finally(() => socket.destroy()));
  }
  const client = await ImapClient.connect({ port: imapPort, security: 'plain' });
  await client.ok('STARTTLS');
  const socket = connect({ socket: client.socket, ...options });
  socket.write('n NOOP\r\n');
  return outcome(once(socket, 'data').finally(() => socket.destroy()));
}

async function outcome(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'served';
  } catch (error) {
    return String(error);
  }
}

for (const security of ['tls', 'starttls'] as const) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version };
    await t.test(`${security}, ${version}`, async (t) => {
      const browser = { ...versions, ALPNProtocols: ['h2', 'http/1.1'] };
      t.match(await shakeHands(security, browser), /alert number 120/, 'no_application_protocol');
      t.equal(await shakeHands(security, versions), 'served', 'control');

      const named = await server.login(security, { ...versions, ALPNProtocols: ['imap'] });
      t.equal(named.tlsSocket.alpnProtocol, 'imap');
      await named.logout();

      const plain = await server.login(security, versions);
      t.equal(plain.tlsSocket.alpnProtocol, false, 'mail clients name none');
      await plain.logout();
    });
  }
}
