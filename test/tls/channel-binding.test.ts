import { createHash, X509Certificate } from 'node:crypto';
import t from 'tap';
import { type ServedCredential } from '../../tls/certificates/served-credentials.ts';
import { OwnCertificates } from '../../tls/channel-binding.ts';
import type { TlsConnection } from '../../tls/handshake.ts';
import { makeSelfSignedCertificate } from '../../tls/index.ts';
import { tlsLimits } from '../../tls/limits.ts';

async function serve(): Promise<{ credential: ServedCredential; endPoint: Buffer; raw: Buffer }> {
  const { cert, key } = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const { raw } = new X509Certificate(cert);
  const credential = { name: 'test', serverNames: ['localhost'], cert: [cert], key: [key] };
  return { credential, endPoint: createHash('sha256').update(raw).digest(), raw };
}

/** A connection, as far as it counts here. */
function connection(isResumed: boolean, shown?: X509Certificate): TlsConnection {
  const socket = { getX509Certificate: () => shown };
  return { socket, isResumed } as unknown as TlsConnection;
}

await t.test('who resumes may have seen any certificate of its time', async (t) => {
  let nowMs = 1_000;
  const own = new OwnCertificates(() => nowMs);
  const [old, renewed, next] = [await serve(), await serve(), await serve()];
  const endPoints = (isResumed: boolean, shown?: X509Certificate) =>
    own.endPointsOf(connection(isResumed, shown)).map((hash) => Buffer.from(hash).toString('hex'));
  const hex = ({ endPoint }: { endPoint: Buffer }) => endPoint.toString('hex');
  own.serve([old.credential]);
  t.strictSame(endPoints(true), [hex(old)]);
  own.serve([renewed.credential]);
  t.strictSame(endPoints(true), [hex(old), hex(renewed)]);
  t.strictSame(endPoints(false, new X509Certificate(renewed.raw)), [hex(renewed)], 'what it saw');
  nowMs += tlsLimits.resumptionChainMs - 1;
  own.serve([renewed.credential, next.credential]);
  t.strictSame(endPoints(true), [hex(old), hex(renewed), hex(next)]);
  nowMs += 1;
  own.serve([renewed.credential, next.credential]);
  t.strictSame(endPoints(true), [hex(renewed), hex(next)], 'its last session has ended');
  own.serve([old.credential]);
  t.strictSame(new Set(endPoints(true)), new Set([hex(old), hex(renewed), hex(next)]));
});

await t.test('the hash is that of the signature', async (t) => {
  const own = new OwnCertificates(() => 0);
  const raw = Buffer.from('certificate');
  const bindings = (signatureAlgorithm: string) =>
    own.endPointsOf(connection(false, { signatureAlgorithm, raw } as X509Certificate));
  for (const [signature, hash] of [
    ['sha256WithRSAEncryption', 'sha256'],
    ['ecdsa-with-SHA384', 'sha384'],
    ['sha512WithRSAEncryption', 'sha512'],
    ['sha1WithRSAEncryption', 'sha256'],
    ['md5WithRSAEncryption', 'sha256'],
  ] as const) {
    t.strictSame(bindings(signature), [createHash(hash).update(raw).digest()], signature);
  }
  for (const signature of ['ED25519', 'rsassaPss'])
    t.strictSame(bindings(signature), [], signature);
});
