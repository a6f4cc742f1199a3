import t from 'tap';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient } = await startImapService(t);

/** The lines of an answer, without what differs from run to run. */
async function answer(client: ImapClient, command: string): Promise<string[]> {
  return texts(await client.ok(command)).map((text) =>
    text.replace(/TAG "\w+"/, 'TAG').replace(/UIDVALIDITY \d+/, 'UIDVALIDITY'),
  );
}

/** `* ESEARCH` of a mailbox. */
function found(name: string, rest: string): string {
  return `* ESEARCH (TAG MAILBOX ${name} UIDVALIDITY) UID ${rest}`;
}

await t.test('each mailbox with a match is answered for, whatever is selected', async (t) => {
  const client = await newClient();
  for (const name of ['a', 'a/b', 'a/b/c', 'ab', 'empty']) await client.ok(`CREATE ${name}`);
  await client.ok('SUBSCRIBE a/b');
  await client.ok('SUBSCRIBE nowhere');
  await appendMessages(client, 'INBOX', 'red', 'green');
  await appendMessages(client, 'a', 'green', 'red', 'red');
  await appendMessages(client, 'a/b', 'red');
  await appendMessages(client, 'a/b/c', 'red');
  await appendMessages(client, 'ab', 'blue');
  for (const state of ['nothing', 'a', 'ab']) {
    if (state !== 'nothing') await client.ok(`SELECT ${state}`);
    const ask = (source: string) => answer(client, `ESEARCH IN (${source}) SUBJECT red`);
    t.same(await ask('personal'), [
      found('INBOX', 'ALL 1'),
      found('a', 'ALL 2:3'),
      found('a/b', 'ALL 1'),
      found('a/b/c', 'ALL 1'),
    ]);
    t.same(await ask('subtree a'), [
      found('a', 'ALL 2:3'),
      found('a/b', 'ALL 1'),
      found('a/b/c', 'ALL 1'),
    ]);
    t.same(await ask('subtree-one a'), [found('a', 'ALL 2:3'), found('a/b', 'ALL 1')]);
    t.same(await ask('mailboxes (ab a/b nowhere inbox)'), [
      found('INBOX', 'ALL 1'),
      found('a/b', 'ALL 1'),
    ]);
    t.same(await ask('subscribed inboxes'), [found('INBOX', 'ALL 1'), found('a/b', 'ALL 1')]);
    t.same(await ask('mailboxes a/b mailboxes a/b subtree a/b'), [
      found('a/b', 'ALL 1'),
      found('a/b/c', 'ALL 1'),
    ]);
    t.same(await ask('mailboxes nowhere'), []);
    t.same(await ask('mailboxes "a*"'), [], 'without wildcards');
  }
  t.equal((await client.command('FETCH 1 UID')).status, 'OK', 'the selected mailbox stays');
});

await t.test('result options hold for each mailbox', async (t) => {
  const client = await newClient();
  await client.ok('CREATE a');
  await appendMessages(client, 'INBOX', 'red', 'red', 'red');
  await appendMessages(client, 'a', 'red', 'blue');
  const ask = (options: string) =>
    answer(client, `ESEARCH IN (personal) RETURN (${options}) SUBJECT red`);
  t.same(await ask('MIN MAX COUNT'), [
    found('INBOX', 'MIN 1 MAX 3 COUNT 3'),
    found('a', 'MIN 1 MAX 1 COUNT 1'),
  ]);
  t.same(await ask('PARTIAL 2:3'), [
    found('INBOX', 'PARTIAL (2:3 2:3)'),
    found('a', 'PARTIAL (2:3 NIL)'),
  ]);
  t.same(
    await answer(client, 'ESEARCH IN (personal) RETURN (COUNT) SUBJECT green'),
    [],
    'a count of 0 is not told',
  );
  await client.ok('SELECT a');
  t.same(await answer(client, 'ESEARCH 2:*'), [found('a', 'ALL 2')]);
  t.same(await answer(client, 'ESEARCH RETURN (SAVE) SUBJECT red'), []);
  t.same(await answer(client, 'UID SEARCH $'), ['* SEARCH 1']);
  t.same(await answer(client, 'ESEARCH IN (personal) $'), [found('a', 'ALL 1')]);
  t.same(await answer(client, 'ESEARCH RETURN (SAVE) SUBJECT green'), []);
  t.same(
    await answer(client, 'UID SEARCH $'),
    ['* SEARCH'],
    'nothing was found, so nothing is saved',
  );
  const modseqs = await answer(client, 'ESEARCH IN (personal) RETURN (COUNT) MODSEQ 1');
  t.match(modseqs.at(-1), / COUNT 2 MODSEQ \d+$/);
});

await t.test('who has selected nothing cannot search it', async (t) => {
  const client = await newClient();
  for (const command of ['ESEARCH ALL', 'ESEARCH IN (personal selected) ALL']) {
    t.equal((await client.command(command)).status, 'BAD', command);
  }
  const update = 'ESEARCH IN (personal) RETURN (UPDATE) ALL';
  t.equal((await client.command(update)).status, 'BAD', update);
  const unknown = await client.command('ESEARCH IN (mailboxes nowhere) CHARSET x-y SUBJECT a');
  t.match(unknown.text, /^\[BADCHARSET/, 'also if nothing is searched');
});

await t.test(
  'the answer is of what the client has been told of the selected mailbox',
  async (t) => {
    const client = await newClient();
    await appendMessages(client, 'INBOX', 'red');
    await client.ok('SELECT INBOX');
    t.same(await answer(client, 'ESEARCH RETURN (UPDATE COUNT) SUBJECT red'), [
      found('INBOX', 'COUNT 1'),
    ]);
    await client.ok('CREATE a');
    const other = await client.command('ESEARCH IN (mailboxes a) RETURN (UPDATE) ALL');
    t.match(
      texts(other).join('\n'),
      /\* NO \[NOUPDATE "\w+"\]/,
      'updates are of the selected mailbox alone',
    );
  },
);
