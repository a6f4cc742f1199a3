import { X509Certificate } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { CredentialError, loadCredential, makeSelfSignedCertificate } from '../../../tls/index.ts';

void t.test(
  'makeSelfSignedCertificate makes one for its names and the loopback addresses',
  async (t) => {
    const nowMs = Date.UTC(2030, 5, 1);
    const { cert, key } = await makeSelfSignedCertificate({
      hostNames: ['localhost', 'mail.example.org', '192.0.2.7'],
      validDays: 10,
      clock: () => nowMs,
    });
    const certificate = new X509Certificate(cert);
    for (const name of ['localhost', 'mail.example.org']) t.ok(certificate.checkHost(name), name);
    for (const address of ['127.0.0.1', '::1', '192.0.2.7'])
      t.ok(certificate.checkIP(address), address);
    t.notOk(certificate.checkHost('example.org'));
    t.equal(certificate.publicKey.asymmetricKeyType, 'ec');
    t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    t.ok(certificate.verify(certificate.publicKey), 'signed by itself');
    t.equal(certificate.validToDate.getTime(), nowMs + 10 * 24 * 60 * 60 * 1000);
    t.ok(certificate.validFromDate.getTime() < nowMs);
    t.match(key, /^-----BEGIN PRIVATE KEY-----/);
  },
);

void t.test('makeSelfSignedCertificate makes another one each time', async (t) => {
  const [one, two] = await Promise.all([
    makeSelfSignedCertificate({ hostNames: ['localhost'] }),
    makeSelfSignedCertificate({ hostNames: ['localhost'] }),
  ]);
  t.not(new X509Certificate(one.cert).serialNumber, new X509Certificate(two.cert).serialNumber);
  t.not(one.key, two.key);
});

void t.test('loadCredential', async (t) => {
  const directory = t.testdir({});
  const path = (name: string): string => join(directory, name);
  const good = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const other = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const past = await makeSelfSignedCertificate({
    hostNames: ['localhost'],
    clock: () => 0,
    validDays: 1,
  });
  await writeFile(path('cert.pem'), good.cert);
  await writeFile(path('key.pem'), good.key, { mode: 0o640 });
  await writeFile(path('other.pem'), other.key);
  await writeFile(path('past-cert.pem'), past.cert);
  await writeFile(path('past-key.pem'), past.key, { mode: 0o600 });
  await writeFile(path('broken.pem'), '-----BEGIN CERTIFICATE-----\nTm90IG9uZQ==\n');

  const credential = await loadCredential(path('cert.pem'), path('key.pem'));
  t.equal(credential.cert, good.cert);
  t.equal(credential.key, good.key);
  t.equal(credential.name, path('cert.pem'));
  t.same(credential.warnings, []);
  const named = await loadCredential(path('cert.pem'), path('key.pem'), { name: 'main' });
  t.equal(named.name, 'main');

  const expired = await loadCredential(path('past-cert.pem'), path('past-key.pem'));
  t.match(expired.warnings, [/past-cert\.pem" expired on/]);
  const early = await loadCredential(path('cert.pem'), path('key.pem'), { clock: () => 0 });
  t.match(early.warnings, [/cert\.pem" is not valid before/]);

  await chmod(path('key.pem'), 0o644);
  const open = await loadCredential(path('cert.pem'), path('key.pem'));
  t.match(open.warnings, [/^Everybody on this machine can use key ".*key\.pem" \(mode 0644\): /]);

  const failures: [string, string, RegExp][] = [
    ['none.pem', 'key.pem', /^Cannot read certificate ".*none\.pem": ENOENT$/],
    ['cert.pem', 'none.pem', /^Cannot read key ".*none\.pem": ENOENT$/],
    ['cert.pem', '.', /^Cannot read key ".*": EISDIR$/],
    ['broken.pem', 'key.pem', /^Cannot use certificate ".*broken\.pem": it is no PEM certificate$/],
    ['cert.pem', 'broken.pem', /^Cannot use key ".*broken\.pem": it is no PEM key/],
    ['cert.pem', 'cert.pem', /^Cannot use key ".*cert\.pem": it is no PEM key/],
    ['cert.pem', 'other.pem', /the key is not the certificate's$/],
  ];
  for (const [cert, key, message] of failures) {
    const error = await loadCredential(path(cert), path(key)).catch((error: unknown) => error);
    t.ok(error instanceof CredentialError, `${cert} and ${key}`);
    t.match((error as Error).message, message);
    t.notMatch((error as Error).message, /\n/, 'one line');
  }
});
