// Announced sizes are promises of a stranger: nothing is allocated for them and nothing waits for them.
import t from 'tap';
import { alice, startMailServer } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const server = await startMailServer(t);
const mebibyte = 1024 * 1024;

await t.test('before login: large literals are refused before they are sent', async (t) => {
  const before = await server.process.residentBytes();
  for (const size of [
    '4294967295',
    '4294967296',
    '99999999999999999999',
    '9007199254740993',
    '65537',
  ]) {
    for (const command of [`LOGIN {${size}}`, `LOGIN alice {${size}}`, `APPEND INBOX {${size}}`]) {
      const client = await server.connect('tls');
      client.send(`b ${command}\r\n`);
      const answer = await client.read();
      t.match(answer.text, /^(b (BAD|NO)|\* BYE) \S/, `${command}: ${answer.text}`);
      await client.drop();
    }
  }
  const grown = (await server.process.residentBytes()) - before;
  t.ok(grown < 32 * mebibyte, `resident memory grew by ${grown} octets`);
});

await t.test('before login: non-synchronizing bombs end in BAD or BYE', async (t) => {
  const bombs = [
    'b LOGIN {4294967295+}\r\n',
    'b LOGIN alice {100000+}\r\n'.padEnd(120_000, 'x'),
    `b LOGIN ${'{0+}\r\n '.repeat(5_000)}x\r\n`,
    `b ID (${'{4+}\r\nname {4000+}\r\n'.concat('v'.repeat(4000), ' ').repeat(40)})\r\n`,
  ];
  for (const bomb of bombs) {
    const client = await server.connect('tls');
    client.send(bomb);
    const answer = await client.read();
    t.match(answer.text, /^(b BAD|\* BAD|\* BYE) \S/, answer.text);
    await client.drop();
  }
});

await t.test(
  'after login: an APPEND over the bound is refused and the session goes on',
  async (t) => {
    const client = await server.login('tls');
    for (const size of ['4294967295', '99999999999999999999', String(65 * mebibyte)]) {
      const result = await client.command(`APPEND INBOX {${size}}`);
      t.match(result.status, /NO|BAD/, `${size}: ${result.text}`);
      await client.ok('NOOP');
    }
    const toobig = await client.command(`APPEND INBOX {${65 * mebibyte}}`);
    t.match(toobig.text, /\[TOOBIG\]/);
  },
);

await t.test('after login: a refused non-synchronizing APPEND is read past', async (t) => {
  const client = await server.login('tls');
  const message = plainMessage('dropped', 300_000);
  client.send(`a APPEND nowhere {${message.length}+}\r\n`);
  client.send(message);
  client.send('\r\nb NOOP\r\n');
  const refused = await client.readTagged('a');
  t.equal(refused.status, 'NO');
  t.match(refused.text, /\[TRYCREATE\]/);
  t.equal((await client.readTagged('b')).status, 'OK');
});

await t.test('the bounds that honest clients need hold', async (t) => {
  const client = await server.connect('tls');
  await client.ok('LOGIN', Buffer.from(alice.name), ' ', Buffer.from(alice.password));
  await client.ok('SELECT INBOX');
  const found = await client.command('SEARCH SUBJECT', Buffer.alloc(2_000, 'x'));
  t.equal(found.status, 'OK');
});
