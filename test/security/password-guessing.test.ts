import t from 'tap';
import { alice, startMailServer } from '../fixtures/mail-server.ts';

// Guesses are delayed here as elsewhere, but no longer than the tests can wait.
const server = await startMailServer(t, { environment: { REPRISE_LOGIN_DELAY: '1' } });

await t.test('a few wrong passwords end the connection in BYE', async (t) => {
  const client = await server.connect('tls');
  const texts: string[] = [];
  for (let attempt = 0; attempt < 50; attempt++)
    client.send(`g${attempt} LOGIN alice guess${attempt}\r\n`);
  for (const { text } of await client.readToEnd()) texts.push(text);
  t.ok(texts.filter((text) => / NO /.test(text)).length < 20, texts.join('\n'));
  t.ok(texts.some((text) => text.startsWith('* BYE ')));
});

await t.test('an unknown user and a wrong password get the same words', async (t) => {
  const client = await server.connect('tls');
  const wrong = await client.command('LOGIN alice wrong');
  const unknown = await client.command('LOGIN nobody wrong');
  t.equal(wrong.status, 'NO');
  t.match(wrong.text, /^\[AUTHENTICATIONFAILED\] /);
  t.equal(unknown.text, wrong.text);
});

await t.test('neither the log nor an answer shows a password', async (t) => {
  const client = await server.connect('tls');
  const answers = [
    await client.command('LOGIN alice hunter2hunter2'),
    await client.command('LOGIN alice hunter2hunter2 surplus'),
    await client.command(
      `AUTHENTICATE PLAIN ${Buffer.from('\0alice\0hunter2hunter2').toString('base64')}`,
    ),
  ];
  await client.login(alice.name, alice.password);
  const written = JSON.stringify([answers, server.process.log]);
  for (const secret of [
    'hunter2hunter2',
    alice.password,
    Buffer.from(alice.password).toString('base64'),
  ]) {
    t.notOk(written.includes(secret), secret);
  }
});
