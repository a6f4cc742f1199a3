// The group that the acceptor tells, against the one that the client has really used, which Node tells on its side.
import { connect, type ConnectionOptions, type EphemeralKeyInfo } from 'node:tls';
import t from 'tap';
import { RandomTicketKeys, SegmentSessionCache, tlsPolicies } from '../../../tls/index.ts';
import { makeRsaCredential } from '../../fixtures/rsa-credential.ts';
import { lifetimeMs, startAcceptorServer } from '../../fixtures/tls-acceptor-server.ts';

/** Ours are named as in TLS, those of OpenSSL's curves otherwise. */
const names: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** What a client offers; an asterisk sends a key share of the group, too. */
const offers = [
  'X25519MLKEM768:X25519',
  'X25519:X25519MLKEM768',
  'P-256:X25519:X25519MLKEM768',
  '*P-256:*X25519:*X25519MLKEM768',
  '*P-521:*P-384:X25519',
  'P-521',
  // Needs a second hello, since the server has no such group.
  '*X448:P-384:X25519:P-256',
  '*X448:X25519MLKEM768:P-256',
];

/** Hybrid groups and asterisks are for TLS 1.3 only, and the certificate wants P-256 before it. */
function curvesBeforeTls13(offer: string): string {
  const names = offer.replaceAll('*', '').split(':');
  return [...names.filter((name) => name !== 'X25519MLKEM768' && name !== 'P-256'), 'P-256'].join(
    ':',
  );
}

interface Agreement {
  readonly group: string;
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
}

/** What a client and the server have agreed on, as the client knows it. */
function agree(port: number, tls: ConnectionOptions): Promise<Agreement> {
  return new Promise((resolve, reject) => {
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...tls });
    let session: Buffer | undefined;
    client.on('session', (given) => (session = given));
    client.on('error', reject);
    client.once('data', () => {
      const info = client.getEphemeralKeyInfo() as EphemeralKeyInfo | null;
      const name = info?.name ?? 'none';
      resolve({ group: names[name] ?? name, isResumed: client.isSessionReused(), session });
      client.end();
    });
  });
}

for (const policy of tlsPolicies) {
  void t.test(`as the client knows it, policy ${policy}`, async (t) => {
    const cache = new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs });
    const ticketKeys = new RandomTicketKeys({ lifetimeMs });
    const resumption = { kind: 'stateful', cache, ticketKeys } as const;
    const server = await startAcceptorServer({ policy, resumption });
    const told = async () => {
      const events = server.events.filter(({ kind }) => kind === 'handshake');
      const event = events.at(-1);
      return event?.kind === 'handshake' ? [event.group, event.outcome] : [];
    };
    const versions = policy === 'modern' ? ['TLSv1.3'] : ['TLSv1.3', 'TLSv1.2'];
    let seen = new Set<string>();
    for (const version of versions as ('TLSv1.3' | 'TLSv1.2')[]) {
      for (const ecdhCurve of offers) {
        const before = version === 'TLSv1.2';
        const curves = before ? curvesBeforeTls13(ecdhCurve) : ecdhCurve;
        const tls = { ecdhCurve: curves, minVersion: version, maxVersion: version };
        const full = await agree(server.port, tls);
        t.same(await told(), [full.group, 'full'], `${version} ${curves}`);
        seen = seen.add(full.group);
        if (full.session === undefined) continue;
        const back = await agree(server.port, { ...tls, session: full.session });
        const group = before ? 'none' : back.group;
        t.same(await told(), [group, back.isResumed ? 'resumed' : 'full'], `${curves} again`);
        if (!curves.includes('X448')) t.ok(back.isResumed);
      }
    }
    t.ok(seen.has('X25519MLKEM768') && seen.has('X25519') && seen.has('P-521'), [...seen].join());
    await server.stop();
    ticketKeys.close();
    await cache.close();
  });
}

void t.test('none where the client has sent its secret under the RSA key', async (t) => {
  const credentials = [await makeRsaCredential(2048)];
  const server = await startAcceptorServer({ policy: 'legacy', credentials });
  const version = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  await agree(server.port, { ...version, ciphers: 'AES128-GCM-SHA256' });
  t.match(server.events.at(-1), { kind: 'handshake', group: 'none' });
  await agree(server.port, { ...version, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' });
  t.match(server.events.at(-1), { kind: 'handshake', group: 'X25519' });
  await server.stop();
});
