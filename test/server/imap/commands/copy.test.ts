import t from 'tap';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient } = await startImapService(t);

await t.test('COPY keeps flags and answers with COPYUID', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await appendMessages(client, 'Archive', 'old');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 3 +FLAGS.SILENT (\\Flagged)');
  const result = await client.ok('COPY 1,3 Archive');
  t.match(result.text, /^\[COPYUID \d+ 1,3 2:3\] /);
  await client.ok('SELECT Archive');
  t.match(texts(await client.ok('FETCH 3 (UID FLAGS)')), [
    /UID 3 FLAGS \(\\Recent \\Flagged \\Seen\)/,
  ]);
});

await t.test('COPY to a mailbox that does not exist asks for it to be created', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  t.match(await client.command('COPY 1 Nowhere'), { status: 'NO', text: /^\[TRYCREATE\]/ });
  t.match(await client.command('UID MOVE 1 Nowhere'), { status: 'NO', text: /^\[TRYCREATE\]/ });
});

await t.test('MOVE sends COPYUID before the EXPUNGE responses', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await client.ok('SELECT INBOX');
  const result = await client.ok('UID MOVE 1:2 Trash');
  const [moved, ...rest] = texts(result);
  t.match(moved, /^\* OK \[COPYUID \d+ 1:2 1:2\] /);
  t.same(rest, ['* 1 EXPUNGE', '* 1 EXPUNGE']);
  t.same(texts(await client.ok('FETCH 1 (UID)')), ['* 1 FETCH (UID 3)']);
  t.match(texts(await client.ok('STATUS Trash (MESSAGES)')), [/MESSAGES 2/]);
});
