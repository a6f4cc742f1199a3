import { once } from 'node:events';
import { connect } from 'node:net';
import { ImapFlow } from 'imapflow';
import t, { type Test } from 'tap';
import {
  describeScenario,
  parseTranscript,
  type RunTranscriptOptions,
  runTranscript,
  startRecorder,
  startTestServer,
} from '../../../server/testing.ts';
import { recordedLiteralBytes } from '../../../server/transcripts/limits.ts';
import { ImapClient } from '../../fixtures/imap-client.ts';

const server = await startTestServer({ accounts: { alice: 'se"cret' } });
t.teardown(() => server.stop());
const target = {
  host: '127.0.0.1',
  port: server.imapsPort,
  security: 'tls',
  ca: server.certificate,
  serverName: 'localhost',
} as const;

/** Starts a recorder; what it has written so far. */
async function record(t: Test) {
  const lines: string[] = [];
  const errors: Error[] = [];
  const recorder = await startRecorder({
    port: 0,
    target,
    write: (line) => lines.push(line),
    onError: (error) => errors.push(error),
  });
  t.teardown(() => recorder.close());
  return { port: recorder.port, lines, errors, close: () => recorder.close() };
}

let accountCount = 0;

/** Runs a transcript on an account that nobody has used; what a person is told of it. */
async function replay(transcript: string): Promise<string> {
  accountCount += 1;
  const user = `fresh${accountCount}`;
  await server.addAccount(user, 'other');
  const options: RunTranscriptOptions = { ...target, credentials: { user, password: 'other' } };
  const { scenarios } = await runTranscript(transcript, options);
  return scenarios.map(describeScenario).join('\n');
}

const passed = 'ok       line 2 (IMAP4rev1)';

await t.test('a session of ImapFlow is recorded, and replays on another account', async (t) => {
  const { port, lines, errors, close } = await record(t);
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    auth: { user: 'alice', pass: 'se"cret' },
    logger: false,
  });
  await client.connect();
  await client.mailboxCreate('Work/Résumé');
  const message = 'From: a@example.com\r\nSubject: Grüße {{x}}\r\n\r\nHello \x00\r\n';
  await client.append('Work/Résumé', message, ['\\Flagged', '$Later']);
  await client.append('Work/Résumé', `Subject: long\r\n\r\n${'line\r\n'.repeat(2000)}`, []);
  await client.mailboxOpen('Work/Résumé');
  const query = { envelope: true, internalDate: true, uid: true, flags: true, source: true };
  for await (const _ of client.fetch('1:*', query)) continue;
  await client.messageFlagsAdd('1', ['\\Seen']);
  t.strictSame(await client.search({ seen: true }), [1]);
  await client.messageMove('1', 'Archive');
  await client.logout();
  await close();
  t.strictSame(errors, []);
  const transcript = lines.join('\n');
  t.notMatch(transcript, /secret|alice|c2VjcmV0/, 'without the name and the password');
  t.match(transcript, 'INTERNALDATE {{string}}');
  t.match(transcript, /\{\{user\}\}|\{\{sasl-plain\}\}/);
  t.equal(await replay(transcript), passed);

  const other = transcript.replace(/FLAGS \(\\Seen/, 'FLAGS (\\Draft');
  t.not(other, transcript);
  t.match(await replay(other), /another response came/, 'a change of it is seen');
});

await t.test('each way to log in', async (t) => {
  const { port, lines, close } = await record(t);
  const ways: readonly (readonly string[])[] = [
    ['LOGIN alice "se\\"cret"'],
    ['LOGIN {5}', 'alice {7}', 'se"cret'],
    ['LOGIN {5+}\r\nalice {7+}\r\nse"cret'],
    [`AUTHENTICATE PLAIN ${Buffer.from('\0alice\0se"cret').toString('base64')}`],
    ['AUTHENTICATE PLAIN', Buffer.from('\0alice\0se"cret').toString('base64')],
    [
      'AUTHENTICATE LOGIN',
      Buffer.from('alice').toString('base64'),
      Buffer.from('se"cret').toString('base64'),
    ],
  ];
  for (const [first = '', ...others] of ways) {
    const client = await ImapClient.connect({ port, security: 'plain' });
    client.send(`a ${first}\r\n`);
    for (const other of others) {
      t.match((await client.read()).text, /^\+/);
      client.send(`${other}\r\n`);
    }
    t.match((await client.read()).text, /^a OK/, first);
    await client.command('LOGOUT');
    await client.drop();
  }
  await close();
  const text = lines.join('\n');
  t.notMatch(text, /alice|secret|YWxpY2U|c2UiY3Jld/);
  t.equal(text.match(/LOGIN "\{\{user\}\}" "\{\{password\}\}"/g)?.length, 3);
  t.equal(text.match(/\{\{sasl-plain\}\}/g)?.length, 2);
  t.match(text, 'C6: {{user-base64}}\nS6: +\nC6: {{password-base64}}\n');
  t.equal(await replay(text), passed);
});

await t.test('literals are bounded, and whatever bytes they have come back', async (t) => {
  const { port, lines, close } = await record(t);
  const client = await ImapClient.connect({ port, security: 'plain' });
  await client.command('LOGIN alice "se\\"cret"');
  await client.command('CREATE bytes');
  const large = `Subject: large\r\n\r\n${'x'.repeat(76)}\r\n`.padEnd(
    recordedLiteralBytes + 1000,
    'y',
  );
  const odd = Buffer.from('Subject: a\r\n\r\n{{x}} \xff\t\r\n \n\r end {5}', 'latin1');
  for (const message of [Buffer.from(large), odd]) {
    client.send(`a APPEND bytes {${message.length}}\r\n`);
    await client.read();
    client.socket.write(Buffer.concat([message, Buffer.from('\r\n')]));
    t.match((await client.read()).text, /^a OK/);
  }
  await client.command('EXAMINE bytes');
  await client.command('FETCH 1:2 (RFC822.SIZE BODY.PEEK[])');
  client.send('b COMPRESS DEFLATE\r\n');
  t.match((await client.read()).text, /^b NO/, 'what could not be read any more is refused');
  await client.drop();
  await close();
  const text = lines.join('\n');
  t.match(text, '{{bytes 1000}}{{cut}}');
  t.match(text, 'BODY[] {{string}})');
  t.ok(Math.max(...lines.map((line) => line.length)) < 2 * recordedLiteralBytes);
  t.notMatch(text, / COMPRESS DEFLATE/);
  t.equal(parseTranscript(text).scenarios.length, 1);
  t.equal(await replay(text), passed);
});

await t.test('a server that cannot be reached is told of, and the client sent away', async (t) => {
  const errors: Error[] = [];
  const recorder = await startRecorder({
    port: 0,
    target: { ...target, serverName: 'elsewhere.example' },
    write: () => {},
    onError: (error) => errors.push(error),
  });
  t.teardown(() => recorder.close());
  await once(connect({ port: recorder.port, host: '127.0.0.1' }), 'close');
  t.match(errors, [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }]);
});
