import t from 'tap';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import {
  appendMessages,
  messageOf,
  startImapService,
  texts,
} from '../../../fixtures/imap-service.ts';
import { ContextResults, expandSet } from '../../../fixtures/context-results.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

let clockMs = Date.now();
const { newPair, newClient } = await startImapService(t, {
  clock: () => clockMs,
  limits: { sweepIntervalMs: 20 },
  capabilitiesOff: new Set(),
});

/** The lines of contexts that a command brings. */
async function updates(client: ImapClient, command: string): Promise<string[]> {
  return texts(await client.ok(command)).filter((line) => line.includes('ESEARCH'));
}

/** Two clients with INBOX selected, which has so many messages. */
async function selected(messageCount: number): Promise<readonly [ImapClient, ImapClient]> {
  const pair = await newPair();
  for (let index = 1; index <= messageCount; index++) {
    await pair[0].ok('APPEND INBOX', messageOf(`s${String.fromCharCode(96 + index)}`));
  }
  for (const client of pair) await client.ok('SELECT INBOX');
  return pair;
}

/** Sends a command under a tag of the caller's. */
async function tagged(client: ImapClient, tag: string, command: string) {
  client.send(`${tag} ${command}\r\n`);
  return client.readTagged(tag);
}

await t.test('flags move messages in and out, and new messages come in', async (t) => {
  const [a, b] = await selected(4);
  await b.ok('STORE 2 +FLAGS.SILENT (\\Flagged)');
  const begun = await tagged(a, 'B01', 'SEARCH RETURN (UPDATE COUNT) FLAGGED');
  t.match(texts(begun), ['* ESEARCH (TAG "B01") COUNT 1']);
  t.match(begun, { status: 'OK' });
  await b.ok('STORE 2 -FLAGS.SILENT (\\Flagged)');
  await b.ok('STORE 1,3:4 +FLAGS.SILENT (\\Flagged)');
  const told = texts(await a.ok('NOOP'));
  t.match(told.slice(0, 4), [/^\* 1 FETCH/, /^\* 2 FETCH/, /^\* 3 FETCH/, /^\* 4 FETCH/]);
  t.same(told.slice(4), [
    '* ESEARCH (TAG "B01") REMOVEFROM (0 2)',
    '* ESEARCH (TAG "B01") ADDTO (0 1,3:4)',
  ]);
  await b.ok('APPEND INBOX (\\Flagged)', messageOf('new'));
  await b.ok('APPEND INBOX', messageOf('other'));
  const arrived = texts(await a.ok('NOOP'));
  t.match(arrived, ['* 6 EXISTS', /RECENT/, '* ESEARCH (TAG "B01") ADDTO (0 5)']);
  t.same(await updates(a, 'STORE 6 +FLAGS.SILENT (\\Flagged)'), [
    '* ESEARCH (TAG "B01") ADDTO (0 6)',
  ]);
  t.same(await updates(a, 'STORE 6 +FLAGS.SILENT (\\Seen)'), [], 'nothing else of it matters');
});

await t.test(
  'what is expunged goes before its EXPUNGE, and also if that has to wait',
  async (t) => {
    const [a, b] = await selected(5);
    await tagged(a, 'n', 'SEARCH RETURN (UPDATE) ALL');
    await tagged(a, 'u', 'UID SEARCH RETURN (UPDATE) NOT 5');
    await b.ok('STORE 2,5 +FLAGS.SILENT (\\Deleted)');
    await a.ok('NOOP');
    await b.ok('EXPUNGE');
    t.same(texts(await a.ok('FETCH 1 (UID)')), [
      '* 1 FETCH (UID 1)',
      '* ESEARCH (TAG "n") REMOVEFROM (0 2,5)',
      '* ESEARCH (TAG "u") UID REMOVEFROM (0 2)',
    ]);
    t.same(texts(await a.ok('NOOP')), ['* 2 EXPUNGE', '* 4 EXPUNGE']);
    await b.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
    await a.ok('NOOP');
    await b.ok('EXPUNGE');
    t.same(texts(await a.ok('NOOP')), [
      '* ESEARCH (TAG "n") REMOVEFROM (0 1)',
      '* ESEARCH (TAG "u") UID REMOVEFROM (0 1)',
      '* 1 EXPUNGE',
    ]);
  },
);

await t.test('message sequence numbers and $ stand for what they were', async (t) => {
  const [a, b] = await selected(6);
  await a.ok('SEARCH RETURN (SAVE) 3:4');
  t.match(texts(await tagged(a, 'q', 'SEARCH RETURN (UPDATE ALL) OR 2 $ UNSEEN')), [
    '* ESEARCH (TAG "q") ALL 2:4',
  ]);
  await a.ok('SEARCH RETURN (SAVE) 6');
  await b.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  t.same(await updates(a, 'NOOP'), []);
  t.same(await updates(a, 'STORE 1:5 +FLAGS.SILENT (\\Flagged)'), []);
  t.same(await updates(a, 'STORE 1:5 +FLAGS.SILENT (\\Seen)'), [
    '* ESEARCH (TAG "q") REMOVEFROM (0 1:3)',
  ]);
});

await t.test('* goes on to be the last message', async (t) => {
  const [a, b] = await selected(3);
  await tagged(a, 'last', 'UID SEARCH RETURN (UPDATE) UID *');
  await tagged(a, 'far', 'UID SEARCH RETURN (UPDATE) UID 5:*');
  await appendMessages(b, 'INBOX', 'x');
  t.same(await updates(a, 'NOOP'), [
    '* ESEARCH (TAG "last") UID REMOVEFROM (0 3)',
    '* ESEARCH (TAG "last") UID ADDTO (0 4)',
    '* ESEARCH (TAG "far") UID REMOVEFROM (0 3)',
    '* ESEARCH (TAG "far") UID ADDTO (0 4)',
  ]);
  await b.ok('NOOP');
  await b.ok('STORE 4 +FLAGS.SILENT (\\Deleted)');
  await a.ok('NOOP');
  await b.ok('EXPUNGE');
  t.same(await updates(a, 'FETCH 1 (UID)'), [
    '* ESEARCH (TAG "last") UID REMOVEFROM (0 4)',
    '* ESEARCH (TAG "far") UID REMOVEFROM (0 4)',
  ]);
  t.same(await updates(a, 'NOOP'), [
    '* ESEARCH (TAG "last") UID ADDTO (0 3)',
    '* ESEARCH (TAG "far") UID ADDTO (0 3)',
  ]);
});

await t.test('messages become older', async (t) => {
  const [a] = await selected(2);
  t.match(texts(await tagged(a, 'old', 'SEARCH RETURN (UPDATE ALL) OLDER 3600')), [
    '* ESEARCH (TAG "old")',
  ]);
  await tagged(a, 'young', 'UID SORT RETURN (UPDATE) (SUBJECT) UTF-8 YOUNGER 3600');
  clockMs += 3_599_000;
  t.same(await updates(a, 'NOOP'), []);
  clockMs += 1_000_000;
  t.same(await updates(a, 'NOOP'), [
    '* ESEARCH (TAG "old") ADDTO (0 1:2)',
    '* ESEARCH (TAG "young") UID REMOVEFROM (1 1:2)',
  ]);
});

await t.test('messages become older while a client idles', async (t) => {
  const [a] = await selected(2);
  await tagged(a, 'old', 'SEARCH RETURN (UPDATE) OLDER 7200');
  a.send('i IDLE\r\n');
  await a.read();
  clockMs += 9_000_000;
  t.equal((await a.read()).text, '* ESEARCH (TAG "old") ADDTO (0 1:2)');
  a.send('DONE\r\n');
  t.match(await a.readTagged('i'), { status: 'OK' });
});

await t.test('who has no message sequence numbers any more is told UIDs', async (t) => {
  const [a, b] = await selected(3);
  await b.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  await a.ok('NOOP');
  await tagged(a, 'n', 'SEARCH RETURN (UPDATE) FLAGGED');
  await a.ok('ENABLE UIDONLY');
  t.same(await updates(a, 'UID STORE 3 +FLAGS.SILENT (\\Flagged)'), [
    '* ESEARCH (TAG "n") UID ADDTO (0 3)',
  ]);
});

await t.test('places in a sorted list', async (t) => {
  const [a, b] = await selected(6);
  t.match(
    texts(await tagged(a, 's', 'UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 UNSEEN')),
    ['* ESEARCH (TAG "s") UID ALL 6,5,4,3,2,1'],
  );
  t.same(await updates(b, 'STORE 2:3,5 +FLAGS.SILENT (\\Seen)'), [], 'nobody else is told');
  t.same(await updates(a, 'NOOP'), ['* ESEARCH (TAG "s") UID REMOVEFROM (4 3,2 2 5)']);
  t.same(await updates(a, 'STORE 2:3 -FLAGS.SILENT (\\Seen)'), [
    '* ESEARCH (TAG "s") UID ADDTO (3 3,2)',
  ]);
  t.match(texts(await tagged(a, 'p', 'SORT RETURN (PARTIAL 2:3) (SUBJECT) UTF-8 UNSEEN')), [
    '* ESEARCH (TAG "p") PARTIAL (2:3 2:3)',
  ]);
});

await t.test('CANCELUPDATE, tags and another mailbox end updates', async (t) => {
  const [a, b] = await selected(2);
  for (const tag of ['x1', 'x2', 'x3']) await tagged(a, tag, 'SEARCH RETURN (UPDATE) SEEN');
  t.match(await tagged(a, 'x1', 'SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED'), {
    status: 'BAD',
    untagged: [],
  });
  t.match(await a.command('CANCELUPDATE "x1" "none"'), { status: 'BAD' });
  await a.ok('CANCELUPDATE "x1" "x3"');
  t.match(await a.command('CANCELUPDATE "x1"'), { status: 'BAD' });
  t.same(await updates(a, 'STORE 1 +FLAGS.SILENT (\\Seen)'), ['* ESEARCH (TAG "x2") ADDTO (0 1)']);
  await a.ok('SELECT INBOX');
  await b.ok('STORE 2 +FLAGS.SILENT (\\Seen)');
  t.same(await updates(a, 'NOOP'), []);
  t.match(await a.command('CANCELUPDATE "x2"'), { status: 'BAD' });
  t.match(await tagged(a, 'x2', 'SEARCH RETURN (UPDATE) SEEN'), { status: 'OK' }, 'free again');
});

await t.test('there are so many for each client', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  for (let index = 0; index < 32; index++) {
    const { untagged, text } = await tagged(client, `c${index}`, 'SEARCH RETURN (UPDATE) SEEN');
    t.match(texts({ untagged }), [`* ESEARCH (TAG "c${index}")`]);
    t.match(text, 'will notify');
  }
  const refused = await tagged(client, 'c]32', 'UID SEARCH RETURN (UPDATE COUNT) ALL');
  t.match(refused, { status: 'OK' });
  t.match(texts(refused), ['* ESEARCH (TAG "c]32") UID COUNT 0', /^\* NO \[NOUPDATE "c\]32"\] /]);
  await client.ok('CANCELUPDATE "c7"');
  t.match((await tagged(client, 'c33', 'SEARCH RETURN (UPDATE) SEEN')).untagged.length, 1);
});

await t.test('an idling client is told at once', async (t) => {
  const [a, b] = await selected(3);
  await tagged(a, 'i1', 'SEARCH RETURN (UPDATE) DELETED');
  a.send('i IDLE\r\n');
  await a.read();
  await b.ok('STORE 1:2 +FLAGS.SILENT (\\Deleted)');
  for (;;) if ((await a.read()).text === '* ESEARCH (TAG "i1") ADDTO (0 1:2)') break;
  await b.ok('EXPUNGE');
  t.equal((await a.read()).text, '* ESEARCH (TAG "i1") REMOVEFROM (0 1:2)');
  t.equal((await a.read()).text, '* 1 EXPUNGE');
  a.send('DONE\r\n');
  t.match(await a.readTagged('i'), { status: 'OK' });
});

/** Searches whose results change by what the test does. */
const programs = [
  'SEARCH|UNSEEN UNDELETED',
  'SEARCH|OR FLAGGED SUBJECT b',
  'SEARCH|UID 4:*',
  'SEARCH|NOT UID *',
  'SEARCH|NOT $',
  'SORT|(REVERSE SUBJECT) UTF-8 UNSEEN',
  'SORT|(SUBJECT REVERSE ARRIVAL) UTF-8 OR FLAGGED DELETED',
  'SORT|(SIZE) UTF-8 NOT (SEEN SUBJECT a)',
];

await t.test('a client that follows its contexts has what one finds that searches', async (t) => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 3; round++) {
    const [a, b] = await selected(8);
    if (round % 3 === 1) await a.ok('ENABLE CONDSTORE');
    const contexts: { readonly results: ContextResults; readonly command: string }[] = [];
    await a.ok('SEARCH RETURN (SAVE) 3:6');
    for (const [index, program] of programs.entries()) {
      const [name, criteria] = program.split('|') as [string, string];
      const [isUid, isSorted] = [random.chance(0.5), name === 'SORT'];
      const command = `${isUid ? 'UID ' : ''}${name} RETURN (ALL) ${criteria}`;
      const results = new ContextResults({ tag: `r${index}`, isUid, isSorted }, []);
      const begun = await tagged(a, results.tag, command.replace('(ALL)', '(UPDATE ALL)'));
      results.numbers.push(...resultsOf(texts(begun)));
      contexts.push({ results, command });
    }
    for (let step = 0; step < 30; step++) {
      const actor = random.chance(0.5) ? a : b;
      const lines = texts(await act(actor, random));
      const told =
        actor === a ? lines : texts(await a.ok(random.chance(0.5) ? 'NOOP' : 'UID FETCH 1 (UID)'));
      for (const { results } of contexts) for (const line of told) results.take(line);
      for (const { results, command } of contexts) {
        const found = await a.ok(command);
        const [, ...others] = texts(found);
        t.same(others, [], 'a search of one who has been told all tells nothing more');
        t.same(results.numbers, resultsOf(texts(found)), `${command}, step ${step} of ${round}`);
      }
      if (!t.passing()) return;
    }
  }
});

async function act(client: ImapClient, random: SeededRandom) {
  const flag = random.pick(['\\Seen', '\\Flagged', '\\Deleted', '\\Answered']);
  switch (random.below(6)) {
    case 0:
      return client.ok(
        `APPEND INBOX (${random.pick(['', '\\Seen', '\\Flagged'])})`,
        Buffer.from(
          `Subject: s${random.pick(['a', 'b', 'c', 'd'])}\r\n\r\n${'x'.repeat(random.below(9))}\r\n`,
        ),
      );
    case 1:
      return client.ok('EXPUNGE');
    default: {
      const { untagged } = await client.ok('UID SEARCH RETURN (COUNT) ALL');
      const count = Number(/COUNT (\d+)/.exec(texts({ untagged }).join(' '))?.[1]);
      if (count === 0) return client.ok('NOOP');
      const first = 1 + random.below(count);
      const last = Math.min(count, first + random.below(4));
      const mode = random.pick(['+', '-']);
      return client.ok(`STORE ${first}:${last} ${mode}FLAGS.SILENT (${flag})`);
    }
  }
}

/** The numbers that an ESEARCH response has, in their order. */
function resultsOf(lines: readonly string[]): number[] {
  const set = /^\* ESEARCH \(TAG "[^"]+"\)(?: UID)? ALL (\S+)$/m.exec(lines.join('\n'))?.[1];
  return set === undefined ? [] : expandSet(set);
}
