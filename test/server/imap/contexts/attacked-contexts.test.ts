import t from 'tap';
import type { MailStore } from '../../../../store/mail-store.ts';
import { StoreError } from '../../../../store/mail-store.ts';
import { ContextResults, expandSet } from '../../../fixtures/context-results.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { messageOf, startImapService, texts } from '../../../fixtures/imap-service.ts';

/** How many messages each search of the store was about. */
const asked: number[] = [];
let isBroken = false;

const { newPair } = await startImapService(t, {
  storeMethods: {
    search(this: MailStore, box, criteria, candidates) {
      asked.push(candidates.length);
      if (isBroken) return Promise.reject(new StoreError('CORRUPTION', 'A page is damaged'));
      return this.search(box, criteria, candidates);
    },
  },
});

/** Two clients with INBOX selected, which has so many messages. */
async function selected(messageCount: number): Promise<readonly [ImapClient, ImapClient]> {
  const pair = await newPair();
  const first = Math.min(messageCount, 35);
  for (let index = 0; index < first; index++) {
    await pair[0].ok('APPEND INBOX', messageOf(`s${index % 7}`));
  }
  for (const client of pair) await client.ok('SELECT INBOX');
  for (let count = first; count < messageCount; count *= 2) {
    await pair[0].ok(`COPY 1:${Math.min(count, messageCount - count)} INBOX`);
  }
  await pair[1].ok('NOOP');
  return pair;
}

async function tagged(client: ImapClient, tag: string, command: string) {
  client.send(`${tag} ${command}\r\n`);
  return client.readTagged(tag);
}

/** Follows a search of all the messages that it finds at first. */
async function follow(client: ImapClient, tag: string, command: string): Promise<ContextResults> {
  const begun = texts(await tagged(client, tag, command)).join('\n');
  const set = / ALL (\S+)$/m.exec(begun)?.[1];
  const kind = { tag, isUid: command.startsWith('UID '), isSorted: command.includes('SORT') };
  return new ContextResults(kind, set === undefined ? [] : expandSet(set));
}

await t.test('a change of one message searches no other', async (t) => {
  const [a, b] = await selected(35);
  await tagged(a, 'flags', 'SEARCH RETURN (UPDATE) UNSEEN');
  const texted = 'OR (UNSEEN SUBJECT s1) (FLAGGED BODY none)';
  await tagged(a, 'text', `SEARCH RETURN (UPDATE) ${texted}`);
  await tagged(a, 'sorted', `UID SORT RETURN (UPDATE) (SUBJECT) UTF-8 ${texted}`);
  asked.length = 0;
  await b.ok('STORE 2 +FLAGS.SILENT (\\Answered)');
  await a.ok('NOOP');
  t.same(asked, [1, 1], 'one message for each search that looks at texts');
  asked.length = 0;
  await b.ok('STORE 2,9 +FLAGS.SILENT (\\Seen)');
  const told = texts(await a.ok('NOOP')).filter((line) => line.includes('ESEARCH'));
  t.same(asked, [], 'flags alone decide');
  t.same(told, [
    '* ESEARCH (TAG "flags") REMOVEFROM (0 2,9)',
    '* ESEARCH (TAG "text") REMOVEFROM (0 2,9)',
    '* ESEARCH (TAG "sorted") UID REMOVEFROM (1 2,9)',
  ]);
  await a.ok('NOOP');
  t.same(asked, []);
});

await t.test(
  'if the store cannot say what changes, the client learns that it has to search',
  async (t) => {
    const [a, b] = await selected(3);
    await tagged(a, 'text', 'SEARCH RETURN (UPDATE) UNSEEN SUBJECT s1');
    await tagged(a, 'flags', 'SEARCH RETURN (UPDATE) FLAGGED');
    isBroken = true;
    await b.ok('STORE 2 +FLAGS.SILENT (\\Flagged)');
    const told = texts(await a.ok('NOOP'));
    isBroken = false;
    t.match(told.slice(1), [/^\* NO \[NOUPDATE "text"\] /, '* ESEARCH (TAG "flags") ADDTO (0 2)']);
    t.match(await a.command('CANCELUPDATE "text"'), { status: 'BAD' }, 'it is no context any more');
  },
);

await t.test('all is expunged while updates are pipelined', async (t) => {
  const [a, b] = await selected(500);
  const all = await follow(a, 'n', 'SEARCH RETURN (UPDATE ALL) ALL');
  const seen = await follow(a, 'u', 'UID SEARCH RETURN (UPDATE ALL) SEEN');
  const sorted = await follow(a, 's', 'SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 UNFLAGGED');
  t.same([all.numbers.length, seen.numbers.length, sorted.numbers.length], [500, 0, 500]);
  const commands = Array.from({ length: 60 }, (_, index) => {
    const set = `${1 + ((index * 37) % 400)}:${20 + ((index * 37) % 400)}`;
    const flag = index % 3 === 0 ? '\\Seen' : '\\Flagged';
    return `p${index} UID STORE ${set} ${index % 2 === 0 ? '+' : '-'}FLAGS.SILENT (${flag})`;
  });
  a.send(`${commands.join('\r\n')}\r\n`);
  b.send('d UID STORE 1:* +FLAGS.SILENT (\\Deleted)\r\ne EXPUNGE\r\n');
  const lines: string[] = [];
  for (const index of commands.keys()) {
    lines.push(...texts({ untagged: (await a.readTagged(`p${index}`)).untagged }));
  }
  await b.readTagged('e');
  lines.push(...texts(await a.ok('NOOP')));
  for (const line of lines) for (const results of [all, seen, sorted]) results.take(line);
  t.same([all.numbers, seen.numbers, sorted.numbers], [[], [], []]);
});

await t.test('a client that does not read is told all when it reads again', async (t) => {
  const [a, b] = await selected(2000);
  const flagged = await follow(a, 'f', 'SEARCH RETURN (UPDATE ALL) FLAGGED');
  const sorted = await follow(a, 's', 'UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNFLAGGED');
  a.send('i IDLE\r\n');
  await a.read();
  a.socket.pause();
  for (let round = 0; round < 10; round++) {
    await b.ok(`UID STORE 1:* ${round % 2 === 0 ? '+' : '-'}FLAGS.SILENT (\\Flagged)`);
    await b.ok(`UID STORE ${round * 100 + 1}:${round * 150 + 7} +FLAGS.SILENT (\\Flagged)`);
  }
  await b.ok('STORE 1:10 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  a.socket.resume();
  a.send('DONE\r\n');
  const { untagged } = await a.readTagged('i');
  const lines = [...texts({ untagged }), ...texts(await a.ok('NOOP'))];
  for (const line of lines) for (const results of [flagged, sorted]) results.take(line);
  for (const [results, command] of [
    [flagged, 'SEARCH RETURN (ALL) FLAGGED'],
    [sorted, 'UID SORT RETURN (ALL) (SUBJECT) UTF-8 UNFLAGGED'],
  ] as const) {
    const set = / ALL (\S+)$/m.exec(texts(await a.ok(command)).join('\n'))?.[1];
    t.same(results.numbers, set === undefined ? [] : expandSet(set), command);
    t.ok(results.numbers.length > 100);
  }
});
