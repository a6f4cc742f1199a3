// Announced sizes are promises of a stranger: nothing is allocated for them and nothing waits for them.
import t from 'tap';
import { reachableBytes } from '../fixtures/collect-garbage.ts';
import { startImapService } from '../fixtures/imap-service.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const { connect, login } = await startImapService(t);
const mebibyte = 1024 * 1024;

await t.test('before login: large literals are refused before they are sent', async (t) => {
  for (const size of [
    '4294967295',
    '4294967296',
    '99999999999999999999',
    '9007199254740993',
    '65537',
  ]) {
    for (const [command, answer] of [
      ['LOGIN', 'BAD [TOOBIG] Literal is too large'],
      ['LOGIN alice', 'BAD [TOOBIG] Literal is too large'],
      ['APPEND INBOX', 'BAD Log in before APPEND'],
    ] as const) {
      const client = await connect();
      client.send(`b ${command} {${size}}\r\n`);
      t.equal((await client.read()).text, `b ${answer}`, `${command} ${size}`);
      await client.drop();
    }
  }
});

await t.test('before login: non-synchronizing bombs end in BAD or BYE', async (t) => {
  const tooBig = '[TOOBIG] Literal is too large';
  for (const [bomb, answer] of [
    ['b LOGIN {4294967295+}\r\n', `* BYE ${tooBig}`],
    ['b LOGIN alice {100000+}\r\n'.padEnd(120_000, 'x'), `* BYE ${tooBig}`],
    [`b LOGIN ${'{0+}\r\n '.repeat(5_000)}x\r\n`, 'b BAD More than 128 literals'],
    [
      `b ID (${'{4+}\r\nname {4000+}\r\n'.concat('v'.repeat(4000), ' ').repeat(40)})\r\n`,
      `b BAD ${tooBig}`,
    ],
  ] as const) {
    const client = await connect();
    client.send(bomb);
    t.equal((await client.read()).text, answer);
    await client.drop();
  }
});

await t.test('a literal that may come takes no memory before it comes', async (t) => {
  const clients = await Promise.all(Array.from({ length: 10 }, () => login()));
  const before = await reachableBytes();
  for (const client of clients) {
    client.send(`a APPEND INBOX {${60 * mebibyte}}\r\n`);
    t.equal((await client.read()).text, '+ Ready for literal data');
  }
  const grownBytes = (await reachableBytes()) - before;
  t.ok(grownBytes < mebibyte, `${grownBytes} bytes are held`);
  await Promise.all(clients.map((client) => client.drop()));

  const allocated = Buffer.alloc(60 * mebibyte);
  t.ok((await reachableBytes()) - before > 32 * mebibyte, 'control: one of them would be seen');
  t.equal(allocated[0], 0);
});

await t.test(
  'after login: an APPEND over the bound is refused and the session goes on',
  async (t) => {
    const client = await login();
    for (const size of ['4294967295', '99999999999999999999', String(65 * mebibyte)]) {
      t.match(await client.command(`APPEND INBOX {${size}}`), {
        status: 'NO',
        text: /^\[TOOBIG\] Message is larger than 67108864 bytes$/,
      });
      await client.ok('NOOP');
    }
  },
);

await t.test('after login: a refused non-synchronizing APPEND is read past', async (t) => {
  const client = await login();
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
  const client = await connect();
  await client.ok('LOGIN', Buffer.from('alice'), ' ', Buffer.from('secret'));
  await client.ok('SELECT INBOX');
  const found = await client.command('SEARCH SUBJECT', Buffer.alloc(2_000, 'x'));
  t.equal(found.status, 'OK');
});
