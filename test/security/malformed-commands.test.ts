// Each of these gets one clear line, and the server goes on.
import t from 'tap';
import { startImapService } from '../fixtures/imap-service.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const { connect, login, log } = await startImapService(t);
const noise = Buffer.from(Array.from({ length: 3_000 }, (_, index) => (index * 167) % 256))
  .toString('latin1')
  .replaceAll(/[\r\n{}]/g, '');
const setUp = await login();
await setUp.ok('APPEND INBOX', plainMessage('one'));

const noCommand = '* BYE This is an IMAP server, and that is no IMAP command';

await t.test('before login', async (t) => {
  const inputs = {
    'a tag of 1 MB': [
      `${'t'.repeat(1024 * 1024)} NOOP\r\n`,
      '* BAD Line is longer than 8192 bytes',
    ],
    'a tag of 1 MB without end': [
      't'.repeat(2 * 1024 * 1024),
      '* BAD Line is longer than 8192 bytes',
    ],
    'a NUL in a tag': ['a\0b NOOP\r\n', noCommand],
    'a NUL in an argument': ['a LOGIN ali\0ce secret\r\n', 'a BAD Expected space'],
    'only NULs': ['\0'.repeat(5_000), noCommand],
    'a NUL in a quoted string': [
      'a LOGIN "ali\0ce" secret\r\n',
      'a BAD Expected text in quoted string',
    ],
    'a tag with a +': ['+ NOOP\r\n', '* BAD Expected tag, got "+"'],
    'no command': ['a\r\n', noCommand],
    'an unknown command': ['a FROBNICATE\r\n', noCommand],
    'an unterminated quoted string': ['a LOGIN "alice secret\r\n', 'a BAD Expected quoted string'],
    'a long command line': [
      `a LOGIN ${'x'.repeat(20_000)} y\r\n`,
      'a BAD Line is longer than 8192 bytes',
    ],
    'binary noise': [noise, noCommand],
    'binary noise later': [`x${noise}\r\n`, noCommand],
  } as const;
  for (const [name, [input, answer]] of Object.entries(inputs)) {
    const client = await connect();
    client.send(input);
    const { text } = await client.read();
    t.equal(text.slice(0, answer.length), answer, name);
    t.ok(text.length < answer.length + 100, 'the answer does not repeat what was sent');
    await client.drop();
  }
});

await t.test('after login', async (t) => {
  const client = await login();
  await client.ok('SELECT INBOX');
  const refused = {
    'a nesting bomb': [
      `SEARCH ${'('.repeat(20_000)}ALL${')'.repeat(20_000)}`,
      'BAD Search keys are nested deeper than 64',
    ],
    'a NOT bomb': [
      `SEARCH ${'NOT '.repeat(10_000)}ALL`,
      'BAD Search keys are nested deeper than 64',
    ],
    'an OR bomb': [
      `SEARCH ${'OR '.repeat(10_000)}${'ALL '.repeat(10_001).trimEnd()}`,
      'BAD Line is longer than 65536 bytes',
    ],
    'an open nesting bomb': [
      `SEARCH ${'('.repeat(1_000)}`,
      'BAD Search keys are nested deeper than 64',
    ],
    'a set with a zero': ['FETCH 0 FLAGS', 'BAD Expected sequence set, got "0"'],
    'a set of commas': [
      `FETCH ${','.repeat(30_000)} FLAGS`,
      'BAD Sequence set has more than 16384 ranges',
    ],
    'a set of too many ranges': [
      `FETCH ${'1,'.repeat(31_000)}1 FLAGS`,
      'BAD Sequence set has more than 16384 ranges',
    ],
    'a number beyond 32 bits': [
      'FETCH 4294967296 FLAGS',
      'BAD Expected sequence set, got "4294967296"',
    ],
    'a number of 10,000 digits': [
      `FETCH ${'9'.repeat(10_000)} FLAGS`,
      `BAD Expected sequence set, got "${'9'.repeat(40)}..."`,
    ],
    'a section that is too deep': [
      `FETCH 1 BODY[${'1.'.repeat(5_000)}1]`,
      'BAD Section part has more than 128 numbers',
    ],
    'a partial of size 0': ['FETCH 1 BODY[]<0.0>', 'BAD Expected byte count above 0, got "0>"'],
    'a long flag': [
      `STORE 1 FLAGS (${'k'.repeat(10_000)})`,
      'BAD Keyword is longer than 128 bytes',
    ],
    'thousands of flags': [
      `STORE 1 FLAGS (${Array.from({ length: 5_000 }, (_, i) => `k${i}`).join(' ')})`,
      'BAD More than 128 flags',
    ],
    'an unknown charset': [
      'SEARCH CHARSET X-NONE SUBJECT x',
      'NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset "X-NONE"',
    ],
    'a NUL in a mailbox name': [
      'CREATE "a\0b"',
      String.raw`BAD Expected text in quoted string, got "\x00b\""`,
    ],
    'a line feed in a mailbox name': [
      'CREATE "a\nb"',
      String.raw`BAD Expected quoted string, got "\"a"`,
    ],
  } as const;
  for (const [name, [command, answer]] of Object.entries(refused)) {
    const { status, text } = await client.command(command);
    t.equal(`${status} ${text}`, answer, name);
    await client.ok('NOOP');
  }
});

await t.test('large but honest input is served', async (t) => {
  const client = await login();
  await client.ok('SELECT INBOX');
  const uids = Array.from({ length: 8_000 }, (_, index) => 2 * index + 1).join(',');
  t.equal((await client.ok(`UID FETCH ${uids} (UID)`)).untagged.length, 1);
  t.equal((await client.ok('UID FETCH 1:4294967295,1:*,*:1,4294967295 (UID)')).untagged.length, 1);
  await client.ok('SEARCH OR OR OR FROM a FROM b FROM c FROM d');
  await client.ok(`LIST "" "${'*%'.repeat(200)}x"`);
});

await t.test('a NUL in a message is never sent: 0x80 stands for it in a literal', async (t) => {
  const client = await login();
  const message = Buffer.from('Subject: a\0b\r\nFrom: "x\0" <a@b>\r\n\r\nbody\0\r\n', 'latin1');
  await client.ok('CREATE nul');
  await client.ok('APPEND nul', message);
  await client.ok('SELECT nul');
  const { untagged } = await client.ok('FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[])');
  t.equal(untagged.length, 1);
  t.notMatch(untagged[0]!.text, '\0');
  const sent = message.toString('latin1').replaceAll('\0', '\x80');
  t.equal(untagged[0]!.literals.at(-1)?.toString('latin1'), sent);
});

await t.test('a flood of commands before login ends in BYE', async (t) => {
  const client = await connect();
  client.send(Array.from({ length: 5_000 }, (_, index) => `f${index} NOOP\r\n`).join(''));
  const responses = await client.readToEnd();
  t.match(responses.at(-1)?.text, /^\* BYE \S/);
  t.ok(responses.length < 2_000, `${responses.length} responses`);
  const patient = await login();
  t.equal((await patient.command('NOOP')).status, 'OK', 'others are served');
});

await t.test('after login a flood is work like any other', async (t) => {
  const client = await login();
  client.send(Array.from({ length: 5_000 }, (_, index) => `f${index} NOOP\r\n`).join(''));
  t.equal((await client.readTagged('f4999')).status, 'OK');
});

await t.test('none of it is a fault of the server', async (t) => {
  const errorLevel = 50;
  t.same(
    log.filter(({ level }) => Number(level) >= errorLevel),
    [],
  );
});
