import t from 'tap';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newAccount } = await startImapService(t);

/** A client of an account whose INBOX, which it has selected, has two messages. */
async function selectTwo() {
  const login = await newAccount();
  const client = await login();
  await appendMessages(client, 'INBOX', 'one', 'two');
  await client.ok('SELECT INBOX');
  return { login, client };
}

await t.test('STORE adds, removes and replaces flags', async (t) => {
  const { client } = await selectTwo();
  t.same(texts(await client.ok('STORE 1 +FLAGS (\\Flagged)')), [
    '* 1 FETCH (FLAGS (\\Recent \\Flagged \\Seen))',
  ]);
  t.same(texts(await client.ok('STORE 1:2 -FLAGS (\\Seen)')), [
    '* 1 FETCH (FLAGS (\\Recent \\Flagged))',
    '* 2 FETCH (FLAGS (\\Recent))',
  ]);
  t.same(texts(await client.ok('UID STORE 2 FLAGS \\Draft')), [
    '* 2 FETCH (UID 2 FLAGS (\\Recent \\Draft))',
  ]);
  t.same(texts(await client.ok('STORE 2 FLAGS ()')), ['* 2 FETCH (FLAGS (\\Recent))']);
  t.same(texts(await client.ok('STORE 2 +FLAGS.SILENT (\\Answered)')), []);
  t.same(texts(await client.ok('NOOP')), [], 'own changes are not told again');
});

await t.test('a new keyword is announced before it is used', async (t) => {
  const { client } = await selectTwo();
  t.same(texts(await client.ok('STORE 1 FLAGS (Work)')), [
    '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)',
    '* 1 FETCH (FLAGS (\\Recent Work))',
  ]);
  t.same(texts(await client.ok('STORE 2 FLAGS (work)')), ['* 2 FETCH (FLAGS (\\Recent Work))']);
});

await t.test(
  'a session hears of what another changed, also under its own silent STORE',
  async (t) => {
    const { client, login } = await selectTwo();
    const other = await login();
    await other.ok('SELECT INBOX');
    await client.ok('STORE 1 +FLAGS (\\Flagged)');
    t.same(texts(await other.ok('STORE 1 +FLAGS.SILENT (\\Answered)')), [
      '* 1 FETCH (FLAGS (\\Answered \\Flagged \\Seen))',
    ]);
    t.same(texts(await other.ok('NOOP')), []);
    t.same(texts(await client.ok('NOOP')), [
      '* 1 FETCH (UID 1 FLAGS (\\Recent \\Answered \\Flagged \\Seen))',
    ]);
  },
);

await t.test('UNCHANGEDSINCE refuses what has changed since, and says which', async (t) => {
  const { client } = await selectTwo();
  await client.ok('ENABLE CONDSTORE');
  const modseqs = texts(await client.ok('FETCH 1:2 (MODSEQ)')).map((line) =>
    Number(/MODSEQ \((\d+)\)/.exec(line)?.[1]),
  );
  const latest = Math.max(...modseqs);
  await client.ok('STORE 1 +FLAGS.SILENT (\\Flagged)');
  const result = await client.ok(`STORE 1:2 (UNCHANGEDSINCE ${latest}) +FLAGS.SILENT (\\Deleted)`);
  t.match(result.text, /^\[MODIFIED 1\]/);
  t.same(
    texts(result),
    [
      `* 2 FETCH (UID 2 MODSEQ (${latest + 2}))`,
      `* 1 FETCH (UID 1 FLAGS (\\Recent \\Flagged \\Seen) MODSEQ (${latest + 1}))`,
    ],
    'silent, but for the modseq, and the state of what was refused',
  );
  t.match(texts(await client.ok('FETCH 1 FLAGS'))[0], /\\Flagged/);
  t.notMatch(texts(await client.ok('FETCH 1 FLAGS'))[0], /\\Deleted/);
});
