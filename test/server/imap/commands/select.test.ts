import t from 'tap';
import {
  appendMessages,
  messageOf,
  startImapService,
  texts,
} from '../../../fixtures/imap-service.ts';

let isDiskFull = false;
let statusReadCount = 0;
let canAddKeywords = true;
const { newAccount, store, newClient, newPair } = await startImapService(t, {
  storeMethods: {
    readStatus: async (...parts) => {
      statusReadCount += 1;
      return { ...(await store.readStatus(...parts)), canAddKeywords };
    },
    expungeMessages: (box, uids) => {
      if (isDiskFull) throw new Error('Store failed: database or disk is full');
      return store.expungeMessages(box, uids);
    },
  },
});

await t.test('SELECT describes the mailbox', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX (\\Seen Work)', messageOf('one'));
  await client.ok('APPEND INBOX', messageOf('two'));
  const result = await client.ok('SELECT inbox');
  t.match(result.text, /^\[READ-WRITE\] /);
  const lines = texts(result);
  t.equal(lines[0], '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)');
  t.match(lines[1], /^\* OK \[PERMANENTFLAGS \(.* Work \\\*\)\] /);
  t.equal(lines[2], '* 2 EXISTS');
  t.equal(lines[3], '* 2 RECENT');
  t.match(lines[4], /^\* OK \[UNSEEN 2\] /);
  t.match(lines[5], /^\* OK \[MAILBOXID \(F[1-9]\d*\)\] /);
  t.match(lines[6], /^\* OK \[UIDVALIDITY [1-9]\d*\] /);
  t.match(lines[7], /^\* OK \[UIDNEXT 3\] /);
  t.match(lines[8], /^\* OK \[HIGHESTMODSEQ [1-9]\d*\] /);
  t.equal(lines.length, 9);
});

await t.test('a mailbox without room for new keywords says so', async (t) => {
  const client = await newClient();
  const permanentOf = async () =>
    texts(await client.ok('SELECT inbox')).find((line) => line.includes('PERMANENTFLAGS'));
  canAddKeywords = false;
  t.match(await permanentOf(), /\[PERMANENTFLAGS \(\\Answered [^*]*\\Draft\)\]/);
  canAddKeywords = true;
  t.match(await permanentOf(), / \\\*\)\]/);
});

await t.test(
  'only the first session sees a message as \\Recent, EXAMINE takes nothing',
  async (t) => {
    const [first, second] = await newPair();
    await appendMessages(first, 'INBOX', 'one', 'two');
    t.ok(texts(await second.ok('EXAMINE INBOX')).includes('* 2 RECENT'));
    t.same(texts(await second.ok('FETCH 1 FLAGS')), ['* 1 FETCH (FLAGS (\\Recent \\Seen))']);
    t.ok(texts(await first.ok('SELECT INBOX')).includes('* 2 RECENT'));
    t.ok(texts(await second.ok('SELECT INBOX')).includes('* 0 RECENT'));
    t.same(texts(await first.ok('FETCH 2 FLAGS')), ['* 2 FETCH (FLAGS (\\Recent \\Seen))']);
    t.same(texts(await second.ok('FETCH 2 FLAGS')), ['* 2 FETCH (FLAGS (\\Seen))']);
    t.same(texts(await first.ok('SEARCH RECENT')), ['* SEARCH 1 2']);
    t.same(texts(await first.ok('SEARCH OLD')), ['* SEARCH']);
  },
);

await t.test('EXAMINE reads the status of the mailbox no more often than SELECT', async (t) => {
  const client = await newClient();
  const countOf = async (command: string) => {
    const before = statusReadCount;
    await client.ok(command);
    return statusReadCount - before;
  };
  const count = await countOf('SELECT INBOX');
  t.ok(count > 0);
  t.equal(await countOf('EXAMINE INBOX'), count);
});

await t.test('EXAMINE lets nothing be changed', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', messageOf('one'));
  const result = await client.ok('EXAMINE INBOX');
  t.match(result.text, /^\[READ-ONLY\]/);
  t.ok(texts(result).some((line) => line.startsWith('* OK [PERMANENTFLAGS ()]')));
  for (const command of ['STORE 1 +FLAGS (\\Deleted)', 'EXPUNGE', 'MOVE 1 Trash']) {
    t.match(await client.command(command), { status: 'NO', text: /read-only/ }, command);
  }
  await client.ok('FETCH 1 BODY[]');
  t.same(texts(await client.ok('FETCH 1 FLAGS')), ['* 1 FETCH (FLAGS (\\Recent))'], 'not \\Seen');
});

await t.test('a SELECT that fails leaves no mailbox selected', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  const failed = await client.command('SELECT Nowhere');
  t.match(failed, { status: 'NO', text: /^\[NONEXISTENT\]/ });
  t.ok(texts(failed).some((line) => line.startsWith('* OK [CLOSED]')));
  t.match(await client.command('FETCH 1 FLAGS'), { status: 'BAD', text: /selected mailbox/ });
});

await t.test('a CLOSE that fails leaves the mailbox selected', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  isDiskFull = true;
  t.match(await client.command('CLOSE'), { status: 'NO', text: /^\[SERVERBUG\]/ });
  isDiskFull = false;
  await client.ok('FETCH 1 FLAGS');
  await client.ok('CLOSE');
  t.match(await client.command('FETCH 1 FLAGS'), { status: 'BAD' });
  t.ok(texts(await client.ok('SELECT INBOX')).includes('* 0 EXISTS'));
});

await t.test('a mailbox that has been deleted can be closed', async () => {
  const login = await newAccount();
  const client = await login();
  await client.ok('CREATE Temp');
  await client.ok('SELECT Temp');
  const other = await login();
  await other.ok('DELETE Temp');
  await client.ok('CLOSE');
  await client.ok('NOOP');
});
