// Clients that show a certificate: which ones are taken, and what of them is told.
import { connect } from 'node:tls';
import t from 'tap';
import { RandomTicketKeys, SegmentSessionCache, type TlsConnection } from '../../../tls/index.ts';
import {
  alice,
  authority,
  certificatesOf,
  certificateVersions as versions,
  startWithCertificates,
  stranger,
} from '../../fixtures/certificate-setting.ts';
import { noteOverwrittenBytes } from '../../fixtures/overwritten-bytes.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { lifetimeMs, startAcceptorServer } from '../../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../../fixtures/tls-visit.ts';

const hourMs = 60 * 60 * 1000;

void t.test('a certificate is shown in full and resumed handshakes', async (t) => {
  for (const version of versions) {
    const setting = await startWithCertificates(t);
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
    const { server, accepted } = await startWithCertificates(t);
    await visitWithNode({ port: server.port, version });
    t.equal(accepted[0]!.clientCertificate, undefined, `${version}, optional`);
    const required = await startWithCertificates(t, { isRequired: true });
    await t.rejects(visitWithNode({ port: required.server.port, version }), `${version}, required`);
    await required.server.event(({ kind }) => kind === 'failure');
    t.match(required.server.events, [{ kind: 'failure', code: 'CLIENT_CERTIFICATE_REFUSED' }]);
    t.equal(required.cache.stats().entryCount, 0);
  }
});

void t.test('the keys of a connection, which Node tells for a log, are overwritten', async (t) => {
  for (const version of versions) {
    const overwritten = noteOverwrittenBytes(t);
    const setting = await startWithCertificates(t, { isRequired: true });
    await setting.visit(version);
    const count = overwritten.countIf((bytes) =>
      /^[A-Z_0-9]+ [0-9a-f]{64} /.test(bytes.toString()),
    );
    t.equal(count, version === 'TLSv1.3' ? 5 : 1, `${version}, each line`);
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
      const setting = await startWithCertificates(t);
      await setting.visit(version, undefined, certificate);
      t.match(certificatesOf(setting), [{ isAuthorized: false, reason: String }], version);
      t.equal(
        setting.cache.stats().entryCount,
        0,
        'a session would not tell what is wrong with it',
      );
      const required = await startWithCertificates(t, { isRequired: true });
      await t.rejects(required.visit(version, undefined, certificate));
      await required.server.event(({ kind }) => kind === 'failure');
      t.match(required.server.events, [{ kind: 'failure', code: 'CLIENT_CERTIFICATE_REFUSED' }]);
      t.equal(required.cache.stats().entryCount, 0, 'its sessions are not kept');
    }
  });
}

void t.test('authorities above the one that has issued', async (t) => {
  const middle = await TestAuthority.create('Middle', authority);
  const certificate = await middle.issue();
  const both = `${middle.cert}\n${authority.cert}`;
  for (const version of versions) {
    const setting = await startWithCertificates(t, { ca: both });
    await setting.visit(version, undefined, certificate);
    await setting.visit(version, setting.session(), certificate);
    t.match(certificatesOf(setting), [{ isAuthorized: true }, { isAuthorized: true }], version);

    // The client may also send those between: its session does not have them, but has the verdict.
    const alone = await startWithCertificates(t);
    const chain = { ...certificate, cert: `${certificate.cert}\n${middle.cert}` };
    await alone.visit(version, undefined, chain);
    t.equal(await alone.visit(version, alone.session(), chain), true);
    t.match(certificatesOf(alone), [{ isAuthorized: true }, { isAuthorized: true }]);
    await alone.visit(version, undefined, certificate);
    const untrusted = { isAuthorized: false, reason: 'its authority is not trusted' };
    t.match(certificatesOf(alone)[2], untrusted);

    const lists = [await middle.revoke([]), await authority.revoke([])].join('\n');
    const listed = await startWithCertificates(t, { ca: both, crl: lists });
    await listed.visit(version, undefined, certificate);
    t.match(certificatesOf(listed), [{ isAuthorized: true }]);
  }
  const revokedMiddle = [await middle.revoke([]), await authority.revoke([middle])].join('\n');
  const setting = await startWithCertificates(t, { ca: both, crl: revokedMiddle });
  await setting.visit('TLSv1.3', undefined, certificate);
  t.match(certificatesOf(setting), [{ isAuthorized: false, reason: 'it has been revoked' }]);
});

void t.test('who is asked for a certificate gets no ticket', async (t) => {
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  const setting = await startWithCertificates(
    t,
    {},
    { resumption: { kind: 'tickets', ticketKeys } },
  );
  for (const version of versions) {
    await setting.visit(version);
    t.equal(await setting.visit(version, setting.session()), false, version);
  }
  t.match(setting.accepted, [{ mode: 'none' }]);
  const hybrid = await startWithCertificates(t);
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
  const setting = await startWithCertificates(t);
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
  const { server } = await startWithCertificates(t, { crl: await authority.revoke([]) });
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
