import t from 'tap';
import { StoreError } from '../../../../store/mail-store.ts';
import type { MailStore } from '../../../../store/mail-store.ts';
import {
  appendMessages,
  messageOf,
  startImapService,
  texts,
} from '../../../fixtures/imap-service.ts';

const storeMethods: Partial<MailStore> = {};
const { store, newClient, newPair, connect } = await startImapService(t, { storeMethods });

await t.test('the new message comes and the old one goes, in one command', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'Drafts', 'one', 'two', 'three');
  await client.ok('SELECT Drafts');
  await other.ok('SELECT Drafts');
  const result = await client.ok('REPLACE 2 Drafts (\\Draft)', messageOf('new'));
  const [first, ...rest] = texts(result);
  t.match(first, /^\* OK \[APPENDUID \d+ 4\] /, 'before the old one is told to be gone');
  t.same(rest, ['* 2 EXPUNGE', '* 3 EXISTS', '* 3 RECENT']);
  t.same(texts(await client.ok('UID SEARCH ALL')), ['* SEARCH 1 3 4']);
  t.match(texts(await client.ok('FETCH 3 (FLAGS)')), [/\\Draft/]);
  t.match(texts(await other.ok('NOOP')).join(), /2 EXPUNGE/);
  t.same(texts(await other.ok('UID SEARCH ALL')), ['* SEARCH 1 3 4']);
});

await t.test('UID REPLACE, to another mailbox, by parts of the old one', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'Drafts', 'one', 'two');
  await client.ok('SELECT Drafts');
  client.send(
    'a UID REPLACE 2 Sent (\\Seen) CATENATE (TEXT {6+}\r\nA: b\r\n URL /Drafts/;UID=2)\r\n',
  );
  const { status, untagged, text } = await client.readTagged('a');
  t.match({ status, text }, { status: 'OK' });
  t.match(texts({ untagged }), [/^\* OK \[APPENDUID \d+ 1\]/, '* 2 EXPUNGE']);
  t.same(texts(await client.ok('UID SEARCH ALL')), ['* SEARCH 1']);
  await client.ok('SELECT Sent');
  t.match(texts(await client.ok('FETCH 1 BODY.PEEK[]')).join(), /A: b\r\nFrom: A/);
});

await t.test('one that knows modseqs is told the modseq', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'Drafts', 'one');
  await client.ok('SELECT Drafts (CONDSTORE)');
  t.match((await client.ok('REPLACE 1 Drafts', messageOf('new'))).text, /^\[HIGHESTMODSEQ 3\]/);
});

await t.test('what is refused changes nothing', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'Drafts', 'one');
  const stranger = await connect();
  t.match(await stranger.command('REPLACE 1 Drafts', messageOf('x')), { status: 'BAD' });
  t.match(await client.command('REPLACE 1 Drafts', messageOf('x')), { status: 'BAD' });
  await client.ok('SELECT Drafts');
  for (const [text, refusal] of [
    ['REPLACE 2 Drafts', { status: 'BAD' }],
    ['UID REPLACE 2 Drafts', { status: 'NO' }],
    ['REPLACE 1 Nowhere', { status: 'NO', text: /^\[TRYCREATE\]/ }],
    ['REPLACE 1 Drafts (\\Foo)', { status: 'BAD' }],
    ['REPLACE 1:2 Drafts', { status: 'BAD' }],
  ] as const) {
    t.match(await client.command(text, messageOf('x')), refusal, text);
    client.send(`a ${text} {11+}\r\nx LOGOUT\r\nx\r\nb NOOP\r\n`);
    t.match(await client.readTagged('a'), refusal, text);
    t.match(await client.readTagged('b'), { status: 'OK' }, 'and what has come is dropped');
  }
  t.match(await client.command('REPLACE 1 Drafts', Buffer.alloc(0)), { status: 'NO' });
  await client.ok('EXAMINE Drafts');
  t.match(await client.command('REPLACE 1 Drafts', messageOf('x')), { status: 'NO' });
  t.same(texts(await client.ok('STATUS Drafts (MESSAGES UIDNEXT)')), [
    '* STATUS Drafts (MESSAGES 1 UIDNEXT 2)',
  ]);
});

await t.test('if another session has expunged the message, none is added', async (t) => {
  const [client, other] = await newPair();
  await client.ok('APPEND Drafts (\\Deleted)', messageOf('one'));
  await client.ok('SELECT Drafts');
  await other.ok('SELECT Drafts');
  client.send('a REPLACE 1 Drafts {3}\r\n');
  t.match((await client.read()).text, /^\+ /);
  await other.ok('EXPUNGE');
  client.send('abc\r\n');
  const { status, text } = await client.readTagged('a');
  t.match({ status, text }, { status: 'NO', text: /^\[EXPUNGEISSUED\]/ });
  t.same(texts(await client.ok('STATUS Drafts (MESSAGES)')), ['* STATUS Drafts (MESSAGES 0)']);
});

await t.test('if the target goes meanwhile, the old message stays', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'Drafts', 'one');
  await client.ok('CREATE target');
  await client.ok('SELECT Drafts');
  client.send('a REPLACE 1 target {3}\r\n');
  t.match((await client.read()).text, /^\+ /);
  await other.ok('DELETE target');
  client.send('abc\r\n');
  t.match(await client.readTagged('a'), { status: 'NO', text: /^\[TRYCREATE\]/ });
  t.same(texts(await client.ok('STATUS Drafts (MESSAGES)')), ['* STATUS Drafts (MESSAGES 1)']);
});

await t.test('a disk that is full keeps the old message', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'Drafts', 'one');
  await client.ok('SELECT Drafts');
  storeMethods.addMessages = async (_, messages) => {
    for (const { draft } of messages) await draft.discard();
    throw new StoreError('OVERQUOTA', 'The disk is full');
  };
  t.match(await client.command('REPLACE 1 Drafts', messageOf('x')), {
    status: 'NO',
    text: /^\[OVERQUOTA\]/,
    untagged: [],
  });
  delete storeMethods.addMessages;
  t.same(texts(await client.ok('UID SEARCH ALL')), ['* SEARCH 1']);
  t.same(await store.checkIntegrity(), []);
});
