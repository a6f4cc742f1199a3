// A man in the middle can put plaintext commands behind STARTTLS; run under TLS they would be the user's
// (CVE-2011-0411 and its like). RFC 9051, section 6.2.1: drop them.
import t from 'tap';
import { alice, startMailServer } from '../fixtures/mail-server.ts';

const server = await startMailServer(t);

for (const injected of [
  'x NOOP\r\n',
  `x LOGIN ${alice.name} ${alice.password}\r\n`,
  'x LOGIN {5}\r\n',
  'x NO',
]) {
  await t.test(
    `${JSON.stringify(injected)} in the same segment as STARTTLS is dropped`,
    async (t) => {
      const client = await server.connect('plain');
      client.send(`s STARTTLS\r\n${injected}`);
      const started = await client.readTagged('s');
      t.equal(started.status, 'OK');
      t.same(started.untagged, []);
      await client.startTls();
      client.send('after CAPABILITY\r\n');
      const after = await client.readTagged('after');
      t.equal(after.status, 'OK', 'the first answer under TLS is to the first command under TLS');
      t.same(
        after.untagged.map(({ text }) => text.split(' ')[1]),
        ['CAPABILITY'],
      );
      const select = await client.command('SELECT INBOX');
      t.match(select, { status: 'BAD', text: /needs a login/ }, 'nobody is logged in');
    },
  );
}

await t.test('plaintext instead of a ClientHello ends the connection', async (t) => {
  const client = await server.connect('plain');
  await client.ok('STARTTLS');
  client.send('x LOGIN alice wrong\r\n');
  const rest = await client.readToEnd();
  t.notMatch(rest.map(({ text }) => text).join('\n'), /^x /m);
  t.equal((await (await server.login('starttls')).command('NOOP')).status, 'OK');
});

await t.test(
  'LOGIN and AUTHENTICATE in the clear are refused without a look at the password',
  async (t) => {
    const client = await server.connect('plain');
    t.match((await client.ok('CAPABILITY')).untagged[0]?.text, /\bLOGINDISABLED\b/);
    for (const command of [
      `LOGIN ${alice.name} ${alice.password}`,
      `AUTHENTICATE PLAIN ${Buffer.from(`\0${alice.name}\0${alice.password}`).toString('base64')}`,
    ]) {
      const result = await client.command(command);
      t.equal(result.status, 'NO');
      t.match(result.text, /PRIVACYREQUIRED/);
    }
    const select = await client.command('SELECT INBOX');
    t.match(select, { status: 'BAD', text: /needs a login/ });
  },
);

await t.test('STARTTLS under TLS is refused', async (t) => {
  for (const security of ['tls', 'starttls'] as const) {
    const client = await server.connect(security);
    t.match((await client.ok('CAPABILITY')).untagged[0]?.text, /^(?!.*STARTTLS)/);
    t.equal((await client.command('STARTTLS')).status, 'BAD');
    await client.ok('NOOP');
  }
});
