import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import t from 'tap';
import { readConfiguration } from '../../server/config/read-configuration.ts';
import type { Configuration } from '../../server/config/configuration.ts';
import { credentialFilesOf, ownCredentialPaths } from '../../server/own-credential.ts';
import { makeSelfSignedCertificate } from '../../tls/index.ts';

const logger = pino({ level: 'silent' });

function configurationOf(environment: Record<string, string>) {
  return readConfiguration({ environment });
}

/** What is in the first of the files. */
async function openCredential(configuration: Configuration): Promise<{ readonly cert: string }> {
  const [files] = await credentialFilesOf(configuration, logger);
  return { cert: readFileSync(files?.certPath ?? '', 'utf8') };
}

await t.test('a self-signed certificate is made once and kept', async (t) => {
  const dataDirectory = t.testdir();
  const configuration = configurationOf({ REPRISE_DATA: dataDirectory, REPRISE_HOST: '192.0.2.7' });
  const first = await openCredential(configuration);
  const { certPath, keyPath, directory } = ownCredentialPaths(dataDirectory);
  t.equal(statSync(keyPath).mode & 0o777, 0o600);
  t.equal(statSync(directory).mode & 0o777, 0o700);
  const certificate = new X509Certificate(first.cert);
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.ok(certificate.checkHost('localhost'));
  t.ok(certificate.checkHost(hostname()) ?? !/^[\w.-]+$/.test(hostname()));
  for (const address of ['127.0.0.1', '::1', '192.0.2.7']) t.ok(certificate.checkIP(address));
  t.equal((await openCredential(configuration)).cert, first.cert, 'kept');
  rmSync(certPath);
  t.not((await openCredential(configuration)).cert, first.cert, 'a half pair is replaced');
});

await t.test('one that ends soon is replaced, one that is broken is not', async (t) => {
  const dataDirectory = t.testdir();
  const configuration = configurationOf({ REPRISE_DATA: dataDirectory });
  await openCredential(configuration);
  const { certPath, keyPath } = ownCredentialPaths(dataDirectory);
  const old = await makeSelfSignedCertificate({ hostNames: ['localhost'], validDays: 20 });
  writeFileSync(certPath, old.cert);
  writeFileSync(keyPath, old.key);
  t.not((await openCredential(configuration)).cert, old.cert);
  writeFileSync(certPath, 'broken');
  await t.rejects(openCredential(configuration), { name: 'CredentialError' });
  t.equal(readFileSync(certPath, 'utf8'), 'broken');
});

await t.test('a configured certificate is used, and nothing is made', async (t) => {
  const dataDirectory = t.testdir();
  const { cert, key } = await makeSelfSignedCertificate({ hostNames: ['mail.example.com'] });
  const [certPath, keyPath] = [join(dataDirectory, 'c.pem'), join(dataDirectory, 'k.pem')];
  writeFileSync(certPath, cert);
  writeFileSync(keyPath, key);
  const configuration = configurationOf({
    REPRISE_DATA: dataDirectory,
    REPRISE_TLS_CERT: certPath,
    REPRISE_TLS_KEY: keyPath,
  });
  t.equal((await openCredential(configuration)).cert, cert);
  t.throws(() => statSync(ownCredentialPaths(dataDirectory).directory));
});
