import t from 'tap';
import { search } from '../../../../server/imap/commands/search.ts';
import { MailboxFeed } from '../../../../server/imap/mailbox-feed.ts';
import { takeTurn } from '../../../../store/turns.ts';
import { FakeMailbox, statesOf } from '../../../fixtures/fake-mailbox.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';
import { selectedSession } from '../../../fixtures/selected-session.ts';

const { newClient } = await startImapService(t);

await t.test('SEARCH answers with numbers, UID SEARCH with UIDs', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'gone', 'red apple', 'green apple', 'pear');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  t.same(texts(await client.ok('SEARCH SUBJECT APPLE')), ['* SEARCH 1 2']);
  t.same(texts(await client.ok('UID SEARCH SUBJECT apple')), ['* SEARCH 2 3']);
  t.same(texts(await client.ok('UID SEARCH NOT SUBJECT apple')), ['* SEARCH 4']);
  t.same(texts(await client.ok('UID SEARCH OR SUBJECT red SUBJECT pear')), ['* SEARCH 2 4']);
  t.same(texts(await client.ok('SEARCH 2:* SUBJECT apple')), ['* SEARCH 2']);
  t.same(texts(await client.ok('UID SEARCH UID 3:2')), ['* SEARCH 2 3']);
  t.same(texts(await client.ok('SEARCH TEXT "Text of red"')), ['* SEARCH 1']);
  t.same(texts(await client.ok('SEARCH NOT ALL')), ['* SEARCH']);
});

await t.test('SEARCH MODSEQ answers with the highest modseq of what it found', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two');
  await client.ok('SELECT INBOX');
  const [line] = texts(await client.ok('SEARCH MODSEQ 1'));
  t.match(line, /^\* SEARCH 1 2 \(MODSEQ \d+\)$/);
  const modseq = Number(/MODSEQ (\d+)/.exec(line ?? '')?.[1]);
  t.same(texts(await client.ok(`SEARCH MODSEQ ${modseq + 1}`)), ['* SEARCH']);
});

await t.test('an unknown charset is refused with the ones that are known', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  const refused = await client.command('SEARCH CHARSET X-NONE SUBJECT x');
  t.match(refused, { status: 'NO', text: /^\[BADCHARSET \(/ });
});

await t.test('a search that finds nothing lets others run all the same', async (t) => {
  const mailbox = new FakeMailbox();
  const messages = Array.from({ length: 100_000 }, (_, index) => ({
    uid: index + 1,
    modseq: 1,
    flags: [],
  }));
  const feed = await MailboxFeed.open(
    {
      ...mailbox.store,
      async *readStates() {
        yield statesOf(messages);
      },
    },
    mailbox.box,
  );
  const { session, lines } = selectedSession(feed);
  const ends: string[] = [];
  const criteria = { key: 'flag', flag: '\\Seen' } as const;
  const command = { name: 'SEARCH', isUid: true, criteria } as const;
  const searched = search(session, command, {} as never).then(() => ends.push('search'));
  await takeTurn().then(() => ends.push('another'));
  await searched;
  t.same(ends, ['another', 'search']);
  session.out.flush();
  t.same(lines(), ['* SEARCH']);
});
