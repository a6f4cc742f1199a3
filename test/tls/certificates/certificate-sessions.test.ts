// What sessions of clients with certificates are worth when whom the server trusts has changed since.
import t from 'tap';
import { NullSessionCache, type SegmentSessionCache } from '../../../tls/index.ts';
import {
  alice,
  authority,
  certificatesOf,
  certificateVersions as versions,
  startWithCertificates,
  stranger,
} from '../../fixtures/certificate-setting.ts';
import { type AcceptorServer, lifetimeMs } from '../../fixtures/tls-acceptor-server.ts';

const hourMs = 60 * 60 * 1000;

/** What came of the last session that a client asked for. */
function lastLookup({ events }: AcceptorServer): string | undefined {
  const lookups = events.filter((event) => event.kind === 'lookup');
  return lookups.at(-1)?.result;
}

void t.test('a session made under another authority gets a full handshake', async (t) => {
  for (const version of versions) {
    const setting = await startWithCertificates(t);
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
      const setting = await startWithCertificates(t, {
        isRequired,
        crl: await authority.revoke([]),
      });
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
        t.equal(await setting.visit(version, setting.session()), false, 'another list');
        await setting.visit(version);
        const verdict = { isAuthorized: false, reason: 'it has been revoked' };
        t.match(certificatesOf(setting).slice(2), [verdict, verdict], version);
      }
    }
  }
});

void t.test('revocation lists that cannot tell', async (t) => {
  const nextUpdate = new Date(Date.now() + hourMs);
  const setting = await startWithCertificates(t, {
    crl: await authority.revoke([], { nextUpdate }),
  });
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
    const setting = await startWithCertificates(t);
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
    const setting = await startWithCertificates(t);
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
    t.equal(lastLookup(server), 'unknown');
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
    const setting = await startWithCertificates(t, {}, { cache });
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
    t.equal(lastLookup(setting.server), 'hit');
    time.nowMs = startedAt + 24 * hourMs;
    t.equal(await setting.visit(version, session), false);
    t.equal(lastLookup(setting.server), 'expired');
  }
});

void t.test('a chain of resumptions ends 24 hours after its full handshake', async (t) => {
  const setting = await startWithCertificates(t);
  await setting.visit('TLSv1.3');
  const resumed: boolean[] = [];
  for (let hour = 1.5; hour < 27; hour += 1.5) {
    setting.time.nowMs += 1.5 * hourMs;
    resumed.push(await setting.visit('TLSv1.3', setting.session()));
  }
  // The last one comes exactly 24 hours later.
  t.same(resumed, [...Array<boolean>(15).fill(true), false, true]);
});
