// A client that comes back with what it knows of a mailbox (QRESYNC).
import t from 'tap';
import { ChangesForgottenError } from '../../../../store/mail-store.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';
import { messageOf, startImapService, texts } from '../../../fixtures/imap-service.ts';

/** Modseqs below it are forgotten; the store itself forgets after 32,768 expunged messages. */
let horizon = 0;
let stateReadCount = 0;
let beforeCount = async (): Promise<void> => {};
const { newAccount, store } = await startImapService(t, {
  // Only sessions that have the mailbox selected share what is known of it.
  limits: { feedRetentionMs: 0, retainedFeedBytes: 0 },
  storeMethods: {
    readChanges: (box, since, until) => {
      if (since < horizon) throw new ChangesForgottenError(since);
      return store.readChanges(box, since, until);
    },
    readStates: (...parts) => {
      stateReadCount += 1;
      return store.readStates(...parts);
    },
    countBelow: async (...parts) => {
      await beforeCount();
      return store.countBelow(...parts);
    },
  },
});

/** What a client knows when it goes. */
interface Known {
  readonly validity: string;
  readonly modseq: number;
}

/** An account whose INBOX has so many messages; a client of it, and one that has gone. */
async function sceneOf(count: number) {
  const login = await newAccount();
  const client = await login();
  for (let index = 1; index <= count; index++) {
    await client.ok('APPEND INBOX (\\Seen)', messageOf(`${index}`));
  }
  const gone = await login();
  await gone.ok('ENABLE QRESYNC');
  const known = knownOf(texts(await gone.ok('SELECT INBOX')));
  await gone.ok('UNSELECT');
  await client.ok('SELECT INBOX');
  return { client, gone, known, login };
}

function knownOf(lines: readonly string[]): Known {
  const text = lines.join('\n');
  const validity = /UIDVALIDITY (\d+)/.exec(text)?.[1] ?? '';
  return { validity, modseq: Number(/HIGHESTMODSEQ (\d+)/.exec(text)?.[1]) };
}

/** What SELECT tells behind its description. */
async function comeBack(client: ImapClient, { validity, modseq }: Known, more = '') {
  const command = `SELECT INBOX (QRESYNC (${validity} ${modseq}${more}))`;
  const lines = texts(await client.ok(command));
  return lines.slice(lines.findIndex((line) => line.includes('[HIGHESTMODSEQ ')) + 1);
}

async function expunge(client: ImapClient, set: string): Promise<void> {
  await client.ok(`UID STORE ${set} +FLAGS.SILENT (\\Deleted)`);
  await client.ok(`UID EXPUNGE ${set}`);
}

await t.test('what has changed is told without reading the mailbox', async (t) => {
  const { client, gone, known } = await sceneOf(12);
  await expunge(client, '1:2,4,12');
  await client.ok('UID STORE 5,11 +FLAGS (work)');
  await client.ok('APPEND INBOX', messageOf('new'));
  await client.ok('CLOSE');
  const before = stateReadCount;
  const [vanished, ...changed] = await comeBack(gone, known);
  t.equal(stateReadCount, before, 'no states of all messages were read');
  t.equal(vanished, '* VANISHED (EARLIER) 1:2,4,12');
  const { highestModseq } = await store.readStatus(await inboxOf('user1'));
  t.same(changed, [
    `* 2 FETCH (UID 5 FLAGS (\\Seen work) MODSEQ (${highestModseq - 1}))`,
    `* 8 FETCH (UID 11 FLAGS (\\Seen work) MODSEQ (${highestModseq - 1}))`,
    `* 9 FETCH (UID 13 FLAGS () MODSEQ (${highestModseq}))`,
  ]);
  t.same(await comeBack(gone, known, ' 2:5,12'), ['* VANISHED (EARLIER) 2,4,12', changed[0]]);
  t.same(texts(await gone.ok('UID SEARCH ALL')), ['* SEARCH 3 5 6 7 8 9 10 11 13']);
  t.ok(stateReadCount > before, 'now they were');
});

async function inboxOf(name: string) {
  const account = await store.findAccount(name);
  return (await store.findMailbox(account!.id, 'INBOX'))!;
}

await t.test('new mail is \\Recent to who comes back, without reading the mailbox', async (t) => {
  const { client, gone, known } = await sceneOf(3);
  await client.ok('CLOSE');
  await client.ok('APPEND INBOX (\\Seen)', messageOf('new'));
  const before = stateReadCount;
  t.match(await comeBack(gone, known), [/^\* 4 FETCH \(UID 4 FLAGS \(\\Recent \\Seen\)/]);
  t.equal(stateReadCount, before);
  t.same(texts(await gone.ok('SEARCH RECENT')), ['* SEARCH 4']);
  await gone.ok('UNSELECT');
  await client.ok('APPEND INBOX', messageOf('new'));
  await client.ok('APPEND INBOX', messageOf('new'));
  t.ok(texts(await gone.ok('SELECT INBOX')).includes('* 2 RECENT'));
});

await t.test('a mailbox whose messages are there tells the same', async (t) => {
  const { client, gone, known, login } = await sceneOf(9);
  await expunge(client, '2,9');
  await client.ok('UID STORE 1,8 +FLAGS.SILENT (work)');
  await client.ok('UNSELECT');
  const told = await comeBack(gone, known);
  await gone.ok('UNSELECT');
  const other = await login();
  await other.ok('SELECT INBOX');
  await other.ok('FETCH 1 FLAGS');
  t.same(await comeBack(gone, known), told);
  t.equal(told[0], '* VANISHED (EARLIER) 2,9');
  t.match(told.slice(1), [/^\* 1 FETCH \(UID 1 /, /^\* 7 FETCH \(UID 8 /]);
});

await t.test('so does one with more changes than are looked for one by one', async (t) => {
  const { client, gone, known } = await sceneOf(150);
  await expunge(client, '149');
  await client.ok('STORE 1:* +FLAGS.SILENT (work)');
  await client.ok('CLOSE');
  const told = await comeBack(gone, known);
  t.equal(told[0], '* VANISHED (EARLIER) 149');
  t.equal(told.length, 150);
  t.match(told.at(-1), /^\* 149 FETCH \(UID 150 FLAGS \(\\Seen work\) MODSEQ \(\d+\)\)$/);
});

await t.test('a mailbox that changes meanwhile tells no wrong number', async (t) => {
  const { client, gone, known } = await sceneOf(5);
  await client.ok('UID STORE 4 +FLAGS.SILENT (work)');
  await client.ok('UNSELECT');
  const box = await inboxOf('user5');
  beforeCount = async () => {
    beforeCount = async () => {};
    const one = Uint32Array.of(1);
    await store.storeFlags(box, one, { mode: 'add', flags: ['\\Deleted'] });
    await store.expungeMessages(box, one);
  };
  const lines = texts(
    await gone.ok(`SELECT INBOX (QRESYNC (${known.validity} ${known.modseq} 1:5))`),
  );
  t.ok(lines.includes('* 4 EXISTS'));
  t.match(lines.slice(-2), ['* VANISHED (EARLIER) 1', /^\* 3 FETCH \(UID 4 FLAGS \(\\Seen work\)/]);
});

await t.test('who comes back, again and again, knows what one knows who fetches all', async (t) => {
  const { client, gone, known, login } = await sceneOf(30);
  const random = new SeededRandom(7);
  const cache = new Map<number, string>();
  const fetched = await login();
  for (const line of await fetchAll(fetched)) cache.set(...readFetch(line));
  let last = known;
  const before = stateReadCount;
  for (let round = 0; round < 60; round++) {
    for (let count = random.below(6); count > 0; count--) {
      const uids = [...cache.keys()];
      const uid = uids[random.below(uids.length)] ?? 1;
      await client.ok('SELECT INBOX');
      if (random.chance(0.4)) await client.ok('APPEND INBOX (\\Seen)', messageOf(`${round}`));
      else if (random.chance(0.5)) await client.ok(`UID STORE ${uid} FLAGS (k${count})`);
      else await expunge(client, `${uid}:${uid + random.below(4)}`);
      await client.ok('UNSELECT');
    }
    stateReadCount = before;
    const told = texts(await gone.ok(`SELECT INBOX (QRESYNC (${last.validity} ${last.modseq}))`));
    t.equal(stateReadCount, before, 'without reading the mailbox');
    last = knownOf(told);
    for (const uid of vanishedOf(told)) cache.delete(uid);
    for (const line of told.filter((each) => each.includes(' FETCH ')))
      cache.set(...readFetch(line));
    await gone.ok('UNSELECT');
    const truth = new Map((await fetchAll(fetched)).map(readFetch));
    t.same(new Map([...cache].toSorted(([a], [b]) => a - b)), truth, `round ${round}`);
    // The numbers with which it was told.
    for (const line of told.filter((each) => each.includes(' FETCH '))) {
      const [uid] = readFetch(line);
      t.equal(parseInt(line.slice(2), 10), [...truth.keys()].indexOf(uid) + 1, line);
    }
  }
});

/** All messages as one fetches them who knows nothing. */
async function fetchAll(client: ImapClient): Promise<string[]> {
  await client.ok('EXAMINE INBOX');
  const lines = texts(await client.ok('UID FETCH 1:* (FLAGS MODSEQ)'));
  await client.ok('UNSELECT');
  return lines.filter((line) => line.includes(' FETCH '));
}

/** UID, flags and modseq of a FETCH response. */
function readFetch(line: string): [uid: number, text: string] {
  const [, uid, flags, modseq] = /UID (\d+) FLAGS \((.*)\) MODSEQ \((\d+)\)/.exec(line) ?? [];
  return [Number(uid), `${flags?.replace(/\\Recent ?/, '')} ${modseq}`];
}

function vanishedOf(lines: readonly string[]): number[] {
  const [, set = ''] = /^\* VANISHED \(EARLIER\) (.*)$/m.exec(lines.join('\n')) ?? [];
  return set === ''
    ? []
    : set.split(',').flatMap((range) => {
        const [first = 0, end = first] = range.split(':').map(Number);
        return Array.from({ length: end - first + 1 }, (_, index) => first + index);
      });
}

await t.test('what was forgotten is told as all that is not there', async (t) => {
  const { client, gone, known } = await sceneOf(9);
  t.teardown(() => {
    horizon = 0;
  });
  await expunge(client, '2:3,6,9');
  await client.ok('UID STORE 7 +FLAGS.SILENT (work)');
  await client.ok('CLOSE');
  horizon = 1e9;
  const changed = /^\* 4 FETCH \(UID 7 FLAGS \(\\Seen work\) MODSEQ \(\d+\)\)$/;
  const told = (more: string) => comeBack(gone, known, more);
  t.match(await told(''), ['* VANISHED (EARLIER) 2:3,6,9', changed], 'up to UIDNEXT');
  t.match(await told(' 1:6,9:4000000000'), ['* VANISHED (EARLIER) 2:3,6,9']);
  t.match(await told(' 4:8'), ['* VANISHED (EARLIER) 6', changed]);
  t.match(await told(' 4:5'), []);
  t.match(await told(' 1:9 (1,2,3 1,4,5)'), ['* VANISHED (EARLIER) 6,9', changed]);
  t.match(await told(' 1:9 (1:4 1:4)'), ['* VANISHED (EARLIER) 2:3,6,9', changed]);
  t.match(await told(' (1,4:5 1,7:8)'), ['* VANISHED (EARLIER) 9', changed]);
  t.match(await told(' (1:4294967295 1:4294967295)'), ['* VANISHED (EARLIER) 2:3,6,9', changed]);
  t.match(await told(' (3:5 6:8)'), ['* VANISHED (EARLIER) 9', changed], 'no more than that');
  t.match(await told(' (4,5 8,9)'), ['* VANISHED (EARLIER) 2:3,6,9', changed], 'none matches');
  const uidFetch = `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${known.modseq} VANISHED)`;
  t.match(texts(await gone.ok(uidFetch)), ['* VANISHED (EARLIER) 2:3,6,9', changed]);
});

await t.test('VANISHED (EARLIER) names no message that the client counts', async (t) => {
  const { client, gone, known } = await sceneOf(4);
  await gone.ok('SELECT INBOX');
  await expunge(client, '2');
  await client.ok('APPEND INBOX', messageOf('came'));
  await expunge(client, '5');
  const uidFetch = `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${known.modseq} VANISHED)`;
  t.same(texts(await gone.ok(uidFetch)), ['* VANISHED 2']);
  const earlier = ['* VANISHED (EARLIER) 2,5'];
  t.same(texts(await gone.ok(uidFetch)), earlier, 'with one that came and went since');
});

await t.test('a SELECT that cannot tell what has changed leaves no mailbox selected', async (t) => {
  const { gone, known } = await sceneOf(1);
  beforeCount = async () => {
    beforeCount = async () => {};
    throw new Error('The disk fails');
  };
  const command = `SELECT INBOX (QRESYNC (${known.validity} ${known.modseq}))`;
  t.match(await gone.command(command), { status: 'NO', text: /^\[SERVERBUG\]/ });
  t.match(await gone.command('UID FETCH 1 FLAGS'), { status: 'BAD' });
});
