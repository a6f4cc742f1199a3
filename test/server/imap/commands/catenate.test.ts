import t from 'tap';
import { defaultMaxAppendBytes } from '../../../../protocol/limits.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { messageOf, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { login, newAccount, newClient, newPair } = await startImapService(t, {
  accountCapabilitiesOff: new Map([['bob', ['URL-PARTIAL']]]),
});

const multipart = [
  'Subject: two parts',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  '',
  'First part.',
  '--b',
  'Content-Type: application/octet-stream',
  '',
  'Second part.',
  '--b--',
  '',
].join('\r\n');

/** The message that was added last to Drafts. */
async function lastDraft(client: ImapClient): Promise<string | undefined> {
  await client.ok('EXAMINE Drafts');
  const { untagged } = await client.ok('FETCH * BODY.PEEK[]');
  return untagged.at(-1)?.literals[0]?.toString('latin1');
}

const text = (part: string) => `TEXT {${part.length}+}\r\n${part}`;

await t.test('texts and parts of messages follow each other, byte for byte', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', Buffer.from(multipart));
  await client.ok('CREATE "a b"');
  await client.ok('APPEND "a b"', messageOf('other'));
  for (const [parts, expected] of [
    [text('From: me\r\n\r\nHello'), 'From: me\r\n\r\nHello'],
    ['URL /INBOX/;UID=1', multipart],
    ['URL "/inbox/;UID=1/;SECTION=1"', 'First part.'],
    [
      `${text('A: ')} URL /INBOX/;UID=1/;SECTION=2.MIME ${text('<')} URL /INBOX/;UID=1/;SECTION=2`,
      'A: Content-Type: application/octet-stream\r\n\r\n<Second part.',
    ],
    ['URL "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)"', 'Subject: two parts\r\n\r\n'],
    ['URL /INBOX/;UID=1/;SECTION=1/;PARTIAL=6.4', 'part'],
    ['URL /INBOX/;UID=1/;SECTION=1/;PARTIAL=6', 'part.'],
    [`URL /INBOX/;UID=1/;PARTIAL=9999 ${text('x')}`, 'x'],
    ['URL "/a%20b/;UID=1"', messageOf('other').toString()],
    ['URL {27+}\r\n/INBOX/;UID=1/;SECTION=TEXT', multipart.slice(multipart.indexOf('--b'))],
  ] as const) {
    client.send(`a APPEND Drafts (\\Draft) CATENATE (${parts})\r\n`);
    t.match(await client.readTagged('a'), { status: 'OK', text: /^\[APPENDUID/ }, parts);
    t.equal(await lastDraft(client), expected, parts);
  }
  await client.ok('EXAMINE INBOX');
  t.notMatch(texts(await client.ok('FETCH 1 FLAGS')), [/Seen/], 'nothing is read by it');
});

await t.test('what a URL does not name is BADURL, and nothing is added', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', Buffer.from(multipart));
  const status = texts(await client.ok('STATUS INBOX (UIDVALIDITY)')).join();
  const validity = Number(/UIDVALIDITY (\d+)/.exec(status)?.[1]);
  client.send(`a APPEND Drafts CATENATE (URL "/INBOX;UIDVALIDITY=${validity}/;UID=1")\r\n`);
  t.match(await client.readTagged('a'), { status: 'OK' });
  for (const url of [
    `/INBOX;UIDVALIDITY=${validity + 1}/;UID=1`,
    '/INBOX/;UID=2',
    '/Nowhere/;UID=1',
    '/INBOX/;UID=1/;SECTION=3',
    '/INBOX/;UID=1/;SECTION=1.TEXT',
    '/INBOX/;UID=1/;SECTION=x',
    'INBOX/;UID=1',
    'imap://alice@localhost/INBOX/;UID=1',
  ]) {
    client.send(`a APPEND Drafts CATENATE (${text('x')} URL "${url}" ${text('y')})\r\nb NOOP\r\n`);
    t.match(await client.readTagged('a'), { status: 'NO' });
    t.match(await client.readTagged('b'), { status: 'OK' });
    client.send(`a APPEND Drafts CATENATE (URL /INBOX/;UID=1 URL "${url}" TEXT {3}\r\n`);
    const { status, text: answer } = await client.readTagged('a');
    t.equal(status, 'NO', 'in place of the invitation');
    t.ok(answer.startsWith(`[BADURL "${url}"] `), answer);
  }
  t.same(texts(await client.ok('STATUS Drafts (MESSAGES)')), ['* STATUS Drafts (MESSAGES 1)']);
});

await t.test('mail of another account cannot be reached', async (t) => {
  const [alice, bob] = [await newClient(), await newClient()];
  await alice.ok('APPEND INBOX', messageOf('secret'));
  bob.send('a APPEND Drafts CATENATE (URL /INBOX/;UID=1)\r\n');
  t.match(await bob.readTagged('a'), { status: 'NO', text: /^\[BADURL / });
});

await t.test('a message is whole, or refused: empty, too large, gone', async (t) => {
  const client = await newClient();
  const command = async (parts: string) => {
    client.send(`a APPEND Drafts CATENATE (${parts})\r\n`);
    return client.readTagged('a');
  };
  t.match(await command('TEXT {0+}\r\n'), { status: 'NO', text: /empty/ });
  await client.ok('APPEND INBOX', messageOf('one'));
  t.match(await command('URL /INBOX/;UID=1/;PARTIAL=9999'), { status: 'NO', text: /empty/ });
  const size = 4_000_000;
  await client.ok('APPEND INBOX', Buffer.alloc(size, 'Subject: x\r\n\r\n'));
  const most = Math.floor(defaultMaxAppendBytes / size);
  const urls = Array.from({ length: most + 1 }, () => 'URL /INBOX/;UID=2').join(' ');
  t.match(await command(urls), { status: 'NO', text: /^\[TOOBIG\]/ });
  t.match(await command(`URL /INBOX/;UID=2 TEXT {${defaultMaxAppendBytes}}\r\n`), {
    status: 'NO',
    text: /^\[TOOBIG\]/,
  });
  await client.ok('NOOP');
  t.same(texts(await client.ok('STATUS Drafts (MESSAGES)')), ['* STATUS Drafts (MESSAGES 0)']);
});

await t.test('several messages that are put together come all or none', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', messageOf('one'));
  const good = `CATENATE (URL /INBOX/;UID=1 ${text('more')})`;
  client.send(`a APPEND Drafts ${good} (\\Seen) {3+}\r\nabc ${good}\r\n`);
  t.match(await client.readTagged('a'), { status: 'OK', text: /APPENDUID \d+ 1:3\]/ });
  client.send(`a APPEND Drafts ${good} CATENATE (URL /INBOX/;UID=9) {3+}\r\nabc\r\nb NOOP\r\n`);
  t.match(await client.readTagged('a'), { status: 'NO', text: /^\[BADURL/ });
  t.match(await client.readTagged('b'), { status: 'OK' });
  t.same(texts(await client.ok('STATUS Drafts (MESSAGES)')), ['* STATUS Drafts (MESSAGES 3)']);
});

await t.test('a message that another session has expunged is gone', async (t) => {
  const [client, other] = await newPair();
  await client.ok('APPEND INBOX (\\Deleted)', messageOf('one'));
  await client.ok('SELECT INBOX');
  await other.ok('SELECT INBOX');
  await other.ok('EXPUNGE');
  client.send('a APPEND Drafts CATENATE (URL /INBOX/;UID=1)\r\n');
  t.match(await client.readTagged('a'), { status: 'NO', text: /^\[BADURL/ });
});

await t.test('without URL-PARTIAL a URL has no part of a section', async (t) => {
  const bob = await login('bob');
  await bob.ok('APPEND INBOX', messageOf('one'));
  bob.send('a APPEND Drafts CATENATE (URL /INBOX/;UID=1/;PARTIAL=0.4)\r\n');
  t.match(await bob.readTagged('a'), { status: 'NO', text: /^\[BADURL/ });
  const other = await (await newAccount())();
  await other.ok('APPEND INBOX', messageOf('one'));
  other.send('a APPEND Drafts CATENATE (URL /INBOX/;UID=1/;PARTIAL=0.4)\r\n');
  t.match(await other.readTagged('a'), { status: 'OK' });
});
