import t from 'tap';
import {
  appendMessages,
  messageOf,
  startImapService,
  texts,
} from '../../../fixtures/imap-service.ts';

const { newClient, newPair } = await startImapService(t);

await t.test('EXPUNGE counts down, UID EXPUNGE removes only what it names', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three', 'four');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1,3:4 +FLAGS.SILENT (\\Deleted)');
  t.same(texts(await client.ok('UID EXPUNGE 3')), ['* 3 EXPUNGE']);
  t.same(texts(await client.ok('EXPUNGE')), ['* 1 EXPUNGE', '* 2 EXPUNGE']);
  t.same(texts(await client.ok('UID SEARCH ALL')), ['* SEARCH 2']);
});

await t.test('EXPUNGE of what another session has removed tells it once', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await client.ok('SELECT INBOX');
  await other.ok('SELECT INBOX');
  await client.ok('STORE 1,3 +FLAGS.SILENT (\\Deleted)');
  await other.ok('UID EXPUNGE 1');
  const expunged = texts(await client.ok('EXPUNGE'));
  t.same(expunged, ['* 1 EXPUNGE', '* 2 EXPUNGE']);
  t.same(texts(await client.ok('EXPUNGE')), []);
  t.same(texts(await client.ok('NOOP')), []);
  const told = texts(await other.ok('NOOP')).filter((line) => line.endsWith('EXPUNGE'));
  t.same(told, ['* 2 EXPUNGE']);
});

await t.test('a client that knows modseqs is told that of the EXPUNGE', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX (CONDSTORE)');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  const { text } = await client.ok('EXPUNGE');
  const [, highest] = /^\[HIGHESTMODSEQ (\d+)\] /.exec(text) ?? [];
  t.same(texts(await client.ok('STATUS INBOX (HIGHESTMODSEQ)')), [
    `* STATUS INBOX (HIGHESTMODSEQ ${highest})`,
  ]);
});

await t.test('CLOSE removes deleted messages silently, UNSELECT leaves them', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('UNSELECT');
  t.ok(texts(await client.ok('SELECT INBOX')).includes('* 2 EXISTS'));
  t.same(texts(await client.ok('CLOSE')), []);
  t.ok(texts(await client.ok('SELECT INBOX')).includes('* 1 EXISTS'));
});

await t.test('CLOSE of a mailbox that is open read-only removes nothing', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX (\\Deleted)', messageOf('one'));
  await client.ok('EXAMINE INBOX');
  await client.ok('CLOSE');
  t.match(await client.command('CHECK'), { status: 'BAD' }, 'none is selected');
  t.same(texts(await client.ok('STATUS INBOX (MESSAGES)')), ['* STATUS INBOX (MESSAGES 1)']);
});
