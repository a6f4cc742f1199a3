import t from 'tap';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient } = await startImapService(t);

const client = await newClient();
await appendMessages(client, 'INBOX', 'broken IMAP', 'POP3', 'IMAP is breaking', 'IMAP break');
await client.ok('CREATE other');
await appendMessages(client, 'other', 'Imap breaks', 'nothing');
await client.ok('SELECT INBOX');
const answer = async (command: string) =>
  texts(await client.ok(command)).map((text) =>
    text.replace(/TAG "\w+"/, 'TAG').replace(/UIDVALIDITY \d+/, 'UIDVALIDITY'),
  );

await t.test('a fuzzy key finds more than the exact one, and says how well', async (t) => {
  t.same(await answer('SEARCH SUBJECT "IMAP break"'), ['* SEARCH 4']);
  t.same(await answer('SEARCH FUZZY SUBJECT "imap brake"'), ['* SEARCH 1 3 4']);
  t.same(await answer('SEARCH FUZZY (SUBJECT "IMAP break" 1:3)'), ['* SEARCH 1 3']);
  t.same(await answer('SEARCH FUZZY SUBJECT "IMAP break" SUBJECT IS'), ['* SEARCH 3']);
  t.same(await answer('SEARCH NOT FUZZY SUBJECT "IMAP break"'), ['* SEARCH 2']);
  t.same(await answer('SEARCH RETURN (ALL RELEVANCY) FUZZY SUBJECT "IMAP break"'), [
    '* ESEARCH (TAG) ALL 1,3:4 RELEVANCY (50 95 100)',
  ]);
  t.same(await answer('UID SEARCH RETURN (MAX RELEVANCY) FUZZY SUBJECT "IMAP break"'), [
    '* ESEARCH (TAG) UID MAX 4 RELEVANCY (100)',
  ]);
  t.same(await answer('SEARCH RETURN (RELEVANCY ALL) FUZZY SUBJECT zzzzzz'), ['* ESEARCH (TAG)']);
  t.same(
    await answer('SEARCH RETURN (RELEVANCY ALL) OR FUZZY SUBJECT "IMAP break" FUZZY FLAGGED'),
    ['* ESEARCH (TAG) ALL 1,3:4 RELEVANCY (50 95 100)'],
  );
  t.same(await answer('SEARCH RETURN (SAVE RELEVANCY) FUZZY SUBJECT pop'), [
    '* ESEARCH (TAG) RELEVANCY (90)',
  ]);
  t.same(await answer('SEARCH $'), ['* SEARCH 2']);
});

await t.test('a word in the subject is more relevant than one in the text', async (t) => {
  const [line = ''] = await answer('SEARCH RETURN (ALL RELEVANCY) FUZZY TEXT "IMAP"');
  t.equal(line, '* ESEARCH (TAG) ALL 1,3:4 RELEVANCY (100 100 100)');
  t.same(await answer('SEARCH RETURN (ALL RELEVANCY) 1 FUZZY TEXT "Text"'), [
    '* ESEARCH (TAG) ALL 1 RELEVANCY (70)',
  ]);
  t.same(await answer('SEARCH RETURN (ALL RELEVANCY) 1 FUZZY BODY "Text"'), [
    '* ESEARCH (TAG) ALL 1 RELEVANCY (100)',
  ]);
});

await t.test('SORT puts the most relevant first', async (t) => {
  const by = (keys: string) => answer(`SORT ${keys} UTF-8 FUZZY SUBJECT "IMAP break"`);
  t.same(await by('(RELEVANCY)'), ['* SORT 4 3 1']);
  t.same(await by('(REVERSE RELEVANCY)'), ['* SORT 1 3 4']);
  t.same(await by('RETURN (RELEVANCY ALL) (RELEVANCY)'), [
    '* ESEARCH (TAG) ALL 4,3,1 RELEVANCY (100 95 50)',
  ]);
  t.same(await by('RETURN (PARTIAL 1:2) (RELEVANCY)'), ['* ESEARCH (TAG) PARTIAL (1:2 4,3)']);
  t.match(await by('RETURN (UPDATE COUNT) (RELEVANCY)'), [/ COUNT 3$/, /^\* NO \[NOUPDATE "/]);
});

await t.test('several mailboxes', async (t) => {
  const search = 'ESEARCH IN (personal) RETURN (RELEVANCY COUNT) FUZZY SUBJECT "IMAP break"';
  t.same(await answer(search), [
    '* ESEARCH (TAG MAILBOX INBOX UIDVALIDITY) UID COUNT 3 RELEVANCY (50 95 100)',
    '* ESEARCH (TAG MAILBOX other UIDVALIDITY) UID COUNT 1 RELEVANCY (95)',
  ]);
});

await t.test('there is no relevancy without a fuzzy key', async (t) => {
  for (const command of [
    'SEARCH RETURN (RELEVANCY) SUBJECT a',
    'ESEARCH RETURN (RELEVANCY) SUBJECT a',
    'SORT (RELEVANCY) UTF-8 SUBJECT a',
    'SORT RETURN (RELEVANCY) (DATE) UTF-8 SUBJECT a',
  ]) {
    t.match(
      await client.command(command),
      { status: 'BAD', text: 'RELEVANCY needs a FUZZY search key' },
      command,
    );
  }
});
