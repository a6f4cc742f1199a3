// Clients that show a certificate: what their sessions are worth when whom the server trusts has changed.
import { connect, type ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import {
  type ClientCertificate,
  type ClientCertificatePolicy,
  NullSessionCache,
  RandomTicketKeys,
  SegmentSessionCache,
  type TlsConnection,
} from '../../tls/index.ts';
import {
  type AcceptorServer,
  type AcceptorServerOptions,
  lifetimeMs,
  startAcceptorServer,
} from '../fixtures/tls-acceptor-server.ts';
import { type IssuedCertificate, TestAuthority } from '../fixtures/test-authority.ts';
import { type TlsVersion, visitWithNode } from '../fixtures/tls-visit.ts';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const hourMs = 60 * 60 * 1000;
const authority = await TestAuthority.create('Test authority');
const stranger = await TestAuthority.create('Another authority');
const alice = await authority.issue({ emailAddresses: ['alice@example.org'] });

interface Setting {
  readonly server: AcceptorServer;
  readonly cache: SegmentSessionCache;
  /** Moves the time of the server. */
  readonly time: { nowMs: number };
  /** The connections that were accepted, in order. */
  readonly accepted: TlsConnection[];
  /** A visit with a certificate; rejects where the server does not take it. */
  visit(version: TlsVersion, session?: Buffer, certificate?: IssuedCertificate): Promise<boolean>;
  /** The newest session that a client was given. */
  readonly session: () => Buffer | undefined;
}

async function start(
  t: Test,
  policy: Partial<ClientCertificatePolicy> = {},
  options: AcceptorServerOptions = {},
): Promise<Setting> {
  const time = { nowMs: Date.now() };
  const clock = (): number => time.nowMs;
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs, clock });
  const accepted: TlsConnection[] = [];
  const server = await startAcceptorServer({
    cache,
    clock,
    clientCertificates: { ca: authority.cert, isRequired: false, ...policy },
    onConnection: (connection) => {
      accepted.push(connection);
      connection.socket.end('hello\r\n');
    },
    ...options,
  });
  t.teardown(async () => {
    await server.stop();
    await cache.close();
  });
  let newest: Buffer | undefined;
  return {
    server,
    cache,
    time,
    accepted,
    session: () => newest,
    visit: async (version, session, { cert, key } = alice) => {
      const tls: ConnectionOptions = { cert, key };
      const visit = await visitWithNode({ port: server.port, version, session, tls });
      newest = visit.sessions.at(-1);
      return visit.isResumed;
    },
  };
}

const certificatesOf = ({ accepted }: Setting): (ClientCertificate | undefined)[] =>
  accepted.map(({ clientCertificate }) => clientCertificate);

void t.test('a certificate is shown in full and resumed handshakes', async (t) => {
  for (const version of versions) {
    const setting = await start(t);
    t.equal(await setting.visit(version), false);
    t.equal(await setting.visit(version, setting.session()), true);
    t.equal(await setting.visit(version, setting.session()), true, 'and again');
    const wanted = {
      fingerprint256: alice.fingerprint256,
      subject: 'CN=alice',
      commonName: 'alice',
      emailAddresses: ['alice@example.org'],
      isAuthorized: true,
      reason: undefined,
    };
    t.strictSame(certificatesOf(setting), [wanted, wanted, wanted], version);
    t.match(setting.accepted, [{ mode: 'stateful' }]);
  }
});

void t.test('where nobody asks there is no certificate', async (t) => {
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const connections: TlsConnection[] = [];
  const server = await startAcceptorServer({
    cache,
    onConnection: (connection) => {
      connections.push(connection);
      connection.socket.end('hello\r\n');
    },
  });
  await visitWithNode({ port: server.port, version: 'TLSv1.3', tls: alice });
  t.equal(connections[0]!.clientCertificate, undefined);
  await server.stop();
  await cache.close();
});

void t.test('a client without a certificate', async (t) => {
  for (const version of versions) {
    const { server, accepted } = await start(t);
    await visitWithNode({ port: server.port, version });
    t.equal(accepted[0]!.clientCertificate, undefined, `${version}, optional`);
    const required = await start(t, { isRequired: true });
    await t.rejects(visitWithNode({ port: required.server.port, version }), `${version}, required`);
    await required.server.event(({ kind }) => kind === 'failure');
    t.match(required.server.events, [{ kind: 'failure', code: 'CLIENT_CERTIFICATE_REFUSED' }]);
    t.equal(required.cache.stats().entryCount, 0);
  }
});

const bad = {
  'of another authority': await stranger.issue(),
  'that has expired': await authority.issue({ notAfter: new Date(Date.now() - hourMs) }),
  'that is not valid yet': await authority.issue({ notBefore: new Date(Date.now() + hourMs) }),
  'for servers': await authority.issue({ usage: '1.3.6.1.5.5.7.3.1' }),
};

for (const [name, certificate] of Object.entries(bad)) {
  void t.test(`a certificate ${name}`, async (t) => {
    for (const version of versions) {
      const setting = await start(t);
      await setting.visit(version, undefined, certificate);
      t.match(certificatesOf(setting), [{ isAuthorized: false, reason: String }], version);
      t.equal(
        setting.cache.stats().entryCount,
        0,
        'a session would not tell what is wrong with it',
      );
      const required = await start(t, { isRequired: true });
      await t.rejects(required.visit(version, undefined, certificate));
      await required.server.event(({ kind }) => kind === 'failure');
      t.match(required.server.events, [{ kind: 'failure', code: 'CLIENT_CERTIFICATE_REFUSED' }]);
      t.equal(required.cache.stats().entryCount, 0, 'its sessions are not kept');
    }
  });
}

void t.test('a session made under another authority gets a full handshake', async (t) => {
  for (const version of versions) {
    const setting = await start(t);
    await setting.visit(version);
    const session = setting.session();
    setting.server.acceptor.replaceClientCertificates({ ca: stranger.cert, isRequired: false });
    t.equal(await setting.visit(version, session), false, version);
    t.match(certificatesOf(setting)[1], { isAuthorized: false });
    // The same authorities in another order, or with text between them, are the same.
    const ca = [`Comment\n${stranger.cert}`, authority.cert];
    setting.server.acceptor.replaceClientCertificates({ ca: ca.join('\n'), isRequired: false });
    await setting.visit(version);
    const other = setting.session();
    const turned = { ca: ca.toReversed().join('\n\n'), isRequired: false };
    setting.server.acceptor.replaceClientCertificates(turned);
    t.equal(await setting.visit(version, other), true);
    setting.server.acceptor.replaceClientCertificates({ ...turned, isRequired: true });
    t.equal(
      await setting.visit(version, setting.session()),
      false,
      'nor one that was not required',
    );
    setting.server.acceptor.replaceClientCertificates(undefined);
    t.equal(await setting.visit(version, setting.session()), false);
    t.equal(setting.accepted.at(-1)!.clientCertificate, undefined);
  }
});

void t.test('a certificate revoked since the full handshake', async (t) => {
  for (const version of versions) {
    for (const isRequired of [false, true]) {
      const setting = await start(t, { isRequired, crl: await authority.revoke([]) });
      await setting.visit(version);
      t.equal(await setting.visit(version, setting.session()), true);
      t.match(certificatesOf(setting)[1], { isAuthorized: true });
      const crl = await authority.revoke([await authority.issue(), alice]);
      const policy = { ca: authority.cert, crl, isRequired };
      setting.server.acceptor.replaceClientCertificates(policy);
      if (isRequired) {
        await t.rejects(setting.visit(version, setting.session()), version);
        t.match(setting.server.events.at(-1), { code: 'CLIENT_CERTIFICATE_REFUSED' });
        await t.rejects(setting.visit(version), 'nor with a full handshake');
      } else {
        t.equal(await setting.visit(version, setting.session()), true);
        await setting.visit(version);
        const verdict = { isAuthorized: false, reason: 'it has been revoked' };
        t.match(certificatesOf(setting).slice(2), [verdict, verdict], version);
      }
    }
  }
});

void t.test('revocation lists that cannot tell', async (t) => {
  const nextUpdate = new Date(Date.now() + hourMs);
  const setting = await start(t, { crl: await authority.revoke([], { nextUpdate }) });
  await setting.visit('TLSv1.3');
  setting.time.nowMs += hourMs;
  await setting.visit('TLSv1.3', setting.session());
  setting.server.acceptor.replaceClientCertificates({
    ca: authority.cert,
    crl: await stranger.revoke([]),
    isRequired: false,
  });
  await setting.visit('TLSv1.3', setting.session());
  t.match(certificatesOf(setting), [
    { isAuthorized: true },
    { isAuthorized: false, reason: /out of date/ },
    { isAuthorized: false, reason: /no revocation list/ },
  ]);
});

void t.test('a certificate that has expired since the full handshake', async (t) => {
  const brief = await authority.issue({ notAfter: new Date(Date.now() + hourMs) });
  for (const version of versions) {
    const setting = await start(t);
    await setting.visit(version, undefined, brief);
    setting.time.nowMs += hourMs + 1_000;
    t.equal(await setting.visit(version, setting.session(), brief), true, version);
    t.match(certificatesOf(setting), [
      { isAuthorized: true },
      { isAuthorized: false, reason: 'it has expired' },
    ]);
  }
});

void t.test('the sessions of a certificate that was purged', async (t) => {
  for (const version of versions) {
    const bob = await authority.issue({ commonName: 'bob' });
    const setting = await start(t);
    const { cache, server } = setting;
    await setting.visit(version, undefined, bob);
    const other = setting.session();
    await setting.visit(version);
    const session = setting.session();
    const perVisit = version === 'TLSv1.2' ? 1 : 2;
    t.equal(await cache.purge({ certificate: alice.fingerprint256 }), perVisit, 'the cache knows');
    t.equal(await setting.visit(version, session), false, version);

    // A cache that could not be reached, as Redis can be, still has them.
    const kept = setting.session();
    setting.time.nowMs += 2_000;
    server.acceptor.forgetCertificate(alice.fingerprint256);
    t.equal(await setting.visit(version, kept), false);
    t.equal(await setting.visit(version, other, bob), true);
    setting.time.nowMs += 2_000;
    await setting.visit(version);
    t.equal(await setting.visit(version, setting.session()), true, 'those made since then count');
  }
});

void t.test('a chain ends also where a cache keeps its sessions', async (t) => {
  class EternalCache extends NullSessionCache {
    readonly sessions = new Map<string, Uint8Array>();
    readonly deadlines: number[] = [];

    override get(id?: Uint8Array): Promise<undefined> {
      const found = this.sessions.get(Buffer.from(id ?? []).toString('hex'));
      return Promise.resolve(found?.slice() as undefined);
    }

    override async put(...given: unknown[]): Promise<void> {
      const [id, session, { expiresAt }] = given as Parameters<SegmentSessionCache['put']>;
      this.sessions.set(Buffer.from(id).toString('hex'), session.slice());
      this.deadlines.push(expiresAt);
    }
  }
  for (const version of versions) {
    const cache = new EternalCache();
    const setting = await start(t, {}, { cache });
    const { time } = setting;
    // Sessions keep whole seconds.
    time.nowMs = Math.floor(time.nowMs / 1000) * 1000;
    const startedAt = time.nowMs;
    await setting.visit(version);
    const session = setting.session();
    t.equal(cache.deadlines.at(-1), startedAt + lifetimeMs);
    time.nowMs = startedAt + 24 * hourMs - 1;
    t.equal(await setting.visit(version, session), true, version);
    if (version === 'TLSv1.3') {
      t.equal(cache.deadlines.at(-1), startedAt + 24 * hourMs, 'no successor outlives the chain');
    }
    time.nowMs = startedAt + 24 * hourMs;
    t.equal(await setting.visit(version, session), false);
  }
});

void t.test('a chain of resumptions ends 24 hours after its full handshake', async (t) => {
  const setting = await start(t);
  await setting.visit('TLSv1.3');
  const resumed: boolean[] = [];
  for (let hour = 1.5; hour < 27; hour += 1.5) {
    setting.time.nowMs += 1.5 * hourMs;
    resumed.push(await setting.visit('TLSv1.3', setting.session()));
  }
  // The last one comes exactly 24 hours later.
  t.same(resumed, [...Array<boolean>(15).fill(true), false, true]);
});

void t.test('authorities above the one that has issued', async (t) => {
  const middle = await TestAuthority.create('Middle', authority);
  const certificate = await middle.issue();
  const both = `${middle.cert}\n${authority.cert}`;
  for (const version of versions) {
    const setting = await start(t, { ca: both });
    await setting.visit(version, undefined, certificate);
    await setting.visit(version, setting.session(), certificate);
    t.match(certificatesOf(setting), [{ isAuthorized: true }, { isAuthorized: true }], version);

    // With the chain that the client sends TLS would take it, but a session does not have that chain.
    const alone = await start(t);
    const chain = { ...certificate, cert: `${certificate.cert}\n${middle.cert}` };
    await alone.visit(version, undefined, chain);
    t.match(certificatesOf(alone), [{ isAuthorized: false }]);

    const lists = [await middle.revoke([]), await authority.revoke([])].join('\n');
    const listed = await start(t, { ca: both, crl: lists });
    await listed.visit(version, undefined, certificate);
    t.match(certificatesOf(listed), [{ isAuthorized: true }]);
  }
  const revokedMiddle = [await middle.revoke([]), await authority.revoke([middle])].join('\n');
  const setting = await start(t, { ca: both, crl: revokedMiddle });
  await setting.visit('TLSv1.3', undefined, certificate);
  t.match(certificatesOf(setting), [{ isAuthorized: false, reason: 'it has been revoked' }]);
});

void t.test('who is asked for a certificate gets no ticket', async (t) => {
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  const setting = await start(t, {}, { resumption: { kind: 'tickets', ticketKeys } });
  for (const version of versions) {
    await setting.visit(version);
    t.equal(await setting.visit(version, setting.session()), false, version);
  }
  t.match(setting.accepted, [{ mode: 'none' }]);
  const hybrid = await start(t);
  const retry = { ...alice, ecdhCurve: 'X448:P-256' };
  const visit = await visitWithNode({ port: hybrid.server.port, version: 'TLSv1.3', tls: retry });
  t.match(hybrid.accepted, [{ mode: 'none' }]);
  const session = visit.sessions.at(-1);
  const { port } = hybrid.server;
  const next = await visitWithNode({ port, version: 'TLSv1.3', tls: retry, session });
  t.equal(next.isResumed, false);
  ticketKeys.close();
});

void t.test('a policy that cannot be used changes nothing', async (t) => {
  const setting = await start(t);
  const { acceptor } = setting.server;
  for (const policy of [
    { ca: '', isRequired: false },
    { ca: 'broken', isRequired: false },
    { ca: authority.cert, crl: 'broken', isRequired: false },
  ]) {
    t.throws(() => acceptor.replaceClientCertificates(policy));
  }
  await setting.visit('TLSv1.3');
  t.match(certificatesOf(setting), [{ isAuthorized: true }]);
});

void t.test('a client that leaves while its certificate is checked', async (t) => {
  const { server } = await start(t, { crl: await authority.revoke([]) });
  const client = connect({
    port: server.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...alice,
  });
  client.on('error', () => {});
  client.on('secureConnect', () => client.destroy());
  await server.event(({ kind }) => kind === 'handshake' || kind === 'failure');
  t.equal(
    await visitWithNode({ port: server.port, version: 'TLSv1.3' }).then(() => 'served'),
    'served',
  );
});
