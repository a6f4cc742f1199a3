// What clients see of changes that the store makes in slices, each under a modseq of its own.
import t from 'tap';
import { appendMessages, startImapService, texts } from '../../fixtures/imap-service.ts';

const slices = { stepMessages: 2, sliceMs: 0 };
const { newAccount } = await startImapService(t, { slices });

/** Messages in INBOX. */
const count = 7;

/** Two clients of an account, both with INBOX selected, and nothing \Recent. */
async function selectMany() {
  const login = await newAccount();
  const clients = [await login(), await login()] as const;
  const names = Array.from({ length: count }, (_, index) => `${index}`);
  await appendMessages(clients[0], 'INBOX', ...names);
  const [own, other] = clients;
  await own.ok('SELECT INBOX');
  await own.ok('CLOSE');
  await own.ok('SELECT INBOX');
  await own.ok('STORE 1:* FLAGS.SILENT ()');
  await other.ok('SELECT INBOX');
  return { own, other };
}

const numbers = Array.from({ length: count }, (_, index) => index + 1);

await t.test('a silent STORE tells nothing of itself, in none of its slices', async (t) => {
  const { own, other } = await selectMany();
  t.same(texts(await own.ok('STORE 1:* +FLAGS.SILENT (\\Flagged)')), []);
  t.same(texts(await own.ok('NOOP')), []);
  t.same(
    texts(await other.ok('NOOP')),
    numbers.map((number) => `* ${number} FETCH (UID ${number} FLAGS (\\Flagged))`),
  );
  await other.ok('STORE 4 +FLAGS (\\Answered)');
  t.same(texts(await own.ok('STORE 1:* -FLAGS.SILENT (\\Flagged)')), [
    '* 4 FETCH (FLAGS (\\Answered))',
  ]);
});

await t.test('UNCHANGEDSINCE is not met by the slices before', async (t) => {
  const { own } = await selectMany();
  const line = texts(await own.ok('FETCH 7 (MODSEQ)')).at(-1) ?? '';
  const modseq = Number(/MODSEQ \((\d+)\)/.exec(line)?.[1]);
  const { text, untagged } = await own.command(
    `STORE 1:* (UNCHANGEDSINCE ${modseq}) +FLAGS.SILENT (\\Flagged)`,
  );
  t.equal(text, 'STORE completed');
  const told = untagged.map(({ text }) => Number(/MODSEQ \((\d+)\)/.exec(text)?.[1]));
  t.same(
    told,
    [1, 1, 2, 2, 3, 3, 4].map((slice) => modseq + slice),
  );
  t.same(texts(await own.ok('NOOP')), []);
});

await t.test('EXPUNGE and MOVE tell the last modseq, and every message once', async (t) => {
  const { own, other } = await selectMany();
  await own.ok('ENABLE CONDSTORE');
  await own.ok('CREATE There');
  await other.ok('SELECT There');
  const copied = await own.ok('COPY 1:* There');
  t.match(copied.text, /^\[COPYUID \d+ 1:7 1:7\]/);
  t.same(texts(await other.ok('NOOP')), ['* 7 EXISTS', '* 7 RECENT'], 'all at once');
  await other.ok('SELECT INBOX');
  const moved = await own.ok('MOVE 1:5 There');
  t.match(texts(moved)[0], /\[COPYUID \d+ 1:5 8:12\]/);
  t.equal(texts(moved).filter((text) => text === '* 1 EXPUNGE').length, 5);
  t.same(
    texts(await other.ok('NOOP')),
    Array.from({ length: 5 }, () => '* 1 EXPUNGE'),
  );
  await own.ok('SELECT There');
  await own.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  const expunged = await own.ok('EXPUNGE');
  t.equal(expunged.untagged.length, 12);
  const [status = ''] = texts(await own.ok('STATUS There (MESSAGES HIGHESTMODSEQ)'));
  const [, modseq] = /MESSAGES 0 HIGHESTMODSEQ (\d+)/.exec(status) ?? [];
  t.equal(expunged.text, `[HIGHESTMODSEQ ${modseq}] EXPUNGE completed`);
});
