import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { capabilitiesOffByDefault } from '../../../protocol/capability.ts';
import { toKeys } from '../../../server/config/configuration.ts';
import { configurationKeys } from '../../../server/config/configuration-schema.ts';
import { ConfigurationError } from '../../../server/config/configuration-error.ts';
import { readConfiguration } from '../../../server/config/read-configuration.ts';

function problemsOf(environment: Record<string, string>, filePath?: string): readonly string[] {
  try {
    readConfiguration({ environment, ...(filePath !== undefined && { filePath }) });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

function yamlFile(t: Test, text: string): string {
  const path = join(t.testdir(), 'reprise.yaml');
  writeFileSync(path, text);
  return path;
}

await t.test('an empty environment gives the defaults', async (t) => {
  t.strictSame(readConfiguration({ environment: { HOME: '/root' } }), {
    dataDirectory: './data',
    store: 'sqlite',
    backsUpMigrations: true,
    imapPort: 143,
    imapsPort: 993,
    bounds: {
      maxConnections: 20_000,
      maxConnectionsBeforeLogin: 16_384,
      maxCommandsPerSecondBeforeLogin: 50,
      loginDeadlineSeconds: 120,
      autologoutSeconds: 1_860,
      messageLimit: 10_000,
      backgroundConnections: 0,
    },
    workerCount: availableParallelism(),
    certificates: [],
    tlsPolicy: 'intermediate',
    sessionCache: { kind: 'memory' },
    sessionSecretPaths: [],
    sessionLifetimeSeconds: 7200,
    sessionCacheBytes: 64 * 1024 * 1024,
    passwordChecks: 2,
    waitingLogins: 4096,
    loginDelaySeconds: 15,
    capabilitiesOff: capabilitiesOffByDefault,
    admin: { host: '127.0.0.1', port: 9143 },
    logLevel: 'info',
  });
});

await t.test('every key is read from the environment and shown again', async (t) => {
  const environment = {
    REPRISE_DATA: '/srv/mail',
    REPRISE_STORE: 'sqlite',
    REPRISE_HOST: '::1',
    REPRISE_IMAP_PORT: '0',
    REPRISE_IMAPS_PORT: '-1',
    REPRISE_MAX_CONNECTIONS: '500',
    REPRISE_MAX_CONNECTIONS_BEFORE_LOGIN: '100',
    REPRISE_MAX_COMMANDS_BEFORE_LOGIN: '10',
    REPRISE_LOGIN_DEADLINE: '30',
    REPRISE_AUTOLOGOUT: '3600',
    REPRISE_WORKERS: '3',
    REPRISE_TLS_CERT: 'cert.pem, other.pem',
    REPRISE_TLS_KEY: 'key.pem,other-key.pem',
    REPRISE_TLS_POLICY: 'modern',
    REPRISE_TLS_CLIENT_AUTH: 'required',
    REPRISE_TLS_CLIENT_CA: 'ca.pem',
    REPRISE_TLS_CLIENT_CRL: 'crl.pem',
    REPRISE_SESSION_CACHE: 'rediss://cache.example.com:6380/2',
    REPRISE_SESSION_SECRET: 'new.key,old.key',
    REPRISE_SESSION_LIFETIME: '60',
    REPRISE_SESSION_CACHE_BYTES: '2MiB',
    REPRISE_PASSWORD_CHECKS: '3',
    REPRISE_WAITING_LOGINS: '100',
    REPRISE_LOGIN_DELAY: '0',
    REPRISE_CAPABILITIES_OFF: 'idle, CONDSTORE,IDLE,alice:MOVE',
    REPRISE_ELSEWHERE: 'alice=imap://alice;AUTH=*@mail2/ Bob=imap://mail3',
    REPRISE_CAPABILITIES_EXTRA: 'XDELTAPUSH X-B',
    REPRISE_BACKGROUND_CONNECTIONS: '300',
    REPRISE_REMOTE_MAILBOXES: 'imap://mail2/Public',
    REPRISE_MESSAGE_LIMIT: '1000',
    REPRISE_OAUTH_ISSUER: 'https://login.example.org',
    REPRISE_OAUTH_AUDIENCE: 'imap, mail',
    REPRISE_OAUTH_KEYS: '/etc/reprise/keys.json',
    REPRISE_OAUTH_CLAIM: 'sub',
    REPRISE_ADMIN_PORT: '[::1]:0',
    REPRISE_MIGRATION_BACKUP: 'off',
    REPRISE_LOG_LEVEL: 'debug',
  };
  const configuration = readConfiguration({ environment });
  t.strictSame(configuration, {
    dataDirectory: '/srv/mail',
    store: 'sqlite',
    backsUpMigrations: false,
    host: '::1',
    imapPort: 0,
    imapsPort: -1,
    bounds: {
      maxConnections: 500,
      maxConnectionsBeforeLogin: 100,
      maxCommandsPerSecondBeforeLogin: 10,
      loginDeadlineSeconds: 30,
      autologoutSeconds: 3_600,
      messageLimit: 1_000,
      backgroundConnections: 300,
    },
    workerCount: 3,
    certificates: [
      { certPath: 'cert.pem', keyPath: 'key.pem' },
      { certPath: 'other.pem', keyPath: 'other-key.pem' },
    ],
    tlsPolicy: 'modern',
    clientCertificates: { caPath: 'ca.pem', crlPath: 'crl.pem', isRequired: true },
    sessionCache: { kind: 'redis', url: 'rediss://cache.example.com:6380/2' },
    sessionSecretPaths: ['new.key', 'old.key'],
    sessionLifetimeSeconds: 60,
    sessionCacheBytes: 2 * 1024 * 1024,
    passwordChecks: 3,
    waitingLogins: 100,
    loginDelaySeconds: 0,
    capabilitiesOff: ['IDLE', 'CONDSTORE'],
    extraCapabilities: ['XDELTAPUSH', 'X-B'],
    accountCapabilitiesOff: new Map([['alice', ['MOVE']]]),
    tokens: {
      issuer: 'https://login.example.org',
      audiences: ['imap', 'mail'],
      keys: '/etc/reprise/keys.json',
      claim: 'sub',
    },
    remoteMailboxes: [{ server: { host: 'mail2' }, mailboxName: 'Public' }],
    accountsElsewhere: new Map([
      ['alice', { host: 'mail2', userName: 'alice' }],
      ['bob', { host: 'mail3', userName: 'Bob' }],
    ]),
    admin: { host: '::1', port: 0 },
    logLevel: 'debug',
  });
  const shown = toKeys(configuration);
  const listKeys = ['REPRISE_LISTEN', 'REPRISE_PROXY_FROM'];
  t.strictSame(
    [...shown.keys()],
    configurationKeys.filter((key) => !listKeys.includes(key)),
  );
  t.strictSame(
    readConfiguration({ environment: Object.fromEntries(shown) }),
    configuration,
    'what is shown can be pasted back',
  );
});

await t.test('mail in memory is served by one thread', async (t) => {
  const environment = { REPRISE_STORE: 'memory', REPRISE_WORKERS: '3' };
  const configuration = readConfiguration({ environment });
  t.match(configuration, { store: 'memory', workerCount: 0 });
  t.match(toKeys(configuration).get('REPRISE_STORE'), 'memory');
  t.match(problemsOf({ REPRISE_STORE: 'disk' }), [
    'REPRISE_STORE="disk" (from the environment) must be one of sqlite, memory',
  ]);
});

await t.test('a list of listeners stands instead of the ports, and is shown again', async (t) => {
  const environment = {
    REPRISE_LISTEN: '993:tls, 127.0.0.1:143:starttls,[::1]:1993:tls+proxy',
    REPRISE_PROXY_FROM: '10.0.0.0/8, fd00::/8,192.168.1.7',
  };
  const configuration = readConfiguration({ environment });
  t.match(configuration, {
    imapPort: -1,
    imapsPort: -1,
    listeners: [
      { port: 993, kind: 'tls' },
      { host: '127.0.0.1', port: 143, kind: 'starttls' },
      { host: '::1', port: 1993, kind: 'tls', isProxied: true },
    ],
    proxyRanges: ['10.0.0.0/8', 'fd00::/8', '192.168.1.7'],
  });
  const shown = Object.fromEntries(toKeys(configuration));
  t.notOk('REPRISE_IMAP_PORT' in shown, 'the ports do not count');
  t.strictSame(readConfiguration({ environment: shown }), configuration);
});

await t.test('an empty variable counts as absent', async (t) => {
  t.equal(readConfiguration({ environment: { REPRISE_IMAP_PORT: '' } }).imapPort, 143);
  t.equal(readConfiguration({ environment: { REPRISE_CONFIG: '' } }).imapPort, 143);
});

await t.test('nothing is off if an empty list says so, and that is shown', async (t) => {
  const environment = { REPRISE_CAPABILITIES_OFF: '' };
  const configuration = readConfiguration({ environment });
  t.strictSame(configuration.capabilitiesOff, []);
  const shown = toKeys(configuration);
  t.equal(shown.get('REPRISE_CAPABILITIES_OFF'), '');
  t.strictSame(readConfiguration({ environment: Object.fromEntries(shown) }), configuration);
  for (const value of ['', ' ""']) {
    const filePath = yamlFile(t, `REPRISE_CAPABILITIES_OFF:${value}\n`);
    t.strictSame(readConfiguration({ environment: {}, filePath }), configuration);
  }
});

await t.test('a bad value is refused with its key, the value and what is allowed', async (t) => {
  const cases: [string, string, string][] = [
    ['REPRISE_IMAP_PORT', '65536', 'from 0 to 65535'],
    ['REPRISE_IMAP_PORT', '-2', '-1 (off)'],
    ['REPRISE_IMAPS_PORT', '99.3', 'from 0 to 65535'],
    ['REPRISE_IMAPS_PORT', '0x10', 'from 0 to 65535'],
    ['REPRISE_HOST', '1.2.3', 'IP address or a host name'],
    ['REPRISE_HOST', 'local host', 'IP address or a host name'],
    ['REPRISE_SESSION_LIFETIME', '0', 'from 1 to 86400'],
    ['REPRISE_SESSION_LIFETIME', '2h', 'from 1 to 86400'],
    ['REPRISE_SESSION_CACHE_BYTES', '12', 'from 1MiB to 32GiB'],
    ['REPRISE_SESSION_CACHE_BYTES', '33GiB', 'from 1MiB to 32GiB'],
    ['REPRISE_SESSION_CACHE_BYTES', 'lots', 'from 1MiB to 32GiB'],
    ['REPRISE_PASSWORD_CHECKS', '0', 'from 1 to 1023'],
    ['REPRISE_PASSWORD_CHECKS', '4', 'UV_THREADPOOL_SIZE'],
    ['REPRISE_WAITING_LOGINS', '15', 'from 16 to 1000000'],
    ['REPRISE_LOGIN_DELAY', '31', 'from 0 to 30'],
    ['REPRISE_LOGIN_DELAY', '1.5', 'from 0 to 30'],
    ['REPRISE_OAUTH_ISSUER', 'login.example.org', 'must be an https: or http: URL'],
    ['REPRISE_OAUTH_AUDIENCE', 'a,,b', 'with commas between them'],
    ['REPRISE_OAUTH_KEYS', 'ftp://example.org/keys', 'or the path of a file'],
    ['REPRISE_LISTEN', '993', 'PORT:KIND'],
    ['REPRISE_LISTEN', '993:ssl', 'PORT:KIND'],
    ['REPRISE_LISTEN', '-1:tls', 'PORT:KIND'],
    ['REPRISE_LISTEN', '993:tls,', 'PORT:KIND'],
    ['REPRISE_LISTEN', '993:tls,993:starttls', 'PORT:KIND'],
    ['REPRISE_LISTEN', '::1:993:tls', 'PORT:KIND'],
    ['REPRISE_PROXY_FROM', '10.0.0.0/33', 'an IP address or a range'],
    ['REPRISE_PROXY_FROM', 'proxy.example.com', 'an IP address or a range'],
    ['REPRISE_MAX_CONNECTIONS', '0', 'from 1 to 1000000'],
    ['REPRISE_LOGIN_DEADLINE', '2m', 'from 1 to 86400'],
    ['REPRISE_AUTOLOGOUT', '1799', 'from 1800 to 604800'],
    ['REPRISE_CAPABILITIES_OFF', 'IDLE,NTLM', '"NTLM" is none of IMAP4rev1, IMAP4rev2, LITERAL+'],
    ['REPRISE_CAPABILITIES_OFF', 'STARTTLS', 'AUTH=EXTERNAL'],
    ['REPRISE_CAPABILITIES_OFF', 'alice:NTLM', 'ACCOUNT:CAPABILITY'],
    ['REPRISE_ELSEWHERE', 'alice@mail2', 'ACCOUNT=imap://USER;AUTH=*@HOST:PORT/'],
    ['REPRISE_CAPABILITIES_EXTRA', 'XA NOTIFY', '"NOTIFY" is none'],
    ['REPRISE_BACKGROUND_CONNECTIONS', '-1', 'from 0'],
    ['REPRISE_MESSAGE_LIMIT', '999', 'from 1000 to 999999999'],
    ['REPRISE_WORKERS', '257', 'from 0 (everything in one) to 256'],
    ['REPRISE_WORKERS', 'auto', 'from 0 (everything in one) to 256'],
    ['REPRISE_TLS_CERT', 'a.pem,,b.pem', 'with commas between them'],
    ['REPRISE_TLS_POLICY', 'strict', 'modern, intermediate, legacy'],
    ['REPRISE_TLS_CLIENT_AUTH', 'yes', 'off, optional, required'],
    ['REPRISE_SESSION_CACHE', 'disk', 'memory, tickets, off, module:PATH'],
    ['REPRISE_SESSION_CACHE', 'http://cache', 'redis://'],
    ['REPRISE_SESSION_CACHE', 'redis+sentinel://cache', 'name of the master'],
    ['REPRISE_SESSION_SECRET', 'a,b,c', 'one file, or two'],
    ['REPRISE_ADMIN_PORT', '65536', 'ADDRESS:PORT'],
    ['REPRISE_ADMIN_PORT', '1.2.3:9143', 'ADDRESS:PORT'],
    ['REPRISE_MIGRATION_BACKUP', 'yes', 'on, off'],
    ['REPRISE_LOG_LEVEL', 'loud', 'trace, debug, info, warn, error, fatal, silent'],
  ];
  for (const [key, value, allowed] of cases) {
    const problems = problemsOf({ [key]: value });
    t.equal(problems.length, 1, `${key}=${value} is one problem`);
    t.match(problems[0], `${key}="${value}"`);
    t.match(problems[0], allowed);
    t.notMatch(problems[0], '\n');
  }
});

await t.test('tokens are checked by all of it, or not taken', async (t) => {
  const issuer = { REPRISE_OAUTH_ISSUER: 'https://login.example.org' };
  const text =
    /REPRISE_OAUTH_ISSUER, REPRISE_OAUTH_AUDIENCE, REPRISE_OAUTH_KEYS must come together/;
  t.match(problemsOf(issuer)[0], text);
  t.match(problemsOf({ ...issuer, REPRISE_OAUTH_KEYS: 'keys.json' })[0], text);
  t.match(problemsOf({ REPRISE_OAUTH_AUDIENCE: 'imap' })[0], text);
  t.match(problemsOf({ REPRISE_OAUTH_CLAIM: 'sub' }), [
    /^REPRISE_OAUTH_CLAIM="sub" .*counts only with REPRISE_OAUTH_ISSUER/,
  ]);
  const all = { ...issuer, REPRISE_OAUTH_KEYS: 'keys.json', REPRISE_OAUTH_AUDIENCE: 'imap' };
  t.match(readConfiguration({ environment: all }), { tokens: { claim: 'email' } });
});

await t.test('an unknown key is refused, in the environment and in the file', async (t) => {
  t.match(problemsOf({ REPRISE_IMAPPORT: '1143' })[0], /^REPRISE_IMAPPORT .*REPRISE_IMAP_PORT/);
  const problems = problemsOf({}, yamlFile(t, 'REPRISE_COLOUR: red\nimapPort: 3\n'));
  t.equal(problems.length, 2);
  t.match(problems[0], /^REPRISE_COLOUR \(from .*reprise.yaml\) is not a key/);
});

await t.test('no message shows what may be a secret', async (t) => {
  const url = 'redis://:hunter2@cache.example.com';
  const problems = [
    ...problemsOf({ REPRISE_SESSION_CASHE: url, REPRISE_PASSWORD: 'hunter2' }),
    ...problemsOf({ REPRISE_SESSION_CACHE: url.replace('://', ':/') }),
    ...problemsOf({}, yamlFile(t, `REPRISE_SESSION_CACHE: [ "${url}" ]\nREPRISE_X: hunter2\n`)),
    ...problemsOf({}, yamlFile(t, `REPRISE_SESSION_CACHE: { url: hunter2 }\n`)),
  ];
  t.equal(problems.length, 6);
  for (const problem of problems) t.notMatch(problem, 'hunter2');
});

await t.test('all problems are told at once', async (t) => {
  const problems = problemsOf({
    REPRISE_IMAP_PORT: 'x',
    REPRISE_LOG_LEVEL: 'y',
    REPRISE_Z: 'z',
  });
  t.equal(problems.length, 3);
});

await t.test('keys that only make sense together', async (t) => {
  t.match(problemsOf({ REPRISE_TLS_CERT: 'a' })[0], /^REPRISE_TLS_CERT="a".*REPRISE_TLS_KEY/);
  t.match(problemsOf({ REPRISE_TLS_KEY: 'a' })[0], /^REPRISE_TLS_KEY="a".*REPRISE_TLS_CERT/);
  t.match(problemsOf({ REPRISE_IMAP_PORT: '-1', REPRISE_IMAPS_PORT: '-1' })[0], 'both -1');
  t.match(problemsOf({ REPRISE_IMAP_PORT: '993' })[0], 'both 993');
  t.match(
    problemsOf({ REPRISE_TLS_CERT: 'a,b', REPRISE_TLS_KEY: 'c' })[0],
    /^REPRISE_TLS_KEY="c".*each of the 2 files/,
  );
  t.match(
    problemsOf({ REPRISE_TLS_CLIENT_AUTH: 'optional' })[0],
    /^REPRISE_TLS_CLIENT_AUTH="optional".*REPRISE_TLS_CLIENT_CA/,
  );
  t.match(
    problemsOf({ REPRISE_TLS_CLIENT_CA: 'a' })[0],
    /^REPRISE_TLS_CLIENT_CA="a" .*_CLIENT_AUTH/,
  );
  const clientAuth = { REPRISE_TLS_CLIENT_AUTH: 'required', REPRISE_TLS_CLIENT_CA: 'a' };
  t.match(
    problemsOf({ ...clientAuth, REPRISE_SESSION_CACHE: 'tickets' })[0],
    /^REPRISE_SESSION_CACHE="tickets" .*REPRISE_TLS_CLIENT_AUTH/,
  );
  t.strictSame(problemsOf({ REPRISE_IMAP_PORT: '0', REPRISE_IMAPS_PORT: '0' }), []);
  t.strictSame(problemsOf({ REPRISE_PASSWORD_CHECKS: '8', UV_THREADPOOL_SIZE: '16' }), []);
  for (const [key, value] of [
    ['REPRISE_HOST', '::1'],
    ['REPRISE_IMAP_PORT', '143'],
    ['REPRISE_IMAPS_PORT', '993'],
  ] as const) {
    t.match(
      problemsOf({ REPRISE_LISTEN: '993:tls', [key]: value })[0],
      new RegExp(`^${key}="${value}" .*REPRISE_LISTEN`),
    );
  }
  t.match(
    problemsOf({ REPRISE_LISTEN: '993:tls+proxy' })[0],
    /^REPRISE_LISTEN="993:tls\+proxy" .*REPRISE_PROXY_FROM/,
  );
  t.match(problemsOf({ REPRISE_PROXY_FROM: '::1' })[0], /^REPRISE_PROXY_FROM="::1" .*\+proxy/);
});

await t.test('Redis needs a secret, and its password is not shown', async (t) => {
  const url = 'redis://reprise:hunter2@cache.example.com';
  const problems = problemsOf({ REPRISE_SESSION_CACHE: url });
  t.match(problems[0], /^REPRISE_SESSION_CACHE=.*REPRISE_SESSION_SECRET/);
  t.notMatch(problems[0], 'hunter2');
  const environment = { REPRISE_SESSION_CACHE: url, REPRISE_SESSION_SECRET: 'secret.key' };
  const configuration = readConfiguration({ environment });
  t.strictSame(configuration.sessionCache, { kind: 'redis', url });
  t.equal(
    toKeys(configuration).get('REPRISE_SESSION_CACHE'),
    'redis://reprise:***@cache.example.com',
  );
});

await t.test('the file is read, and the environment comes first', async (t) => {
  const filePath = yamlFile(
    t,
    'REPRISE_IMAP_PORT: 1143\nREPRISE_IMAPS_PORT: 1993\nREPRISE_HOST:\n',
  );
  const environment = { REPRISE_IMAPS_PORT: '2993' };
  const expected = { imapPort: 1143, imapsPort: 2993 };
  t.match(readConfiguration({ environment, filePath }), expected);
  t.match(
    readConfiguration({ environment: { ...environment, REPRISE_CONFIG: filePath } }),
    expected,
  );
});

await t.test('a file that cannot be used is refused in one line', async (t) => {
  t.match(
    problemsOf({ REPRISE_CONFIG: '/nowhere.yaml' })[0],
    /Cannot read .*"\/nowhere.yaml".*ENOENT/,
  );
  const broken = problemsOf({}, yamlFile(t, 'a: [1\nb: }'));
  t.equal(broken.length, 1);
  t.notMatch(broken[0], '\n');
  t.match(problemsOf({}, yamlFile(t, '- REPRISE_IMAP_PORT')), [/keys and values/]);
  t.match(problemsOf({}, yamlFile(t, 'REPRISE_IMAP_PORT: [1]')), [/text or a number, got a list/]);
  t.strictSame(problemsOf({}, yamlFile(t, '')), []);
});
