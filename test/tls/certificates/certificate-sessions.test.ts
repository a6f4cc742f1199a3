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
import { TestAuthority } from '../../fixtures/test-authority.ts';
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

/** Days from now. */
function inDays(days: number): Date {
  return new Date(Date.now() + days * 24 * hourMs);
}

const other = await authority.issue();
const lists: Readonly<
  Record<string, { readonly crl: readonly string[]; readonly reason?: string }>
> = {
  'that revokes another': { crl: [await authority.revoke([other])] },
  'that is missing': {
    crl: [await stranger.revoke([])],
    reason: 'there is no revocation list of its authority',
  },
  'that is out of date': {
    crl: [await authority.revoke([], { thisUpdate: inDays(-2), nextUpdate: inDays(-1) })],
    reason: 'the revocation list of its authority is out of date',
  },
  'that is not valid yet': {
    crl: [await authority.revoke([], { thisUpdate: inDays(1) })],
    reason: 'the revocation list of its authority is not valid yet',
  },
  'that a newer one with an earlier end replaces': {
    crl: [
      await authority.revoke([], { thisUpdate: inDays(-2), nextUpdate: inDays(60) }),
      await authority.revoke([alice], { thisUpdate: inDays(-1), nextUpdate: inDays(30) }),
    ],
    reason: 'it has been revoked',
  },
  'that is newer but out of date, while an older one is not': {
    crl: [
      await authority.revoke([], { thisUpdate: inDays(-3), nextUpdate: inDays(60) }),
      await authority.revoke([alice], { thisUpdate: inDays(-2), nextUpdate: inDays(-1) }),
    ],
    reason: 'the revocation list of its authority is out of date',
  },
  'that is newer but not valid yet': {
    crl: [await authority.revoke([]), await authority.revoke([alice], { thisUpdate: inDays(1) })],
  },
  'beside one of another authority that is out of date': {
    crl: [
      await authority.revoke([]),
      await stranger.revoke([], { thisUpdate: inDays(-2), nextUpdate: inDays(-1) }),
    ],
  },
};

for (const [name, { crl, reason }] of Object.entries(lists)) {
  void t.test(`a revocation list ${name}`, async (t) => {
    for (const blocks of [crl, crl.toReversed()]) {
      for (const version of versions) {
        const setting = await startWithCertificates(t, { crl: blocks.join('\n') });
        await setting.visit(version);
        const isResumed = await setting.visit(version, setting.session());
        t.equal(isResumed, reason === undefined, version);
        const verdict = { isAuthorized: reason === undefined, reason };
        t.match(certificatesOf(setting), [verdict, verdict], version);
      }
    }
  });
}

void t.test('a session ends with its certificate, its chain, or the revocation list', async (t) => {
  const soon = new Date(Date.now() + hourMs);
  const later = inDays(1);
  const brief = await authority.issue({ notAfter: soon });
  const middle = await TestAuthority.create('Middle', authority, { notAfter: soon });
  const ofMiddle = await middle.issue({ notAfter: later });
  const chain = { ...ofMiddle, cert: `${ofMiddle.cert}\n${middle.cert}` };
  const crl = [
    await authority.revoke([], { nextUpdate: soon }),
    await stranger.revoke([], { nextUpdate: later }),
  ].join('\n');
  const begins = await authority.revoke([alice], { thisUpdate: soon });
  const settings = {
    certificate: { policy: {}, certificate: brief },
    'chain that is sent': { policy: {}, certificate: chain },
    'chain that is known': {
      policy: { ca: `${middle.cert}\n${authority.cert}` },
      certificate: ofMiddle,
    },
    list: { policy: { crl }, certificate: alice },
    'list that begins': {
      policy: { crl: `${await authority.revoke([])}\n${begins}` },
      certificate: alice,
    },
  };
  for (const [name, { policy, certificate }] of Object.entries(settings)) {
    for (const version of versions) {
      const setting = await startWithCertificates(t, policy);
      const { time } = setting;
      const visit = (session?: Buffer): Promise<boolean> =>
        setting.visit(version, session, certificate);
      // As in a machine that sleeps: the clock of the cache stands still.
      await visit();
      time.wallAheadMs += hourMs - 10_000;
      t.equal(await visit(setting.session()), true, `${name}, ${version}`);
      time.wallAheadMs += 10_000;
      t.equal(await visit(setting.session()), false, 'nor one made by resuming');

      // The cache by its own clock forgets it then: the wall clock stands still.
      time.wallAheadMs = 0;
      await visit();
      const first = setting.session();
      time.nowMs += hourMs - 10_000;
      time.wallAheadMs -= hourMs - 10_000;
      t.equal(await visit(first), true, 'by the clock of the cache');
      time.nowMs += 10_000;
      time.wallAheadMs -= 10_000;
      t.equal(await visit(first), false);
    }
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

void t.test('a certificate that is purged while its client resumes', async (t) => {
  for (const version of versions) {
    const setting = await startWithCertificates(t);
    const { acceptor, events } = setting.server;
    await setting.visit(version);
    const session = setting.session();
    const get = setting.cache.get.bind(setting.cache);
    setting.cache.get = async (id) => {
      // Once the session has been found, and before the client has answered.
      setImmediate(() => acceptor.forgetCertificate(alice.fingerprint256));
      return get(id);
    };
    // A client of TLS 1.3 learns of it only after its own part.
    await setting.visit(version, session).catch(() => {});
    t.equal(lastLookup(setting.server), 'hit', version);
    const message = /the sessions that were made with it have been purged$/;
    t.match(events.at(-1), { code: 'CLIENT_CERTIFICATE_REFUSED', error: { message } });
    t.equal(setting.accepted.length, 1, 'it is not handed out');
    setting.cache.get = get;
    t.equal(await setting.visit(version, session), false, 'and makes a full handshake next');
  }
});
