// Clients that name the protocol they speak inside of TLS: those that name others only are refused, so that nobody can
// lead a browser to a server of another protocol with the same certificate.
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { RandomTicketKeys, type Resumption } from '../../tls/index.ts';
import {
  type AcceptorServer,
  lifetimeMs,
  startAcceptorServer,
  startForTest,
  tlsVersions,
} from '../fixtures/tls-acceptor-server.ts';
import { type TlsVersion, visitWithNode } from '../fixtures/tls-visit.ts';

/** What a client that offers these names is told after the handshake, or the code of its error. */
async function negotiate(port: number, options: ConnectionOptions): Promise<string | false | null> {
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  try {
    await greeting(client);
    return client.alpnProtocol;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    client.destroy();
  }
}

/** TLS 1.3 tells a client of the server's refusal only after its own end of the handshake. */
async function greeting(client: TLSSocket): Promise<void> {
  await once(client, 'data');
}

const refusal = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

async function checkVersion(
  t: Test,
  { port, events }: AcceptorServer,
  version: TlsVersion,
): Promise<void> {
  const { sessions } = await visitWithNode({ port, version });
  const versions = { minVersion: version, maxVersion: version };
  for (const session of [undefined, sessions.at(-1)]) {
    const options = { ...versions, ...(session && { session }) };
    const name = `${version}, ${session === undefined ? 'full' : 'resumed'}`;
    const offer = (...ALPNProtocols: string[]) => negotiate(port, { ...options, ALPNProtocols });
    t.equal(await offer('imap'), 'imap', name);
    t.equal(await offer('h2', 'imap'), 'imap', `${name}, among others`);
    events.length = 0;
    t.equal(await offer('http/1.1'), refusal, `${name}, another`);
    t.equal(await offer('h2', 'http/1.1', 'IMAP'), refusal, `${name}, others`);
    t.match(
      events.filter(({ kind }) => kind === 'failure'),
      [{ code: 'HANDSHAKE_FAILED' }, { code: 'HANDSHAKE_FAILED' }],
    );
    t.equal(await negotiate(port, options), false, `${name}, none`);
  }
  const visit = await visitWithNode({
    port,
    version,
    session: sessions.at(-1),
    tls: { ALPNProtocols: ['imap'] },
  });
  t.equal(visit.isResumed, true, 'a session that was made without a name resumes with one');
}

void t.test('a list without our protocol is refused, in stateful mode', async (t) => {
  const { server } = await startForTest(t, { alpnProtocols: ['imap'] });
  for (const version of tlsVersions) await checkVersion(t, server, version);
});

void t.test('a list without our protocol is refused, with tickets', async (t) => {
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  const resumption: Resumption = { kind: 'tickets', ticketKeys };
  const server = await startAcceptorServer({ resumption, alpnProtocols: ['imap'] });
  t.teardown(async () => {
    await server.stop();
    ticketKeys.close();
  });
  for (const version of tlsVersions) await checkVersion(t, server, version);
});

void t.test('without the option no protocol is negotiated', async (t) => {
  const { server } = await startForTest(t);
  for (const version of tlsVersions) {
    const versions = { minVersion: version, maxVersion: version };
    for (const ALPNProtocols of [['imap'], ['h2', 'http/1.1']]) {
      t.equal(await negotiate(server.port, { ...versions, ALPNProtocols }), false, version);
    }
  }
});
