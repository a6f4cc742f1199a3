import t from 'tap';
import { sort } from '../../../../server/imap/commands/sort.ts';
import { takeTurn } from '../../../../store/turns.ts';
import { openFeedOf } from '../../../fixtures/fake-mailbox.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';
import { selectedSession } from '../../../fixtures/selected-session.ts';

const { newClient } = await startImapService(t);

/** Adds messages with these header fields, one line each. */
async function append(
  client: ImapClient,
  ...headers: readonly (readonly string[])[]
): Promise<void> {
  for (const lines of headers) {
    await client.ok('APPEND INBOX', Buffer.from([...lines, '', 'Text', ''].join('\r\n')));
  }
}

async function sorted(client: ImapClient, keys: string, criteria = 'UTF-8 ALL'): Promise<string> {
  const [line = '', ...others] = texts(await client.ok(`SORT (${keys}) ${criteria}`));
  t.same(others, []);
  return line.replace(/^\* SORT ?/, '');
}

await t.test('each key', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(
    client,
    [
      'From: Zoe <anna@z.example>',
      'To: =?utf-8?q?=C3=81gnes?= <x@example.com>',
      'Cc: bob@example.com',
      'Date: Sun, 31 Dec 2000 16:01:33 -0800',
      'Subject: Re: banana',
    ],
    [
      'From: bert@a.example',
      'To: agatha@example.com, zeno@example.com',
      'Date: Mon, 1 Jan 2001 00:01:32 +0000',
      'Subject: [list] Apple',
      'X-Long: and so this message is longer than the others are, all of them together, or each',
    ],
    ['From: "Aaron" <zora@b.example>', 'Subject: cherry', 'Cc: Alice@example.com'],
  );
  t.match(await sorted(client, 'ARRIVAL'), '1 2 3');
  t.equal(await sorted(client, 'FROM'), '1 2 3', 'by what stands before the @');
  t.equal(await sorted(client, 'TO'), '3 2 1', 'without a field first');
  t.equal(await sorted(client, 'CC'), '2 3 1', 'in whatever case');
  t.equal(await sorted(client, 'DATE'), '2 1 3', 'in UTC; by the internal date without a field');
  t.equal(await sorted(client, 'SUBJECT'), '2 1 3', 'by base subject');
  t.equal(await sorted(client, 'SIZE'), '3 1 2');
  t.equal(await sorted(client, 'REVERSE SIZE'), '2 1 3');
  t.equal(await sorted(client, 'REVERSE SUBJECT'), '3 1 2');
});

await t.test('by the names that a client displays, or else by the addresses', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(
    client,
    ['From: =?utf-8?q?=C3=96zil?= <a@example.com>', 'To: d@example.com'],
    ['From: paul@example.com', 'To: "Carl" <z@example.com>'],
    ['From: "" <b@example.com>', 'To: D <a@example.com>'],
    ['Subject: neither'],
  );
  t.equal(await sorted(client, 'DISPLAYFROM'), '4 3 1 2');
  t.equal(await sorted(client, 'DISPLAYTO'), '4 2 3 1');
  t.equal(await sorted(client, 'REVERSE DISPLAYTO'), '1 3 2 4');
});

await t.test('messages that are equal stay in order, also in reverse', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(
    client,
    ['Subject: b', 'Cc: x@y'],
    ['Subject: a', 'Cc: z@y'],
    ['Subject: Re: B', 'Cc: y@y'],
    ['Subject: A', 'Cc: w@y'],
  );
  t.equal(await sorted(client, 'SUBJECT'), '2 4 1 3');
  t.equal(await sorted(client, 'REVERSE SUBJECT'), '1 3 2 4');
  t.equal(await sorted(client, 'SUBJECT CC'), '4 2 1 3');
  t.equal(await sorted(client, 'SUBJECT REVERSE CC'), '2 4 3 1');
  t.equal(await sorted(client, 'REVERSE SUBJECT CC SUBJECT'), '1 3 4 2');
});

await t.test('base subjects that GreenMail compared as they were written', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(
    client,
    ['Subject: fw [x]: cherry'],
    ['Subject: [Fwd: apple]'],
    ['Subject: re [2]: banana'],
  );
  t.equal(await sorted(client, 'SUBJECT', 'US-ASCII ALL'), '2 3 1');
});

await t.test('what was sorted once is sorted with what came since', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(client, ['Subject: c'], ['Subject: a']);
  t.equal(await sorted(client, 'SUBJECT', 'UTF-8 2'), '2', 'some of them first');
  t.equal(await sorted(client, 'SUBJECT'), '2 1');
  await append(client, ['Subject: b'], ['Subject: A'], ['Subject: 0']);
  t.equal(await sorted(client, 'SUBJECT'), '5 2 4 3 1');
  await client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  t.equal(await sorted(client, 'SUBJECT'), '4 3 2 1');
  t.same(texts(await client.ok('UID SORT (SUBJECT) UTF-8 ALL')), ['* SORT 5 4 3 1']);
});

await t.test('only what is searched is sorted', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(client, ['Subject: b'], ['Subject: a'], ['Subject: =?utf-8?q?c=C3=A9?=']);
  await client.ok('STORE 1:2 +FLAGS.SILENT (\\Flagged)');
  t.equal(await sorted(client, 'SUBJECT', 'UTF-8 FLAGGED'), '2 1');
  t.equal(await sorted(client, 'SUBJECT', 'ISO-8859-1 SUBJECT {1+}\r\n\xe9'), '3');
  t.equal(await sorted(client, 'SUBJECT', 'US-ASCII TEXT "not in mailbox"'), '');
  const [line] = texts(await client.ok('SORT (SUBJECT) UTF-8 MODSEQ 1')).slice(-1);
  t.match(line, /^\* SORT 2 1 3 \(MODSEQ \d+\)$/);
  const refused = await client.command('SORT (SUBJECT) X-NONE ALL');
  t.match(refused, { status: 'NO', text: /^\[BADCHARSET \(/ });
});

await t.test('the ends, the number and a compact set, in order (ESORT)', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(client, ['Subject: d'], ['Subject: a'], ['Subject: b'], ['Subject: c']);
  const esort = async (items: string, criteria = 'ALL') =>
    texts(await client.ok(`SORT RETURN (${items}) (SUBJECT) UTF-8 ${criteria}`))
      .join('\n')
      .replace(/^\* ESEARCH \(TAG "[^"]+"\) ?/, '');
  t.equal(await esort(''), 'ALL 2:4,1');
  t.equal(await esort('MIN MAX'), 'MIN 2 MAX 1');
  t.equal(await esort('COUNT ALL', '1:2'), 'ALL 2,1 COUNT 2');
  t.equal(await esort('MIN COUNT', 'SUBJECT nothing'), 'COUNT 0');
});

await t.test('a message that is gone while it is sorted is left out', async (t) => {
  const feed = await openFeedOf(3, {
    async *rows() {
      const uids = Uint32Array.of(1, 3);
      yield { uids, bodyIds: new Float64Array(2), sizeBytes: Uint32Array.of(20, 10) };
    },
  });
  const { session, lines } = selectedSession(feed);
  await sort(
    session,
    {
      name: 'SORT',
      isUid: true,
      keys: [{ name: 'SIZE', isReverse: false }],
      criteria: { key: 'all' },
    },
    {} as never,
  );
  await takeTurn();
  session.out.flush();
  t.same(lines(), ['* SORT 3 1']);
});

await t.test('what is sorted can be saved', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'b', 'a', 'c');
  await client.ok('SELECT INBOX');
  const saved = async () => texts(await client.ok('UID SEARCH $'));
  t.same(texts(await client.ok('SORT RETURN (SAVE) (SUBJECT) UTF-8 NOT SUBJECT c')), []);
  t.same(await saved(), ['* SEARCH 1 2']);
  t.match(texts(await client.ok('UID SORT RETURN (SAVE MAX) (SUBJECT) UTF-8 ALL')), [
    / UID MAX 3$/,
  ]);
  t.same(await saved(), ['* SEARCH 3']);
  t.match(texts(await client.ok('SORT RETURN (MIN) (SUBJECT) UTF-8 ALL')), [/ MIN 2$/]);
  t.same(await saved(), ['* SEARCH 3'], 'only SAVE changes it');
  t.equal((await client.command('SORT RETURN (SAVE) (SUBJECT) x-unknown ALL')).status, 'NO');
  t.same(await saved(), ['* SEARCH'], 'a refused one leaves nothing');
});
