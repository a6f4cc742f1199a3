import t from 'tap';
import { maxAppendMessages } from '../../../../server/imap/limits.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { messageOf, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient, newPair } = await startImapService(t);

const count = async (client: ImapClient) =>
  /MESSAGES (\d+)/.exec(texts(await client.ok('STATUS Drafts (MESSAGES)')).join())?.[1];

/** A message whose literal does not wait. */
const unasked = (message: Buffer) => `{${message.length}+}\r\n${message.toString('latin1')}`;

await t.test('several messages, each with its flags and date, and one APPENDUID', async (t) => {
  const client = await newClient();
  const [one, two, three] = [messageOf('one'), messageOf('two'), messageOf('three')];
  const before = 'APPEND Drafts (\\Seen)';
  const result = await client.ok(
    before,
    one,
    ' (\\Draft) "17-Jul-1996 02:44:25 -0700"',
    two,
    '',
    three,
  );
  t.match(result.text, /^\[APPENDUID \d+ 1:3\] /);
  await client.ok('SELECT Drafts');
  t.match(texts(await client.ok('FETCH 1:3 (FLAGS BODY.PEEK[])')), [
    `* 1 FETCH (FLAGS (\\Recent \\Seen) BODY[] {${one.length}}${one.toString()})`,
    /^\* 2 FETCH \(FLAGS \(\\Recent \\Draft\) BODY\[\] /,
    /^\* 3 FETCH \(FLAGS \(\\Recent\) BODY\[\] /,
  ]);
  t.match(texts(await client.ok('FETCH 2 INTERNALDATE')), [/"17-Jul-1996 02:44:25 -0700"/]);
});

await t.test('whoever watches is told once, of all', async (t) => {
  const [client, other] = await newPair();
  await other.ok('SELECT Drafts');
  await client.ok('APPEND Drafts', messageOf('one'), '', messageOf('two'));
  t.same(texts(await other.ok('NOOP')), ['* 2 EXISTS', '* 2 RECENT']);
});

await t.test('large messages among small ones', async (t) => {
  const client = await newClient();
  const sizes = [10, 700_000, 90_000, 300_000, 10];
  const messages = sizes.map((size, index) => Buffer.alloc(size, `Subject: ${index}\r\n\r\n`));
  client.send(`a APPEND Drafts ${messages.map(unasked).join(' ')}\r\n`);
  t.match(await client.readTagged('a'), { status: 'OK', text: /APPENDUID \d+ 1:5\]/ });
  await client.ok('SELECT Drafts');
  const { untagged } = await client.ok('FETCH 1:5 BODY.PEEK[]');
  const bodies = untagged.map(({ literals }) => literals[0]!);
  for (const [index, message] of messages.entries()) t.ok(bodies[index]?.equals(message));
});

await t.test('if one is refused none is added', async (t) => {
  const client = await newClient();
  const [one, two] = [messageOf('one'), messageOf('two')];
  for (const [end, refusal] of [
    [' {0}\r\n', { status: 'NO', text: 'Cannot add an empty message' }],
    [' {0+}\r\n (\\Seen) {3+}\r\nabc\r\n', { status: 'NO', text: /empty/ }],
    [' {99999999999}\r\n', { status: 'NO', text: /^\[TOOBIG\]/ }],
    [' (\\Foo) {3+}\r\nabc\r\n', { status: 'BAD', text: /system flag/ }],
    [' (\\Seen)\r\n', { status: 'BAD' }],
    [' "17-Foo-1996 02:44:25 -0700" {3+}\r\nabc\r\n', { status: 'BAD' }],
  ] as const) {
    client.send(`a APPEND Drafts ${unasked(one)} (\\Seen) ${unasked(two)}${end}`);
    t.match(await client.readTagged('a'), refusal, end);
    t.equal(await count(client), '0');
  }
});

await t.test('an empty message cancels the command, whichever it is', async (t) => {
  const client = await newClient();
  t.match(await client.command('APPEND Drafts', Buffer.alloc(0), '', messageOf('x')), {
    status: 'NO',
  });
  await client.ok('NOOP');
  t.equal(await count(client), '0');
});

await t.test('a client that leaves between two messages leaves nothing behind', async (t) => {
  const [client, other] = await newPair();
  client.send(`a APPEND Drafts ${unasked(Buffer.alloc(600_000, 'x'))} {100000}\r\n`);
  t.match((await client.read()).text, /^\+ /);
  await client.drop();
  t.equal(await count(other), '0');
});

await t.test('the number of messages has its bound', async (t) => {
  const client = await newClient();
  const many = (messages: number) => ' {1+}\r\nx'.repeat(messages);
  client.send(`a APPEND Drafts${many(maxAppendMessages)}\r\n`);
  t.match(await client.readTagged('a'), { status: 'OK' });
  client.send(`b APPEND Drafts${many(maxAppendMessages + 1)}\r\nc NOOP\r\n`);
  t.match(await client.readTagged('b'), { status: 'NO', text: /^\[LIMIT\]/ });
  t.match(await client.readTagged('c'), { status: 'OK' });
  t.equal(await count(client), String(maxAppendMessages));
});

await t.test('messages with long headers wait for each other, and take no memory', async (t) => {
  const client = await newClient();
  const header = Buffer.from(`Subject: ${'x'.repeat(1_000_000)}\r\n\r\n`);
  client.send(`a APPEND Drafts ${unasked(header)}`);
  for (let sent = 1; sent < 20; sent++) client.send(` ${unasked(header)}`);
  client.send('\r\n');
  t.match(await client.readTagged('a'), { status: 'OK', text: /APPENDUID \d+ 1:20\]/ });
  t.equal(await count(client), '20');
});

await t.test('the flags of the messages that wait have their bound', async (t) => {
  const client = await newClient();
  const keywords = Array.from({ length: 100 }, (_, index) => `k${index}${'x'.repeat(90)}`);
  const many = ` (${keywords.join(' ')}) {1+}\r\nx`.repeat(400);
  client.send(`a APPEND Drafts${many}\r\nb NOOP\r\n`);
  t.match(await client.readTagged('a'), { status: 'NO', text: /^\[LIMIT\] Too many flags/ });
  t.match(await client.readTagged('b'), { status: 'OK' });
  t.equal(await count(client), '0');
});
