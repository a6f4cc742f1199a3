// Each of these gets one clear line, and the server goes on.
import t from 'tap';
import { startMailServer } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const server = await startMailServer(t);
const setUp = await server.login();
await setUp.ok('APPEND INBOX', plainMessage('one'));

await t.test('before login', async (t) => {
  const inputs = {
    'a tag of 1 MB': `${'t'.repeat(1024 * 1024)} NOOP\r\n`,
    'a tag of 1 MB without end': 't'.repeat(2 * 1024 * 1024),
    'a NUL in a tag': 'a\0b NOOP\r\n',
    'a NUL in an argument': 'a LOGIN ali\0ce secret\r\n',
    'only NULs': '\0'.repeat(5_000) + '\r\n',
    'a NUL in a quoted string': 'a LOGIN "ali\0ce" secret\r\n',
    'a tag with a +': '+ NOOP\r\n',
    'no command': 'a\r\n',
    'an unknown command': 'a FROBNICATE\r\n',
    'an unterminated quoted string': 'a LOGIN "alice secret\r\n',
    'a long command line': `a LOGIN ${'x'.repeat(20_000)} y\r\n`,
    'binary noise':
      Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 167) % 256))
        .toString('latin1')
        .replaceAll(/[\r\n{}]/g, '') + '\r\n',
  };
  for (const [name, input] of Object.entries(inputs)) {
    const client = await server.connect('tls');
    client.send(input);
    const answer = await client.read();
    t.match(answer.text, /^(\S+ BAD|\* BYE) \S/, `${name}: ${answer.text.slice(0, 100)}`);
    t.ok(answer.text.length < 1_000, 'the answer does not repeat what was sent');
    await client.drop();
  }
});

await t.test('after login', async (t) => {
  const client = await server.login();
  await client.ok('SELECT INBOX');
  const refused = {
    'a nesting bomb': `SEARCH ${'('.repeat(20_000)}ALL${')'.repeat(20_000)}`,
    'a NOT bomb': `SEARCH ${'NOT '.repeat(10_000)}ALL`,
    'an OR bomb': `SEARCH ${'OR '.repeat(10_000)}${'ALL '.repeat(10_001).trimEnd()}`,
    'an open nesting bomb': `SEARCH ${'('.repeat(1_000)}`,
    'a set with a zero': 'FETCH 0 FLAGS',
    'a set of commas': `FETCH ${','.repeat(30_000)} FLAGS`,
    'a set of too many ranges': `FETCH ${'1,'.repeat(31_000)}1 FLAGS`,
    'a number beyond 32 bits': 'FETCH 4294967296 FLAGS',
    'a number of 10,000 digits': `FETCH ${'9'.repeat(10_000)} FLAGS`,
    'a section that is too deep': `FETCH 1 BODY[${'1.'.repeat(5_000)}1]`,
    'a partial of size 0': 'FETCH 1 BODY[]<0.0>',
    'a long flag': `STORE 1 FLAGS (${'k'.repeat(10_000)})`,
    'thousands of flags': `STORE 1 FLAGS (${Array.from({ length: 5_000 }, (_, i) => `k${i}`).join(' ')})`,
    'an unknown charset': 'SEARCH CHARSET X-NONE SUBJECT x',
    'a NUL in a mailbox name': 'CREATE "a\0b"',
    'a line feed in a mailbox name': 'CREATE "a\nb"',
  };
  for (const [name, command] of Object.entries(refused)) {
    const result = await client.command(command);
    t.match(result.status, /BAD|NO/, `${name}: ${result.text.slice(0, 100)}`);
    t.ok(result.text.length > 3 && result.text.length < 1_000, 'one short line');
    await client.ok('NOOP');
  }
});

await t.test('large but honest input is served', async (t) => {
  const client = await server.login();
  await client.ok('SELECT INBOX');
  const uids = Array.from({ length: 8_000 }, (_, index) => 2 * index + 1).join(',');
  t.equal((await client.ok(`UID FETCH ${uids} (UID)`)).untagged.length, 1);
  t.equal((await client.ok('UID FETCH 1:4294967295,1:*,*:1,4294967295 (UID)')).untagged.length, 1);
  await client.ok('SEARCH OR OR OR FROM a FROM b FROM c FROM d');
  await client.ok(`LIST "" "${'*%'.repeat(200)}x"`);
});

await t.test(
  'a NUL in a message is not lost on the way in, and never sent in a quoted string',
  async (t) => {
    const client = await server.login();
    const message = Buffer.from('Subject: a\0b\r\nFrom: "x\0" <a@b>\r\n\r\nbody\0\r\n', 'latin1');
    await client.ok('CREATE nul');
    const appended = await client.command('APPEND nul', message);
    t.match(appended.status, /OK|NO/, 'taken or refused, in words');
    await client.ok('SELECT nul');
    const fetched = await client.ok('FETCH 1:* (ENVELOPE BODYSTRUCTURE)');
    for (const { text } of fetched.untagged) t.notMatch(text, '\0');
  },
);

await t.test('a flood of commands before login ends in BYE', async (t) => {
  const client = await server.connect('tls');
  client.send(Array.from({ length: 5_000 }, (_, index) => `f${index} NOOP\r\n`).join(''));
  const responses = await client.readToEnd();
  t.match(responses.at(-1)?.text, /^\* BYE \S/);
  t.ok(responses.length < 2_000, `${responses.length} responses`);
  const patient = await server.login();
  t.equal((await patient.command('NOOP')).status, 'OK', 'others are served');
});

await t.test('after login a flood is work like any other', async (t) => {
  const client = await server.login();
  client.send(Array.from({ length: 5_000 }, (_, index) => `f${index} NOOP\r\n`).join(''));
  t.equal((await client.readTagged('f4999')).status, 'OK');
});
