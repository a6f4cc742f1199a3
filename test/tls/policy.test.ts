import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import {
  type Credential,
  makeSelfSignedCertificate,
  tlsPolicies,
  type TlsPolicy,
} from '../../tls/index.ts';
import { parseClientHello } from '../../tls/hello/client-hello.ts';
import { groupCodes, optionsOfPolicy } from '../../tls/policy.ts';
import { captureNodeHello } from '../fixtures/captured-hello.ts';
import { rsaCredential } from '../fixtures/rsa-credential.ts';
import { type AcceptorServer, startForTest } from '../fixtures/tls-acceptor-server.ts';

interface Spoken {
  readonly protocol: string | null;
  readonly cipher: string;
}

/** What a client with these options agrees on with the server; undefined where they do not. */
async function speak(
  { port }: AcceptorServer,
  options: ConnectionOptions,
): Promise<Spoken | undefined> {
  const client = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    // The client's own bound would hide the server's.
    minVersion: 'TLSv1',
    ciphers: 'ALL:@SECLEVEL=0',
    ...options,
  });
  client.on('error', () => {});
  try {
    await once(client, 'data');
    return { protocol: client.getProtocol(), cipher: client.getCipher().name };
  } catch {
    return undefined;
  } finally {
    client.destroy();
  }
}

const start = async (t: Test, policy: TlsPolicy, credential?: Credential) => {
  const credentials = credential === undefined ? {} : { credentials: [credential] };
  return (await startForTest(t, { policy, ...credentials })).server;
};

const versions = {
  modern: ['TLSv1.3'],
  intermediate: ['TLSv1.2', 'TLSv1.3'],
  legacy: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
} as const;

for (const policy of tlsPolicies) {
  void t.test(`versions of ${policy}`, async (t) => {
    const server = await start(t, policy);
    for (const version of versions.legacy) {
      const spoken = await speak(server, { maxVersion: version, minVersion: version });
      const wanted = (versions[policy] as readonly string[]).includes(version);
      t.equal(spoken?.protocol, wanted ? version : undefined, version);
    }
  });

  void t.test(`groups of ${policy}`, async (t) => {
    const server = await start(t, policy);
    for (const ecdhCurve of ['X25519MLKEM768', 'X25519', 'P-256', 'P-384', 'P-521']) {
      t.ok(await speak(server, { ecdhCurve, minVersion: 'TLSv1.3' }), ecdhCurve);
    }
    t.notOk(await speak(server, { ecdhCurve: 'X448', minVersion: 'TLSv1.3' }), 'X448');
  });
}

void t.test('the policy is intermediate unless another is asked for', async (t) => {
  const { server } = await startForTest(t);
  t.ok(await speak(server, { maxVersion: 'TLSv1.2' }));
  t.notOk(await speak(server, { maxVersion: 'TLSv1.1' }));
});

void t.test('ciphers before TLS 1.3', async (t) => {
  const rsa = rsaCredential();
  const wanted: Record<string, readonly TlsPolicy[]> = {
    'ECDHE-RSA-AES128-GCM-SHA256': ['intermediate', 'legacy'],
    'ECDHE-RSA-CHACHA20-POLY1305': ['intermediate', 'legacy'],
    'ECDHE-RSA-AES128-SHA': ['legacy'],
    'AES128-GCM-SHA256': ['legacy'],
    'AES256-SHA': ['legacy'],
    'DHE-RSA-AES128-GCM-SHA256': [],
    'AES128-CCM8': [],
  };
  for (const policy of ['intermediate', 'legacy'] as const) {
    const server = await start(t, policy, rsa);
    for (const [cipher, policies] of Object.entries(wanted)) {
      const ciphers = `${cipher}:@SECLEVEL=0`;
      const spoken = await speak(server, { ciphers, maxVersion: 'TLSv1.2' });
      t.equal(
        spoken?.cipher,
        policies.includes(policy) ? cipher : undefined,
        `${policy}, ${cipher}`,
      );
    }
  }
});

void t.test('our order of ciphers counts, but for clients that prefer ChaCha20', async (t) => {
  const order = (version: string, names: readonly string[]) => ({
    ciphers: names.join(':'),
    maxVersion: version as 'TLSv1.2',
    minVersion: version as 'TLSv1.2',
  });
  const inTls12 = [
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ];
  const inTls13 = [
    'TLS_AES_256_GCM_SHA384',
    'TLS_AES_128_GCM_SHA256',
    'TLS_CHACHA20_POLY1305_SHA256',
  ];
  for (const policy of tlsPolicies) {
    const server = await start(t, policy, rsaCredential());
    for (const [version, names] of [
      ['TLSv1.2', inTls12],
      ['TLSv1.3', inTls13],
    ] as const) {
      if (!(versions[policy] as readonly string[]).includes(version)) continue;
      const [, ours, chaCha] = names;
      const usual = await speak(server, order(version, names));
      t.equal(usual?.cipher, ours, `${policy}, ${version}`);
      const withoutAes = await speak(server, order(version, names.toReversed()));
      t.equal(withoutAes?.cipher, chaCha, `${policy}, ${version}, ChaCha20 first`);
    }
  }
});

void t.test('signatures with SHA-1', async (t) => {
  for (const policy of tlsPolicies) {
    const server = await start(t, policy, rsaCredential());
    const spoken = await speak(server, {
      sigalgs: 'rsa_pkcs1_sha1',
      ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0',
      maxVersion: 'TLSv1.2',
    });
    t.equal(spoken !== undefined, policy === 'legacy', policy);
  }
});

void t.test('sessions of TLS 1.1 resume too', async (t) => {
  const server = await start(t, 'legacy');
  const visit = async (session?: Buffer): Promise<TLSSocket> => {
    const client = connect({
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
      ...(session !== undefined && { session }),
    });
    // The server still echoes when the client is gone.
    client.on('error', () => {});
    await once(client, 'data');
    client.end();
    return client;
  };
  const first = await visit();
  t.equal(first.isSessionReused(), false);
  t.equal((await visit(first.getSession())).isSessionReused(), true);
});

void t.test('the code points are those of the groups', async (t) => {
  const { ecdhCurve } = optionsOfPolicy('intermediate');
  const names = ecdhCurve!.split(':');
  const codes: number[] = [];
  for (const name of names) {
    const hello = parseClientHello(
      await captureNodeHello({ ecdhCurve: name, minVersion: 'TLSv1.3' }),
    );
    if (hello.kind === 'hello') codes.push(...hello.hello.keyShareGroups);
  }
  t.same(codes, groupCodes);
});

void t.test('certificates of each kind of key are shown', async (t) => {
  const kinds = [
    rsaCredential(),
    { name: 'ec', ...(await makeSelfSignedCertificate({ hostNames: ['localhost'] })) },
  ];
  for (const policy of tlsPolicies) {
    for (const credential of kinds) {
      const server = await start(t, policy, credential);
      const type = new X509Certificate(credential.cert).publicKey.asymmetricKeyType;
      t.ok(await speak(server, { ciphers: 'DEFAULT' }), `${policy}, ${type}`);
    }
  }
});
