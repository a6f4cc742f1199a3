import { chmodSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { makeSelfSignedCertificate } from '../../../tls/index.ts';
import { makeRsaCredential } from '../../fixtures/rsa-credential.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { reprise } from './reprise.ts';

await t.test('shows every key in effect and what the cache holds', async (t) => {
  const file = join(t.testdir(), 'reprise.yaml');
  writeFileSync(file, 'REPRISE_IMAP_PORT: 1143\nREPRISE_SESSION_CACHE_BYTES: 2MiB\n');
  const result = await reprise(['check-config', '--config', file], {
    REPRISE_SESSION_LIFETIME: '100',
    REPRISE_WORKERS: '2',
  });
  t.match(result, { code: 0, stderr: '' });
  const keys = result.stdout.split('\n').filter((line) => line.startsWith('REPRISE_'));
  t.strictSame(keys, [
    'REPRISE_DATA=./data',
    'REPRISE_STORE=sqlite',
    'REPRISE_MIGRATION_BACKUP=on',
    'REPRISE_IMAP_PORT=1143',
    'REPRISE_IMAPS_PORT=993',
    'REPRISE_MAX_CONNECTIONS=20000',
    'REPRISE_MAX_CONNECTIONS_BEFORE_LOGIN=16384',
    'REPRISE_MAX_COMMANDS_BEFORE_LOGIN=50',
    'REPRISE_LOGIN_DEADLINE=120',
    'REPRISE_AUTOLOGOUT=1860',
    'REPRISE_WORKERS=2',
    'REPRISE_TLS_POLICY=intermediate',
    'REPRISE_TLS_CLIENT_AUTH=off',
    'REPRISE_SESSION_CACHE=memory',
    'REPRISE_TICKET_KEYS=auto',
    'REPRISE_SESSION_LIFETIME=100',
    'REPRISE_SESSION_CACHE_BYTES=2097152',
    'REPRISE_PASSWORD_CHECKS=2',
    'REPRISE_WAITING_LOGINS=4096',
    'REPRISE_LOGIN_DELAY=15',
    'REPRISE_CAPABILITIES_OFF=UIDONLY,MESSAGELIMIT,SAVELIMIT',
    'REPRISE_BACKGROUND_CONNECTIONS=0',
    'REPRISE_MESSAGE_LIMIT=10000',
    'REPRISE_ADMIN_PORT=9143',
    'REPRISE_LOG_LEVEL=info',
  ]);
  t.match(result.stdout, /^# 2 MiB hold about 10,485 TLS sessions: enough for 104 new ones/m);
  t.match(result.stdout, /^# Ticket keys: native /m);
});

await t.test('says only what applies', async (t) => {
  const tickets = await reprise(['check-config'], { REPRISE_SESSION_CACHE: 'tickets' });
  t.notMatch(tickets.stdout, /TLS sessions:/, 'a cache that is not there holds nothing');
  t.match(tickets.stdout, /^# Ticket keys: native /m);
  const chosen = await reprise(['check-config'], { REPRISE_TICKET_KEYS: 'per_key' });
  t.match(chosen.stdout, /^REPRISE_TICKET_KEYS=per_key$/m);
  t.match(chosen.stdout, /^# Ticket keys: per_key \(as REPRISE_TICKET_KEYS says, /m);
  const off = await reprise(['check-config'], { REPRISE_SESSION_CACHE: 'off' });
  t.equal(off.code, 0);
  t.notMatch(off.stdout, /TLS sessions:|Ticket keys/);
  const caPath = join(t.testdir(), 'ca.pem');
  const { cert } = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  writeFileSync(caPath, cert);
  const clients = { REPRISE_TLS_CLIENT_AUTH: 'required', REPRISE_TLS_CLIENT_CA: caPath };
  const asking = await reprise(['check-config'], clients);
  t.equal(asking.code, 0);
  t.notMatch(asking.stdout, /Ticket keys/, 'clients with certificates get no tickets');
});

await t.test('says everything that is wrong, one line each', async (t) => {
  const result = await reprise(['check-config'], {
    REPRISE_IMAP_PORT: 'http',
    REPRISE_LOG_LEVEL: 'loud',
    REPRISE_TLS_KEY: 'key.pem',
    REPRISE_UNKNOWN: '1',
  });
  t.match(result, { code: 1, stdout: '' });
  t.equal(result.errors.length, 3, 'keys that go together are checked when each is right');
  t.ok(result.errors.every((line) => line.startsWith('reprise: REPRISE_')));
  t.match(await reprise(['check-config'], { REPRISE_TLS_KEY: 'key.pem' }), {
    code: 1,
    stderr: /REPRISE_TLS_CERT/,
  });
});

await t.test('looks at secrets and at the authorities of clients', async (t) => {
  const directory = t.testdir({ short: 'x' });
  const path = join(directory, 'short');
  t.match(await reprise(['check-config'], { REPRISE_SESSION_SECRET: path }), {
    code: 1,
    errors: [/^reprise: Cannot use secret ".*short"/],
  });
  t.match(await reprise(['check-config'], { REPRISE_SESSION_CACHE: `module:${path}.js` }), {
    code: 1,
    errors: [/^reprise: Cannot load session cache module ".*short.js": ENOENT$/],
  });
  const clients = { REPRISE_TLS_CLIENT_AUTH: 'optional', REPRISE_TLS_CLIENT_CA: path };
  t.match(await reprise(['check-config'], clients), {
    code: 1,
    errors: [/^reprise: Cannot use ".*short"/],
  });
});

await t.test('looks at the certificate too', async (t) => {
  const directory = t.testdir();
  const [one, other] = await Promise.all([
    makeSelfSignedCertificate({ hostNames: ['localhost'] }),
    makeSelfSignedCertificate({ hostNames: ['localhost'] }),
  ]);
  const certPath = join(directory, 'cert.pem');
  const keyPath = join(directory, 'key.pem');
  const check = () =>
    reprise(['check-config'], { REPRISE_TLS_CERT: certPath, REPRISE_TLS_KEY: keyPath });
  writeFileSync(certPath, one.cert);
  t.match(await check(), { code: 1, stderr: /^reprise: Cannot read key ".*key.pem": ENOENT\n$/ });
  writeFileSync(keyPath, other.key);
  const mismatch = await check();
  t.match(mismatch, { code: 1, stderr: /^reprise: Cannot use certificate/ });
  t.equal(mismatch.errors.length, 1);
  writeFileSync(keyPath, one.key);
  t.match(await check(), { code: 0 });
});

await t.test('warns of what a server warns of at its start', async (t) => {
  const directory = t.testdir({ secret: 'x'.repeat(32) });
  const path = (name: string) => join(directory, name);
  const [one, other] = await Promise.all(
    [365, -1].map((validDays) =>
      makeSelfSignedCertificate({ hostNames: ['localhost'], validDays }),
    ),
  );
  writeFileSync(path('one.pem'), one!.cert);
  writeFileSync(path('one-key.pem'), one!.key, { mode: 0o600 });
  writeFileSync(path('other.pem'), other!.cert);
  writeFileSync(path('other-key.pem'), other!.key, { mode: 0o604 });
  chmodSync(path('secret'), 0o644);
  const authority = await TestAuthority.create('Clients');
  writeFileSync(path('ca.pem'), authority.cert + other!.cert);
  writeFileSync(path('crl.pem'), await authority.revoke([], { nextUpdate: new Date(0) }));
  const environment = {
    REPRISE_TLS_CERT: `${path('one.pem')},${path('other.pem')}`,
    REPRISE_TLS_KEY: `${path('one-key.pem')},${path('other-key.pem')}`,
    REPRISE_SESSION_SECRET: path('secret'),
    REPRISE_TLS_CLIENT_AUTH: 'optional',
    REPRISE_TLS_CLIENT_CA: path('ca.pem'),
    REPRISE_TLS_CLIENT_CRL: path('crl.pem'),
    REPRISE_OAUTH_ISSUER: 'https://login.example.org',
    REPRISE_OAUTH_AUDIENCE: 'imap',
    REPRISE_OAUTH_KEYS: path('keys.json'),
  };
  const expected = [
    /^Certificate ".*\/other.pem" expired on /,
    /^Everybody on this machine can use key ".*\/other-key.pem" \(mode 0604\): /,
    /^Certificate ".*\/other.pem" is never shown: /,
    /^Authority "CN=localhost" in ".*\/ca.pem" ended on .*: no client certificate of it is valid$/,
    /^A revocation list in ".*\/crl.pem" is out of date since 1970-01-01T00:00:00.000Z: no /,
    /^Everybody on this machine can use session secret ".*\/secret" \(mode 0644\): /,
    /^Cannot read token keys ".*\/keys.json": ENOENT$/,
  ];
  const { code, stdout } = await reprise(['check-config'], environment);
  t.equal(code, 0);
  const mark = '# Warning: ';
  const shown = stdout.split('\n').filter((line) => line.startsWith(mark));
  t.match(
    shown.map((line) => line.slice(mark.length)),
    expected,
  );
  t.equal(shown.length, expected.length);
  const server = await startServerProcess({ environment });
  t.teardown(() => server.stop());
  const logged = server.log.filter(({ level }) => level === 'warn').map(({ msg }) => String(msg));
  t.strictSame(logged.toSorted(), shown.map((line) => line.slice(mark.length)).toSorted());
});

await t.test('warns of token keys in a file that are none, and asks no issuer', async (t) => {
  const path = join(t.testdir({ 'keys.json': '{}' }), 'keys.json');
  const warningsWith = async (keys: string) => {
    const environment = {
      REPRISE_OAUTH_ISSUER: 'https://login.example.org',
      REPRISE_OAUTH_AUDIENCE: 'imap',
      REPRISE_OAUTH_KEYS: keys,
    };
    const { code, stdout } = await reprise(['check-config'], environment);
    t.equal(code, 0);
    return stdout.split('\n').filter((line) => line.startsWith('# Warning: '));
  };
  t.strictSame(await warningsWith(path), [
    `# Warning: Cannot read token keys "${path}": The key set has no "keys"`,
  ]);
  writeFileSync(path, '{"keys":[]}');
  t.strictSame(await warningsWith(path), []);
  t.strictSame(await warningsWith('http://127.0.0.1:1/keys'), []);
});

await t.test('says also what TLS would say of a certificate', async (t) => {
  const directory = t.testdir();
  const [certPath, keyPath] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const { cert, key } = await makeRsaCredential(1024);
  writeFileSync(certPath, cert);
  writeFileSync(keyPath, key);
  t.match(
    await reprise(['check-config'], { REPRISE_TLS_CERT: certPath, REPRISE_TLS_KEY: keyPath }),
    {
      code: 1,
      errors: [/^reprise: Cannot use certificate ".*cert.pem": .*key too small/],
    },
  );
});

await t.test('shows what resumes here, and what does not', async (t) => {
  const { node, openssl } = process.versions;
  const last = async (environment: Readonly<Record<string, string>>) =>
    (await reprise(['check-config'], environment)).stdout.trimEnd().split('\n').at(-1);
  t.equal(
    await last({ REPRISE_SESSION_CACHE: 'tickets' }),
    `# Resumption with Node ${node} and OpenSSL ${openssl} works for TLS 1.2 with tickets, TLS 1.3 with tickets (see "reprise self-test")`,
  );
  t.equal(
    await last({ REPRISE_SESSION_CACHE: 'off' }),
    '# Resumption: nothing to try with these settings',
  );
  const path = resolve(import.meta.dirname, '../../fixtures/broken-resumption.ts');
  const broken = await last({
    REPRISE_TLS_POLICY: 'modern',
    NODE_OPTIONS: `--import=${pathToFileURL(path).href}`,
    BROKEN_RESUMPTION: 'tls13-stateful',
  });
  t.match(
    broken,
    / works for TLS 1.3 with tickets, .*; fails for TLS 1.3 from the session cache \(see/,
  );
});
