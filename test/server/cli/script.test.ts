import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startTestServer } from '../../../server/testing.ts';
import type { TranscriptResult } from '../../../server/transcripts/result.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { reprise } from './reprise.ts';

const authority = await TestAuthority.create('Test authority');
const alice = await authority.issue({ commonName: 'alice' });
const directory = t.testdir({
  'authority.pem': authority.cert,
  'alice.crt': alice.cert,
  'alice.key': alice.key,
  'bob.key': (await authority.issue({ commonName: 'bob' })).key,
  'certificate.imap':
    '== EXTERNAL\nneeds: AUTH=EXTERNAL\nstate: not authenticated\nS: * OK [{{...}}] ready\nC: a AUTHENTICATE EXTERNAL =\nS: a OK [{{...}}] x\n',
  'two.imap':
    '== One\nC: a NOOP\nS: a OK NOOP completed\n== Two\nC: a NOOP\nS: a OK NOOP completed\n',
  'good.imap':
    '== Nothing happens\nrfc: RFC 3501, section 6.1.2\nC: a NOOP\nS: a OK NOOP completed\n',
  'bad.imap': '== Something is to happen\nC: a NOOP\nS: * 1 EXISTS\nS: a OK NOOP completed\n',
  'broken.imap': 'C: a NOOP\nX: a OK\n',
});
const path = (name: string) => join(directory, name);
const server = await startTestServer({
  accounts: { alice: 'secret' },
  clientCertificates: { caPath: path('authority.pem'), isRequired: false },
});
t.teardown(() => server.stop());
const common = ['--host', '127.0.0.1', '--user', 'alice'];
const overTls = [...common, '--port', String(server.imapsPort), '--tls', '--insecure'];

/** Runs the command, with the right password on standard input. */
const script = (argv: readonly string[], input = 'secret\n') =>
  reprise(['script', ...argv, '--password-stdin'], {}, { input });

await t.test('all is as the transcript says', async (t) => {
  const result = await script([path('good.imap'), ...overTls]);
  t.match(result, { code: 0, stderr: '' });
  t.equal(
    result.stdout,
    `${path('good.imap')}\nok       Nothing happens (IMAP4rev1)\n1 passed, 0 failed, 0 skipped\n`,
  );
});

await t.test('resumed, and by STARTTLS', async (t) => {
  const resumed = await script([path('good.imap'), ...overTls, '--resume']);
  t.match(resumed.stdout, 'ok       Nothing happens (IMAP4rev1, 2 of 2 connections resumed)');
  const starttls = [...common, '--port', String(server.imapPort), '--starttls', '--insecure'];
  t.match(await script([path('good.imap'), ...starttls, '--resume']), {
    code: 0,
    stdout: /2 of 2 connections resumed/,
  });
});

await t.test('with a client certificate', async (t) => {
  const run = (...argv: string[]) => script([path('certificate.imap'), ...argv]);
  const shown = ['--cert', path('alice.crt'), '--key', path('alice.key')];
  t.match(await run(...overTls, ...shown), { code: 0, stdout: /^ok .*\(IMAP4rev1\)$/m });
  t.match((await run(...overTls, ...shown, '--resume')).stdout, '2 of 2 connections resumed');
  t.match((await run(...overTls)).stdout, /^skipped .* does not announce AUTH=EXTERNAL$/m);
  const cases: readonly [readonly string[], RegExp][] = [
    [shown.slice(0, 2), /^reprise: Give --cert and --key together/],
    [shown.slice(2), /^reprise: Give --cert and --key together/],
    [['--cert', path('good.imap'), ...shown.slice(2)], /^reprise: Cannot use certificate ".*good/],
    [
      [...shown.slice(0, 2), '--key', path('bob.key')],
      /^reprise: Cannot use .*:key values mismatch/,
    ],
  ];
  for (const [argv, stderr] of cases) t.match(await run(...overTls, ...argv), { code: 2, stderr });
});

await t.test('a server that is not there is told once', async (t) => {
  const gone = await startTestServer();
  await gone.stop();
  for (const resume of [[], ['--resume']]) {
    const argv = [path('two.imap'), path('good.imap'), ...common];
    const result = await script([...argv, '--port', String(gone.imapsPort), '--tls', ...resume]);
    t.equal(result.code, 2);
    const [file, reason, ...rest] = result.stdout.split('\n');
    t.equal(file, path('two.imap'));
    t.match(reason, /^FAILED {3}One \(IMAP4rev1\): Cannot connect with .*: connect ECONNREFUSED/);
    t.strictSame(rest, ['0 passed, 1 failed, 0 skipped', '']);
  }
});

await t.test('something differs', async (t) => {
  const result = await script([path('bad.imap'), path('good.imap'), ...overTls]);
  t.match(result, { code: 1, stderr: '' });
  t.match(result.stdout, /line 3, connection 1: a response is missing/);
  t.match(result.stdout, '1 passed, 1 failed, 0 skipped\n');
});

await t.test('as JSON', async (t) => {
  const result = await script([path('bad.imap'), ...overTls, '--json']);
  t.equal(result.code, 1);
  const [file] = JSON.parse(result.stdout) as readonly (TranscriptResult & { file: string })[];
  t.match(file, {
    file: path('bad.imap'),
    isPassed: false,
    scenarios: [
      { outcome: 'failed', differences: [{ line: 3, type: 'missing', expected: '* 1 EXISTS' }] },
    ],
  });
});

await t.test('what cannot be run', async (t) => {
  const cases: readonly [readonly string[], RegExp][] = [
    [[path('broken.imap'), ...overTls], /^reprise: .*broken\.imap:2: Cannot read "X: a OK"/],
    [[path('none.imap'), ...overTls], /^reprise: ENOENT/],
    [[path('good.imap'), '--tls', '--starttls'], /Choose one of --tls and --starttls/],
    [[path('good.imap'), '--port', 'imap'], /Ports are 1 to 65535, not "imap"/],
    [[path('good.imap'), '--deadline', '0'], /A deadline has/],
  ];
  for (const [argv, reason] of cases) {
    const result = await script(argv);
    t.equal(result.code, 2, argv.join(' '));
    t.match(result.stderr, reason);
  }
  const refused = await script([path('good.imap'), ...overTls], 'wrong\n');
  t.equal(refused.code, 2);
  t.match(refused.stdout, /FAILED .*the server answers "LOGIN" with/);
  t.notMatch(refused.stdout, /wrong/, 'the password is not shown');
  const checked = overTls.filter((word) => word !== '--insecure');
  t.match(await script([path('good.imap'), ...checked]), {
    code: 2,
    stdout: /Cannot make a TLS handshake with 127\.0\.0\.1:\d+: self-signed certificate/,
  });
  writeFileSync(path('ca.pem'), server.certificate);
  const trusted = await script([
    path('good.imap'),
    ...checked.map((word) => (word === '127.0.0.1' ? 'localhost' : word)),
    '--ca',
    path('ca.pem'),
  ]);
  t.match(trusted, { code: 0 });
});
