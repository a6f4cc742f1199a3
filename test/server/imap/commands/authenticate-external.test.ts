import t from 'tap';
import { ImapClient } from '../../../fixtures/imap-client.ts';
import { startImapService } from '../../../fixtures/imap-service.ts';
import { type IssuedCertificate, TestAuthority } from '../../../fixtures/test-authority.ts';

const authority = await TestAuthority.create('Test authority');
const stranger = await TestAuthority.create('Another authority');
const { store, imapsPort, imapPort, log } = await startImapService(t, {
  clientCertificates: { ca: authority.cert, isRequired: false },
});
await store.createAccount('carol@example.org', await credentialsOf('alice'));

async function credentialsOf(name: string) {
  return (await store.findAccount(name))!.credentials;
}

async function connect(
  certificate?: IssuedCertificate,
  options: { security?: 'tls' | 'starttls'; session?: Buffer } = {},
): Promise<ImapClient> {
  const { security = 'tls', session } = options;
  const client = await ImapClient.connect({
    port: security === 'tls' ? imapsPort : imapPort,
    security,
    tls: { ...certificate, ...(session !== undefined && { session }) },
  });
  t.teardown(() => client.drop());
  return client;
}

/** Logs in with an initial response; the answer. */
async function authenticate(client: ImapClient, authorizationId = ''): Promise<string> {
  const response = Buffer.from(authorizationId).toString('base64') || '=';
  const { status, text } = await client.command(`AUTHENTICATE EXTERNAL ${response}`);
  return `${status} ${text}`;
}

const alice = await authority.issue({ commonName: 'alice' });

void t.test('is announced to who has shown a valid certificate', async (t) => {
  for (const security of ['tls', 'starttls'] as const) {
    const client = await connect(alice, { security });
    const { untagged } = await client.ok('CAPABILITY');
    t.match(untagged[0]!.text, / AUTH=EXTERNAL/, security);
    t.match(await authenticate(client), /^OK \[CAPABILITY IMAP4rev1/);
    t.notMatch((await client.ok('CAPABILITY')).untagged[0]!.text, /AUTH=/);
  }
  for (const certificate of [undefined, await stranger.issue({ commonName: 'alice' })]) {
    const client = await connect(certificate);
    t.notMatch(client.greeting, /EXTERNAL/);
    t.match(await authenticate(client), /^NO \[AUTHENTICATIONFAILED\]/);
  }
  t.match(
    log.filter(({ msg }) => msg === 'login refused'),
    [{}, { reason: 'its authority is not trusted', subject: 'CN=alice' }],
  );
});

void t.test('works with a resumed session too', async (t) => {
  const client = await connect(alice);
  await client.ok('NOOP');
  const again = await connect(alice, { session: client.sessions.at(-1)! });
  t.equal(again.isResumed, true);
  t.match(again.greeting, / AUTH=EXTERNAL/);
  t.match(await authenticate(again), /^OK/);
});

void t.test('maps the certificate to an account', async (t) => {
  const carol = await authority.issue({
    commonName: 'Carol, of example.org',
    emailAddresses: ['nobody@example.org', 'Carol@Example.org'],
  });
  const both = await authority.issue({ commonName: 'bob', emailAddresses: ['carol@example.org'] });
  const nobody = await authority.issue({ commonName: 'nobody' });
  const cases: [IssuedCertificate, string, RegExp, string?][] = [
    [alice, '', /^OK/, 'alice'],
    [alice, 'alice', /^OK/, 'alice'],
    [alice, 'ALICE', /^OK/, 'alice'],
    [alice, 'bob', /^NO \[AUTHENTICATIONFAILED\]/],
    [alice, 'nobody', /^NO \[AUTHENTICATIONFAILED\]/],
    [carol, '', /^OK/, 'carol@example.org'],
    [both, '', /^OK/, 'carol@example.org'],
    [both, 'bob', /^OK/, 'bob'],
    [nobody, '', /^NO \[AUTHENTICATIONFAILED\]/],
    [nobody, 'nobody', /^NO \[AUTHENTICATIONFAILED\]/],
  ];
  for (const [certificate, authorizationId, answer, account] of cases) {
    const client = await connect(certificate);
    const before = log.length;
    t.match(await authenticate(client, authorizationId), answer, authorizationId);
    const logged = log.slice(before).find(({ msg }) => msg === 'logged in');
    t.equal(logged?.['account'], account);
  }
});

void t.test('asks for the authorization identity where it was not sent along', async (t) => {
  const client = await connect(alice);
  client.send('x AUTHENTICATE EXTERNAL\r\n');
  t.match((await client.read()).text, /^\+/);
  client.send('\r\n');
  t.match((await client.read()).text, /^x OK/);
});

void t.test('needs TLS', async (t) => {
  const client = await ImapClient.connect({ port: imapPort, security: 'plain' });
  t.match(await authenticate(client), /^NO \[PRIVACYREQUIRED\]/);
  await client.drop();
});
