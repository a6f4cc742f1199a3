import t from 'tap';
import {
  appendMessages,
  messageOf,
  startImapService,
  texts,
} from '../../../fixtures/imap-service.ts';

const { newClient } = await startImapService(t);

await t.test('STATUS gives the items in the order of the command', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', Buffer.from('Subject: x\r\n\r\ny\r\n'));
  t.match(texts(await client.ok('STATUS INBOX (UIDNEXT MESSAGES UNSEEN RECENT HIGHESTMODSEQ)')), [
    /^\* STATUS INBOX \(UIDNEXT 2 MESSAGES 1 UNSEEN 1 RECENT 1 HIGHESTMODSEQ [1-9]\d*\)$/,
  ]);
});

await t.test('STATUS counts what is unseen, recent and removed', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two');
  await client.ok('APPEND INBOX', messageOf('three'));
  const counts = async () =>
    texts(await client.ok('STATUS inbox (MESSAGES UNSEEN RECENT UIDNEXT)'));
  t.same(await counts(), ['* STATUS INBOX (MESSAGES 3 UNSEEN 1 RECENT 3 UIDNEXT 4)']);
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 -FLAGS.SILENT (\\Seen)');
  await client.ok('STORE 3 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  t.same(await counts(), ['* STATUS INBOX (MESSAGES 2 UNSEEN 1 RECENT 0 UIDNEXT 4)']);
});

await t.test('STATUS HIGHESTMODSEQ turns CONDSTORE on (RFC 7162, section 3.1)', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  t.match(texts(await client.ok('STORE 1 FLAGS (a)')).at(-1), /^\* 1 FETCH \(FLAGS \([^)]*\)\)$/);
  await client.ok('STATUS Sent (HIGHESTMODSEQ)');
  t.match(texts(await client.ok('STORE 1 FLAGS (b)')).at(-1), / MODSEQ \(\d+\)\)$/);
});

await t.test('STATUS SIZE is the sum of the sizes that FETCH tells (RFC 8438)', async (t) => {
  const client = await newClient();
  const size = async (name: string) => texts(await client.ok(`STATUS ${name} (SIZE)`));
  t.same(await size('INBOX'), ['* STATUS INBOX (SIZE 0)']);
  for (const text of ['one', 'and a second']) await client.ok('APPEND INBOX', messageOf(text));
  const bytes = ['one', 'and a second'].map((text) => messageOf(text).length);
  await client.ok('SELECT INBOX');
  t.match(
    texts(await client.ok('FETCH 1:2 (RFC822.SIZE)')),
    bytes.map((count, index) => `* ${index + 1} FETCH (RFC822.SIZE ${count})`),
  );
  t.same(await size('INBOX'), [`* STATUS INBOX (SIZE ${bytes[0]! + bytes[1]!})`]);
  await client.ok('COPY 2 Sent');
  t.same(await size('Sent'), [`* STATUS Sent (SIZE ${bytes[1]})`]);
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  t.same(await size('INBOX'), [`* STATUS INBOX (SIZE ${bytes[1]})`]);
});

await t.test('MAILBOXID goes with the mailbox, not with its name (RFC 8474)', async (t) => {
  const client = await newClient();
  const idOf = async (name: string) =>
    /\(MAILBOXID \((F\d+)\)\)$/.exec(
      texts(await client.ok(`STATUS ${name} (MAILBOXID)`)).join(),
    )?.[1];
  const create = async (name: string) =>
    /^\[MAILBOXID \((F\d+)\)\] /.exec((await client.ok(`CREATE ${name}`)).text)?.[1];
  const [first, inbox] = [await create('work'), await idOf('INBOX')];
  t.type(first, 'string');
  t.equal(await idOf('work'), first);
  t.match(texts(await client.ok('SELECT work')), new RegExp(`\\[MAILBOXID \\(${first}\\)\\]`));
  await client.ok('RENAME work done');
  t.equal(await idOf('done'), first);
  const second = await create('work');
  t.not(second, first, 'the name means another mailbox now');
  await client.ok('RENAME INBOX old');
  t.equal(await idOf('INBOX'), inbox);
  t.not(await idOf('old'), inbox);
  await client.ok('DELETE work');
  t.not(await create('work'), second, 'deleted and made again');
  await client.ok('CREATE tree/leaf');
  const tree = await idOf('tree');
  await client.ok('DELETE tree');
  t.not(await create('tree'), tree, 'a level becomes a mailbox again');
});

await t.test('STATUS of no mailbox is refused', async (t) => {
  const client = await newClient();
  t.match(await client.command('STATUS Nowhere (MESSAGES)'), {
    status: 'NO',
    text: /^\[NONEXISTENT\]/,
    untagged: [],
  });
});
