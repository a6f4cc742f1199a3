// Faults that other servers have had, each as what a client must find here.
import t from 'tap';
import { CommandReader } from '../../protocol/command-reader.ts';
import { limitsBeforeLogin } from '../../protocol/limits.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../fixtures/imap-service.ts';

const { connect, newClient, newPair } = await startImapService(t);

/** What a SELECT has told under a response code, as a number. */
const codeOf = (lines: readonly string[], code: string) =>
  Number(new RegExp(`\\[${code} (\\d+)\\]`).exec(lines.join('\n'))?.[1]);

/** The lines up to the tagged one, and it. */
async function readLines(client: ImapClient, tag: string): Promise<readonly string[]> {
  const lines: string[] = [];
  while (lines.at(-1)?.startsWith(`${tag} `) !== true) lines.push((await client.read()).text);
  return lines;
}

await t.test('thousands of RFC 2231 parameters', async (t) => {
  const client = await newClient();
  const pieces = (count: number) =>
    Array.from({ length: count }, (_, number) => `;\r\n name*${number}=p${number}`).join('');
  const many = (count: number) =>
    Array.from({ length: count }, (_, number) => `;\r\n a${number}*=utf-8''%C3%A9`).join('');
  for (const parameters of [pieces(10_000), many(10_000), `;name*9=x${pieces(5_000)}`]) {
    const message = `Content-Type: text/plain${parameters}\r\n\r\nbody\r\n`;
    t.equal((await client.command('APPEND INBOX', Buffer.from(message))).status, 'OK');
  }
  await client.ok('SELECT INBOX');
  const [joined, plain] = texts(await client.ok('FETCH 1:3 BODYSTRUCTURE'));
  t.match(joined, /\("name" "?(\{\d+\})?p0p1p2/, 'pieces are joined');
  t.match(plain, /"a9999\*"/);
  t.same(texts(await client.ok('SEARCH BODY body')), ['* SEARCH 1 2 3']);
});

await t.test('raw UTF-8 to a client that never enabled it', async (t) => {
  const client = await newClient();
  await client.ok('CREATE "Entw&APw-rfe 2"');
  await client.ok('SUBSCRIBE "Entw&APw-rfe 2"');
  const message = Buffer.from(
    'From: J\u00fcrgen <j@example.com>\r\nSubject: Gr\u00fc\u00dfe\r\nContent-Type: text/plain; charset=utf-8; name="\u00fc.txt"\r\n\r\nSch\u00f6n\r\n',
  );
  await client.ok('APPEND "Entw&APw-rfe 2"', message);
  for (const command of [
    'LIST "" *',
    'LIST "" * RETURN (STATUS (MESSAGES) SUBSCRIBED)',
    'LSUB "" *',
    'STATUS "Entw&APw-rfe 2" (MESSAGES UIDNEXT)',
    'SELECT "Entw&APw-rfe 2"',
    'FETCH 1 (FLAGS ENVELOPE BODYSTRUCTURE PREVIEW)',
    `SEARCH RETURN (ALL) CHARSET UTF-8 SUBJECT {4+}\r\n${Buffer.from('Gr\u00fc').toString('latin1')}`,
  ]) {
    const { text, untagged } = await client.ok(command);
    t.ok(untagged.length > 0, command);
    for (const line of [text, ...untagged.map((response) => response.text)]) {
      t.match(line, /^[\x20-\x7e]*$/, command);
    }
  }
});

await t.test('parentheses before login that take memory', async (t) => {
  const reader = new CommandReader();
  let most = 0;
  for (let sent = 0; sent < 1_000; sent++) {
    reader.push(Buffer.from(`${sent === 0 ? 'a LIST ' : ''}${'('.repeat(1_000)}`));
    while (reader.next() !== undefined);
    most = Math.max(most, reader.heldBytes);
  }
  t.ok(most <= 4 * limitsBeforeLogin.lineBytes, `${most} bytes are held`);
  const client = await connect();
  for (const text of ['(', '()', '(("a"', ')']) {
    t.match(await client.command(`ID ${text.repeat(2_000)}`), { status: 'BAD' });
  }
  await client.login('alice', 'secret');
});

await t.test('pipelined STORE and EXPUNGE out of order', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await client.ok('SELECT INBOX');
  client.send(
    'a STORE 1 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\nc STORE 1 +FLAGS (\\Deleted)\r\nd EXPUNGE\r\ne SEARCH UID 1:*\r\n',
  );
  const lines = await readLines(client, 'e');
  const tags = lines.flatMap((line) => /^([a-e]) OK/.exec(line)?.[1] ?? []);
  t.same(tags, ['a', 'b', 'c', 'd', 'e']);
  t.equal(lines.filter((line) => line === '* 1 EXPUNGE').length, 2);
  t.match(
    lines.find((line) => line.includes('FETCH')),
    /\\Deleted/,
    'that is the second message',
  );
  t.ok(lines.includes('* SEARCH 1'), 'and the third is left');
  t.match(texts(await client.ok('FETCH 1 (UID)')), ['* 1 FETCH (UID 3)']);
});

await t.test('modification sequences up to 2^63-1', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX (CONDSTORE)');
  for (const modseq of [2n ** 53n, 2n ** 62n, 2n ** 63n - 1n]) {
    t.same(texts(await client.ok(`FETCH 1 (FLAGS) (CHANGEDSINCE ${modseq})`)), []);
    t.same(texts(await client.ok(`SEARCH MODSEQ ${modseq}`)), ['* SEARCH']);
    const stored = await client.ok(`STORE 1 (UNCHANGEDSINCE ${modseq}) +FLAGS (k${modseq})`);
    t.match(texts(stored)[0], new RegExp(`k${modseq}`));
  }
  for (const wrong of [2n ** 63n, 2n ** 64n]) {
    t.equal((await client.command(`FETCH 1 (FLAGS) (CHANGEDSINCE ${wrong})`)).status, 'BAD');
  }
});

await t.test('a command where DONE is due', async (t) => {
  const client = await newClient();
  client.send('a IDLE\r\n');
  t.match(await client.read(), { text: /^\+ / });
  client.send('b NOOP\r\nc NOOP\r\n');
  t.match(await client.readTagged('a'), { status: 'BAD' });
  t.match(await client.readTagged('c'), { status: 'OK' }, 'what follows is read as it is meant');
});

await t.test('HIGHESTMODSEQ of an empty mailbox', async (t) => {
  const client = await newClient();
  await client.ok('CREATE empty');
  t.match(texts(await client.ok('STATUS empty (HIGHESTMODSEQ)')), [/HIGHESTMODSEQ [1-9]/]);
  t.ok(codeOf(texts(await client.ok('SELECT empty (CONDSTORE)')), 'HIGHESTMODSEQ') >= 1);
});

await t.test('ENABLED before the first VANISHED, and 1:* with VANISHED', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three', 'four');
  await client.ok('SELECT INBOX');
  await other.ok('SELECT INBOX');
  await other.ok('STORE 2,4 +FLAGS.SILENT (\\Deleted)');
  await client.ok('NOOP');
  await other.ok('EXPUNGE');
  client.send('a ENABLE QRESYNC\r\nb NOOP\r\n');
  const lines = await readLines(client, 'b');
  const [enabled, vanished] = ['* ENABLED', '* VANISHED'].map((start) =>
    lines.findIndex((line) => line.startsWith(start)),
  );
  t.ok(enabled! >= 0 && vanished! > enabled!, lines.join('\n'));
  const all = texts(await client.ok('UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)'));
  t.equal(all[0], '* VANISHED (EARLIER) 2,4', 'also behind the last message that is left');
  t.equal(all.filter((line) => line.includes('FETCH')).length, 2);
  await other.ok('STORE 1:2 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  await client.ok('NOOP');
  const none = texts(await client.ok('UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)'));
  t.same(none, ['* VANISHED (EARLIER) 1:4'], 'and when none is left');
});

await t.test('QRESYNC parameters in parentheses', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await client.ok('ENABLE QRESYNC');
  const selected = texts(await client.ok('SELECT INBOX'));
  const validity = codeOf(selected, 'UIDVALIDITY');
  const modseq = codeOf(selected, 'HIGHESTMODSEQ');
  await client.ok('UNSELECT');
  await other.ok('SELECT INBOX');
  await other.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  for (const more of ['', ' 1:3', ' 1:3 (1,3 1,3)', ' (1,3 1,3)']) {
    const lines = texts(await client.ok(`SELECT INBOX (QRESYNC (${validity} ${modseq}${more}))`));
    t.ok(lines.includes('* VANISHED (EARLIER) 2'), `"${more}"`);
  }
  for (const wrong of [
    `(QRESYNC ${validity} ${modseq})`,
    `(QRESYNC (${validity}))`,
    '(QRESYNC ())',
  ]) {
    t.equal((await client.command(`SELECT INBOX ${wrong}`)).status, 'BAD', wrong);
  }
});
