// Certificates that change while workers serve.
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { makeRsaCredential } from '../../fixtures/rsa-credential.ts';
import { startTwoWorkers, type TwoWorkers } from '../../fixtures/two-workers.ts';
import { makeSelfSignedCertificate } from '../../../tls/certificates/self-signed.ts';

/** Files of a certificate, which can be renewed as tools do it. */
class CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;

  constructor(directory: string, name: string) {
    this.certPath = join(directory, `${name}.pem`);
    this.keyPath = join(directory, `${name}-key.pem`);
  }

  /** A new certificate and key; the serial number of it. */
  async renew(hostName: string): Promise<string> {
    const { cert, key } = await makeSelfSignedCertificate({ hostNames: [hostName] });
    await replaceFile(this.keyPath, key);
    await replaceFile(this.certPath, cert);
    return new X509Certificate(cert).serialNumber;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function makeDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-certificates-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

function serialOf(client: ImapClient): string | undefined {
  return client.tlsSocket.getPeerX509Certificate()?.serialNumber;
}

/** The serial numbers of the certificates that each worker shows. */
async function shown(server: TwoWorkers): Promise<(string | undefined)[]> {
  const clients = [await server.loginOn(1), await server.loginOn(2)];
  return clients.map(serialOf);
}

await t.test('a renewed certificate is shown by all workers, and drops nothing', async (t) => {
  const files = new CertificateFiles(await makeDirectory(t), 'server');
  const first = await files.renew('localhost');
  const server = await startTwoWorkers(t, {
    REPRISE_TLS_CERT: files.certPath,
    REPRISE_TLS_KEY: files.keyPath,
  });
  t.strictSame(await shown(server), [first, first]);
  const staying = await server.loginOn(1);
  const { client } = await server.visit();
  const session = client.sessions.at(-1);
  t.ok(session);

  const second = await files.renew('localhost');
  await server.logged('certificates replaced');
  t.strictSame(await shown(server), [second, second]);
  await staying.ok('NOOP');
  const returning = await server.login('tls', session === undefined ? {} : { session });
  t.ok(returning.isResumed, 'sessions outlive the certificate');

  await writeFile(files.certPath, 'broken');
  t.match(await server.logged('new certificate refused, the old one stays'), {
    level: 'error',
    reason: `Cannot use certificate "${files.certPath}": it is no PEM certificate`,
    err: undefined,
  });
  t.strictSame(await shown(server), [second, second]);

  await server.crash(1);
  await server.logged('worker replaced');
  t.strictSame(await shown(server), [second, second], 'also by a worker that came later');
});

await t.test('a certificate that TLS refuses is refused, and the workers live on', async (t) => {
  const files = new CertificateFiles(await makeDirectory(t), 'server');
  const first = await files.renew('localhost');
  const server = await startTwoWorkers(t, {
    REPRISE_TLS_CERT: files.certPath,
    REPRISE_TLS_KEY: files.keyPath,
  });
  // Fine as files, but the key is too short for any client of today.
  const { cert, key } = await makeRsaCredential(1024);
  await replaceFile(files.keyPath, key);
  await replaceFile(files.certPath, cert);
  t.match(await server.logged('new certificate refused, the old one stays'), {
    reason: /^Cannot use certificate ".*": .*key too small/,
  });
  t.strictSame(await shown(server), [first, first]);
  t.notOk(server.process.log.some(({ msg }) => msg === 'worker crashed'));
});

await t.test('the policy holds in the workers', async (t) => {
  const server = await startTwoWorkers(t, { REPRISE_TLS_POLICY: 'modern' });
  t.equal((await server.connect('tls')).tlsSocket.getProtocol(), 'TLSv1.3');
  await t.rejects(server.connect('tls', { maxVersion: 'TLSv1.2' }));
});

await t.test('several certificates, by the name that the client asks for', async (t) => {
  const directory = await makeDirectory(t);
  const [one, two] = [
    new CertificateFiles(directory, 'one'),
    new CertificateFiles(directory, 'two'),
  ];
  const [first, second] = [await one.renew('one.example'), await two.renew('two.example')];
  const server = await startTwoWorkers(t, {
    REPRISE_TLS_CERT: `${one.certPath},${two.certPath}`,
    REPRISE_TLS_KEY: `${one.keyPath},${two.keyPath}`,
  });
  for (const [servername, serial] of [
    ['one.example', first],
    ['two.example', second],
    ['other.example', first],
  ] as const) {
    t.equal(serialOf(await server.connect('tls', { servername })), serial, servername);
    t.equal(serialOf(await server.connect('starttls', { servername })), serial, servername);
  }
});

await t.test('an ECDSA and an RSA certificate for one name', async (t) => {
  const directory = await makeDirectory(t);
  const [ec, rsa, late] = ['ec', 'rsa', 'late'].map(
    (name) => new CertificateFiles(directory, name),
  );
  if (ec === undefined || rsa === undefined || late === undefined) throw new Error('No files');
  await ec.renew('localhost');
  await late.renew('localhost');
  const { cert, key } = await makeRsaCredential(2048, ['localhost']);
  await writeFile(rsa.certPath, cert);
  await writeFile(rsa.keyPath, key);
  const server = await startTwoWorkers(t, {
    REPRISE_TLS_CERT: [ec, rsa, late].map(({ certPath }) => certPath).join(),
    REPRISE_TLS_KEY: [ec, rsa, late].map(({ keyPath }) => keyPath).join(),
  });
  for (const security of ['tls', 'starttls'] as const) {
    for (const [cipher, type] of [
      ['ECDHE-RSA-AES128-GCM-SHA256', 'rsa'],
      ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ec'],
    ] as const) {
      const { tlsSocket } = await server.connect(security, {
        ciphers: cipher,
        maxVersion: 'TLSv1.2',
      });
      const shown = tlsSocket.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
      t.equal(shown, type, security);
    }
  }
  const told = `Certificate "${late.certPath}" is never shown: an earlier one has its names and its kind of key`;
  t.ok(await server.logged(told));
});
