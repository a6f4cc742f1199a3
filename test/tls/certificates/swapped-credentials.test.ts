// Several credentials, chosen by server name, and exchanged while clients are connected.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import t from 'tap';
import {
  type Credential,
  makeSelfSignedCertificate,
  ReplicatedTicketKeys,
} from '../../../tls/index.ts';
import { makeTicketKey } from '../../../tls/tickets/ticket-keys.ts';
import {
  type AcceptorServer,
  startForTest,
  testCredential,
  tlsVersions,
} from '../../fixtures/tls-acceptor-server.ts';
import { countReachable } from '../../fixtures/count-reachable.ts';
import { countServerContexts } from '../../fixtures/server-contexts.ts';
import { visitWithNode } from '../../fixtures/tls-visit.ts';
import { until } from '../../fixtures/until.ts';

async function makeCredential(name: string, ...hostNames: string[]): Promise<Credential> {
  return { name, ...(await makeSelfSignedCertificate({ hostNames })) };
}

/** A client that has been greeted. */
async function connected({ port }: AcceptorServer, servername?: string): Promise<TLSSocket> {
  const client = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(servername === undefined ? {} : { servername }),
  });
  await once(client, 'data');
  return client;
}

async function shownTo(server: AcceptorServer, servername?: string): Promise<string> {
  const client = await connected(server, servername);
  const pem = client.getPeerX509Certificate()!.toString();
  client.destroy();
  return pem;
}

const pemOf = ({ cert }: Credential): string => new X509Certificate(cert).toString();

void t.test('the server name chooses the credential', async (t) => {
  const credentials = [
    await makeCredential('main', 'mail.example.org'),
    await makeCredential('wildcard', '*.example.org'),
    await makeCredential('exact', 'imap.example.org'),
  ] as const;
  const [main, wildcard, exact] = credentials.map(pemOf);
  const { server } = await startForTest(t, { credentials });
  t.equal(await shownTo(server), main);
  t.equal(await shownTo(server, 'mail.example.org'), main);
  t.equal(await shownTo(server, 'imap.example.org'), exact);
  t.equal(await shownTo(server, 'pop.example.org'), wildcard);
  t.equal(await shownTo(server, 'unknown.test'), main);
});

void t.test('a session belongs to its credential', async (t) => {
  const credentials = [
    await makeCredential('one', 'one.test'),
    await makeCredential('two', 'two.test'),
  ];
  const { server } = await startForTest(t, { credentials });
  for (const version of tlsVersions) {
    const visit = (servername: string, session?: Buffer) =>
      visitWithNode({ port: server.port, version, session, tls: { servername } });
    const session = (await visit('one.test')).sessions.at(-1);
    t.equal((await visit('two.test', session)).isResumed, false, version);
    t.equal((await visit('one.test', session)).isResumed, true);
  }
});

void t.test('a new certificate is shown, and nothing is lost', async (t) => {
  const { server } = await startForTest(t);
  const old = await testCredential();
  const fresh = await makeCredential(old.name, 'localhost');
  const client = await connected(server);
  const sessions = await Promise.all(
    tlsVersions.map(async (version) => {
      const visit = await visitWithNode({ port: server.port, version });
      return { version, session: visit.sessions.at(-1) };
    }),
  );
  t.equal(await shownTo(server), pemOf(old));
  server.acceptor.replaceCredentials([fresh]);
  t.equal(await shownTo(server), pemOf(fresh));
  client.write('still there');
  const [echo] = (await once(client, 'data')) as [Buffer];
  t.equal(echo.toString(), 'still there');
  client.destroy();
  for (const { version, session } of sessions) {
    const visit = await visitWithNode({ port: server.port, version, session });
    t.equal(visit.isResumed, true, version);
  }
});

void t.test('a certificate is exchanged under traffic', async (t) => {
  const { server } = await startForTest(t);
  const pair = [await testCredential(), await makeCredential('test', 'localhost')];
  for (const version of tlsVersions) {
    let session = (await visitWithNode({ port: server.port, version })).sessions.at(-1);
    let resumedCount = 0;
    for (let round = 0; round < 20; round++) {
      const visit = visitWithNode({ port: server.port, version, session });
      // At any point of the handshake.
      for (let turn = 0; turn < round % 7; turn++) await new Promise(setImmediate);
      server.acceptor.replaceCredentials([pair[round % 2]!]);
      const { isResumed, sessions } = await visit;
      if (isResumed) resumedCount++;
      session = sessions.at(-1);
    }
    t.equal(resumedCount, 20, version);
  }
  t.notOk(server.events.some(({ kind }) => kind === 'failure'));
});

void t.test('a credential that cannot be used changes nothing', async (t) => {
  const { server } = await startForTest(t);
  const old = await testCredential();
  const { key } = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const fresh = await makeCredential('other', 'other.test');
  const before = countServerContexts();
  for (const credentials of [[{ ...old, key }], [fresh, { ...old, key }], []]) {
    t.throws(() => server.acceptor.replaceCredentials(credentials));
    t.equal(await shownTo(server), pemOf(old));
  }
  t.equal(countServerContexts(), before);
});

void t.test('a credential that was replaced goes with its last connection', async (t) => {
  const { server } = await startForTest(t);
  // Those of other tests go first.
  await until(() => countServerContexts() === 1);
  const clients = [await connected(server), await connected(server)] as const;
  const references: WeakRef<Credential>[] = [];
  for (let swap = 0; swap < 10; swap++) {
    const credential = await makeCredential('test', 'localhost');
    references.push(new WeakRef(credential));
    server.acceptor.replaceCredentials([credential]);
  }
  t.equal(countServerContexts(), 2, 'there are the first, for its clients, and the last');
  t.equal(await countReachable(references), 1);
  for (const [i, client] of clients.entries()) {
    client.destroy();
    await until(() => server.connections.size === 1 - i);
    // The context goes in the same turn as the socket.
    await new Promise(setImmediate);
    t.equal(countServerContexts(), 2 - i, `${1 - i} clients`);
  }
});

void t.test('a ticket key that is gone takes its contexts along', async (t) => {
  const keyOf = (byte: number) =>
    makeTicketKey(new Uint8Array(48).fill(byte), { createdAt: 0, expiresAt: Infinity });
  const ticketKeys = new ReplicatedTicketKeys([keyOf(1)]);
  const resumption = { kind: 'tickets', ticketKeys } as const;
  const { server } = await startForTest(t, { resumption, ticketKeyMode: 'per_key' });
  const visit = () => visitWithNode({ port: server.port, version: 'TLSv1.3' });
  await visit();
  await until(() => server.connections.size === 0);
  await new Promise(setImmediate);
  const before = countServerContexts();
  for (let byte = 2; byte < 6; byte++) {
    ticketKeys.replace([keyOf(byte), keyOf(byte - 1)]);
    await visit();
    await until(() => server.connections.size === 0);
  }
  await new Promise(setImmediate);
  t.equal(countServerContexts(), before + 1, 'one more, for the key before');
});

void t.test('a credential that stays keeps its context', async (t) => {
  const one = await makeCredential('one', 'one.test');
  const { server } = await startForTest(t, { credentials: [one] });
  const before = countServerContexts();
  server.acceptor.replaceCredentials([{ ...one }, await makeCredential('two', 'two.test')]);
  server.acceptor.replaceCredentials([{ ...one }]);
  t.equal(countServerContexts(), before);
  t.equal(await shownTo(server, 'two.test'), pemOf(one));
});
