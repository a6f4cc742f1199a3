// Certificates with different kinds of keys for the same names.
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { type Credential, makeSelfSignedCertificate, tlsPolicies } from '../../../tls/index.ts';
import { combineCredentials, neverShown } from '../../../tls/certificates/served-credentials.ts';
import { converse } from '../../fixtures/converse.ts';
import { makeRsaCredential, rsaCredential } from '../../fixtures/rsa-credential.ts';
import {
  type AcceptorServer,
  startForTest,
  tlsVersions,
} from '../../fixtures/tls-acceptor-server.ts';
import { type TlsVersion, visitWithNode } from '../../fixtures/tls-visit.ts';

const serverNames = ['localhost'];
const ec: Credential = {
  name: 'ec',
  ...(await makeSelfSignedCertificate({ hostNames: serverNames })),
};
const rsa: Credential = { ...rsaCredential(), serverNames };

/** Options of Node's client that knows certificates of one kind only. */
const onlyKnows = {
  ec: {
    sigalgs: 'ecdsa_secp256r1_sha256',
    ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
  },
  rsa: {
    sigalgs: 'rsa_pss_rsae_sha256',
    ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256',
  },
} as const;

void t.test('who is shown what', async (t) => {
  const combine = (...credentials: readonly Credential[]) =>
    combineCredentials(credentials).map(({ name, serverNames, cert }) => ({
      name,
      serverNames,
      count: cert.length,
    }));
  const named = (credential: Credential, name: string, ...serverNames: readonly string[]) => ({
    ...credential,
    name,
    serverNames,
  });
  const both = { name: '["ec","rsa"]', serverNames, count: 2 };
  t.same(combine(ec, rsa), [both]);
  t.same(combine(rsa, ec), [both], 'in whatever order');
  t.same(
    combine(ec, named(ec, 'later', 'LOCALHOST')),
    [{ name: 'ec', serverNames, count: 1 }],
    'of one kind of key the first',
  );
  t.same(combine(named(ec, 'ec', 'a', 'B'), named(rsa, 'rsa', 'b', 'c')), [
    { name: 'ec', serverNames: ['a'], count: 1 },
    { name: '["ec","rsa"]', serverNames: ['b'], count: 2 },
    { name: 'rsa', serverNames: ['c'], count: 1 },
  ]);
  t.same(combine(named(ec, 'ec', '*.a'), named(rsa, 'rsa', 'x.a')), [
    { name: 'ec', serverNames: ['*.a'], count: 1 },
    { name: '["ec","rsa"]', serverNames: ['x.a'], count: 2 },
  ]);
  t.same(combine(named(ec, 'ec'), named(rsa, 'rsa')), [{ ...both, serverNames: [] }]);
  t.same(combine(named(ec, 'ec'), named(rsa, 'rsa', 'a')), [
    { name: 'ec', serverNames: [], count: 1 },
    { name: 'rsa', serverNames: ['a'], count: 1 },
  ]);
  t.throws(() => combineCredentials([]), RangeError);
  const later = named({ ...ec, cert: `${ec.cert}\n` }, 'later', 'LOCALHOST');
  t.same(neverShown([ec, rsa, later]), [later]);
  t.same(neverShown([ec, rsa, named(later, 'later', 'localhost', 'other')]), []);
});

/** What `openssl s_client` says, if it comes as far as the greeting. */
async function toldBy(
  { port }: AcceptorServer,
  ...options: readonly string[]
): Promise<string | undefined> {
  return converse('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options], {
    isDone: (told) => /^hello\r?$/m.test(told),
    leave: (client) => client.stdin?.end('Q\n'),
  }).catch(() => undefined);
}

void t.test('openssl that knows RSA only, and that knows ECDSA only', async (t) => {
  for (const policy of tlsPolicies) {
    for (const credentials of [
      [ec, rsa],
      [rsa, ec],
    ]) {
      const { server } = await startForTest(t, { policy, credentials });
      const tls13 = (sigalg: string) => toldBy(server, '-tls1_3', '-sigalgs', sigalg);
      t.match(await tls13('rsa_pss_rsae_sha256'), /^Peer signature type: RSA-PSS$/m, policy);
      t.match(await tls13('ecdsa_secp256r1_sha256'), /^Peer signature type: ECDSA$/m);
      const ciphers = [
        ...(policy === 'modern'
          ? []
          : ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256']),
        ...(policy === 'legacy' ? ['AES128-SHA', 'ECDHE-RSA-AES128-SHA'] : []),
      ];
      for (const cipher of ciphers) {
        const told = await toldBy(server, '-tls1_2', '-cipher', `${cipher}:@SECLEVEL=0`);
        t.match(told, `Cipher is ${cipher}`, policy);
      }
    }
  }
});

async function visit(
  { port }: AcceptorServer,
  version: TlsVersion,
  kind: keyof typeof onlyKnows,
  session?: Buffer,
) {
  const tls = { servername: 'localhost', ...onlyKnows[kind] };
  const { isResumed, sessions } = await visitWithNode({ port, version, session, tls });
  return { isResumed, session: sessions.at(-1) };
}

void t.test(
  'sessions of one outlive the renewal of the other, and come back whichever is shown',
  async (t) => {
    for (const version of tlsVersions) {
      const { server } = await startForTest(t, { credentials: [ec, rsa] });
      const kinds = ['ec', 'rsa'] as const;
      const sessions = {
        ec: await visit(server, version, 'ec'),
        rsa: await visit(server, version, 'rsa'),
      };
      const renewed = { ...(await makeRsaCredential(2048)), serverNames };
      server.acceptor.replaceCredentials([rsa, ec]);
      server.acceptor.replaceCredentials([ec, renewed]);
      for (const kind of kinds) {
        const { session } = sessions[kind];
        t.equal(
          (await visit(server, version, kind, session)).isResumed,
          true,
          `${version}, ${kind}`,
        );
      }
      const shown: string[] = [];
      server.acceptor.replaceCredentials([ec, renewed]);
      for (const kind of kinds) {
        await visitWithNode({
          port: server.port,
          version,
          tls: {
            ...onlyKnows[kind],
            rejectUnauthorized: true,
            ca: [ec.cert, renewed.cert],
            checkServerIdentity: (_name, { raw }) => {
              shown.push(new X509Certificate(raw).toString());
              return undefined;
            },
          },
        });
      }
      t.same(
        shown,
        [ec.cert, renewed.cert].map((pem) => new X509Certificate(pem).toString()),
      );
    }
  },
);
