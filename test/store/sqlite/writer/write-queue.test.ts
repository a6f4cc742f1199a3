import t, { type Test } from 'tap';
import type { MailboxKey } from '../../../../store/mail-store.ts';
import { checkIntegrity } from '../../../../store/sqlite/integrity.ts';
import { pagesFrom } from '../../../../store/sqlite/states/state-pages.ts';
import { GroupCommit } from '../../../../store/sqlite/writer/group-commit.ts';
import { WriteQueue } from '../../../../store/sqlite/writer/write-queue.ts';
import { insertMessages } from '../../../fixtures/message-rows.ts';
import { makeGroups } from '../../../fixtures/write-groups.ts';

/** Messages in INBOX; a slice has two. */
const messageCount = 7;

const uids = Uint32Array.from({ length: messageCount }, (_, index) => index + 1);
const inbox = { accountId: 1, mailboxId: 1 };
const archive = { accountId: 1, mailboxId: 2 };
const drafts = { accountId: 1, mailboxId: 3 };
const seen = { mode: 'add', flags: ['\\Seen'] };
const deleted = { mode: 'add', flags: ['\\Deleted'] };

/** A writer that makes slices of two messages, and an account with messages in INBOX. */
function makeScene(t: Test) {
  const made = makeGroups(t, { stepMessages: 2, sliceMs: 0 });
  const { commit, database, groups, ask, askAccount, reader } = made;
  askAccount('alice');
  commit.runNext();
  database.execute(`
    INSERT INTO bodies (id, state, sha256, size_bytes, header_bytes, reference_count)
      VALUES (1, 1, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, 0, ${messageCount});
    INSERT INTO body_texts (body_id, envelope, body_structure, structure, walker)
      VALUES (1, '', '', '', 0);
    UPDATE mailboxes SET uid_next = ${messageCount + 1}, highest_modseq = 2, recent_count = ${messageCount},
      message_count = ${messageCount}, unseen_count = ${messageCount} WHERE id = 1`);
  const uids = Uint32Array.from({ length: messageCount }, (_, index) => index + 1);
  insertMessages(database, 1, uids, { modseqs: Float64Array.from(uids, () => 2), sizeBytes: 0 });
  groups.length = 0;
  /** Runs what is queued, and says for each turn which requests it answers and which mailboxes it tells of. */
  const run = (turns = Infinity): string[] => {
    const told: string[] = [];
    for (let turn = 0; turn < turns && !commit.isEmpty; turn++) {
      commit.runNext();
      told.push(...groups.splice(0).map(describe));
    }
    return told;
  };
  const count = (mailboxId: number) =>
    reader.row<[number]>('SELECT count(*) FROM messages WHERE mailbox_id = ?', mailboxId)![0];
  const countFlagged = (mailboxId: number): number => {
    let total = 0;
    for (const { states } of pagesFrom(reader, mailboxId, 0)) {
      for (const set of states.flags) if (states.sets[set]!.join() !== '0,0,0,') total++;
    }
    return total;
  };
  const faults = () => checkIntegrity(reader).faults;
  return { ...made, run, count, countFlagged, faults, ask };
}

function describe({ answers, events }: ReturnType<typeof makeGroups>['groups'][number]): string {
  const heard = events.map(({ mailboxId, event }) => `${event.kind} ${mailboxId}`);
  const said = answers.map((answer) =>
    'value' in answer ? `${answer.id}` : `${answer.id} ${answer.failure.code ?? 'fault'}`,
  );
  return `${said.join()}: ${heard.join()}`;
}

await t.test('a request of many messages takes turns with the requests of others', (t) => {
  const { ask, askAccount, run, faults } = makeScene(t);
  ask('storeFlags', { box: inbox, uids, change: seen });
  for (const name of ['a', 'b']) askAccount(name);
  t.same(run(2), ['3,4: ', ': '], 'short ones that came later are first');
  for (const name of ['c', 'd']) askAccount(name);
  t.same(run(1), ['5,6: ']);
  askAccount('e');
  t.same(run(1), [': changed 1'], 'then it is the turn of a slice');
  t.same(run(1), ['7: ']);
  askAccount('f');
  t.same(run(), [': changed 1', '8: ', ': changed 1', '2: changed 1']);
  t.same(faults(), []);
  t.end();
});

await t.test('requests for a mailbox wait in their order, requests for others do not', (t) => {
  const { ask, run, count, faults } = makeScene(t);
  ask('storeFlags', { box: inbox, uids, change: deleted });
  ask('storeFlags', {
    box: inbox,
    uids: Uint32Array.of(1),
    change: { ...deleted, mode: 'remove' },
  });
  ask('storeFlags', { box: archive, uids: Uint32Array.of(1), change: seen });
  ask('expungeMessages', { box: inbox, uids: Uint32Array.of(1, 2) });
  ask('copyMessages', { box: archive, uids: Uint32Array.of(1), target: inbox });
  ask('copyMessages', { box: archive, uids: Uint32Array.of(1), target: drafts });
  ask('deleteMailbox', { accountId: 1, name: 'Archive' });
  ask('renameMailbox', { accountId: 1, name: 'Drafts', newName: 'D' });
  const answered = run().map((turn) => turn.slice(0, turn.indexOf(':')));
  t.same(
    answered.filter((ids) => ids !== ''),
    ['4,7,9', '2', '3', '5', '6,8'],
  );
  t.equal(count(1), messageCount - 1, 'the first had its flag taken before the expunge');
  t.same(faults(), []);
  t.end();
});

await t.test('those that wait for a job are looked at when one ends, not at each turn', (t) => {
  const { database } = makeGroups(t);
  const queue = new WriteQueue(database, 2);
  let lookCount = 0;
  const add = (id: number, box: MailboxKey, count = 1) => {
    const argument = { box, uids: uids.subarray(0, count), change: seen };
    const request = {
      id,
      get operation() {
        lookCount++;
        return 'storeFlags' as const;
      },
      argument,
      nowMs: 0,
      payloadBytes: 0,
    };
    queue.add({ clientId: 1, request });
  };
  const take = () => queue.takeGroup().map(({ request }) => request.id);
  add(1, inbox, 4);
  for (let id = 2; id <= 101; id++) add(id, inbox);
  t.same(take(), []);
  lookCount = 0;
  for (let turn = 0; turn < 10; turn++) t.same(take(), []);
  t.ok(lookCount <= 10 * 2, `looked ${lookCount} times at one job`);
  add(102, inbox);
  add(103, archive);
  t.same(take(), [103], 'others pass by');
  t.notOk(queue.isEmpty);
  queue.endJob(queue.nextJob()!);
  const order = Array.from({ length: 101 }, (_, index) => index + 2);
  const taken: number[] = [];
  while (!queue.isEmpty) taken.push(...take());
  t.same(taken, order);
  t.end();
});

await t.test('messages may be added between the slices of a change, not of a copy', (t) => {
  const { ask, run } = makeScene(t);
  const sha256 = Buffer.from(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'hex',
  );
  const askAdded = (box: MailboxKey) => {
    const target = { box, flags: [], internalDate: { epochMs: 0, zoneMinutes: 0 } };
    ask('addMessage', { targets: [target], content: { sha256, sizeBytes: 0, chunks: [] } });
  };
  ask('storeFlags', { box: inbox, uids, change: seen });
  t.same(run(2), [': ', ': changed 1']);
  askAdded(inbox);
  t.same(run(1), ['3: changed 1']);
  run();
  ask('copyMessages', { box: inbox, uids, target: archive });
  t.same(run(2), [': ', ': ']);
  askAdded(inbox);
  askAdded(archive);
  t.same(run(1), ['5: changed 1']);
  t.same(run().slice(-2), ['4: changed-much 2', '6: changed 2']);
  t.end();
});

await t.test('requests that want what others hold all come to their end', (t) => {
  const { ask, run, count, faults } = makeScene(t);
  ask('copyMessages', { box: inbox, uids, target: archive });
  run();
  ask('copyMessages', { box: inbox, uids, target: archive });
  ask('copyMessages', { box: archive, uids, target: inbox });
  ask('moveMessages', { box: inbox, uids, target: drafts });
  ask('moveMessages', { box: drafts, uids, target: drafts });
  ask('copyMessages', { box: inbox, uids, target: inbox });
  ask('renameMailbox', { accountId: 1, name: 'INBOX', newName: 'Old' });
  run();
  t.same(
    [1, 2, 3].map((mailboxId) => count(mailboxId)),
    [0, 2 * messageCount, messageCount],
  );
  t.same(faults(), []);
  t.end();
});

await t.test('two jobs take turns', (t) => {
  const { ask, run } = makeScene(t);
  ask('copyMessages', { box: inbox, uids, target: archive });
  run();
  ask('storeFlags', { box: inbox, uids, change: seen });
  ask('storeFlags', { box: archive, uids, change: seen });
  const slices = ['changed 1', 'changed 2'];
  const heard = run().filter((turn) => turn.includes('changed'));
  t.same(
    heard.map((turn) => turn.slice(turn.indexOf(': ') + 2)),
    [...slices, ...slices, ...slices, ...slices],
  );
  t.end();
});

await t.test('the mailbox that INBOX is emptied into is held too', (t) => {
  const { ask, run, count, faults } = makeScene(t);
  ask('renameMailbox', { accountId: 1, name: 'INBOX', newName: 'Old' });
  t.same(run(2), [': ', ': changed 7,changed 1']);
  ask('deleteMailbox', { accountId: 1, name: 'Old' });
  ask('deleteMailbox', { accountId: 1, name: 'Drafts' });
  t.same(run(1), ['4: gone 3']);
  t.same(run().slice(-2), ['2: changed 7,changed 1', '3: gone 7']);
  t.same([count(1), count(7)], [0, messageCount]);
  t.same(faults(), []);
  t.end();
});

/** Lets an operation on a message of a mailbox fail as if the disk were full. */
const fault = (operation: string, mailboxId: number, uid: number) =>
  `CREATE TEMP TRIGGER fault_${operation} BEFORE ${operation} ON main.messages
   WHEN ${operation === 'DELETE' ? 'old' : 'new'}.mailbox_id = ${mailboxId}
     AND ${operation === 'DELETE' ? 'old' : 'new'}.uid = ${uid}
   BEGIN SELECT RAISE(ROLLBACK, 'no room'); END`;

await t.test('of a copy that fails nothing is left, and its answer comes after that', (t) => {
  const { ask, run, count, database, faults } = makeScene(t);
  database.execute(fault('INSERT', 2, 6));
  ask('copyMessages', { box: inbox, uids, target: archive });
  ask('copyMessages', { box: inbox, uids: Uint32Array.of(1), target: archive });
  run(3);
  t.equal(count(2), 4, 'it was under way');
  t.same(faults(), [], 'which is no fault');
  const turns = run();
  t.same(turns.slice(-2), ['2 fault: ', '3: changed 2']);
  t.equal(turns.filter((turn) => turn.includes('changed')).length, 1);
  t.equal(count(2), 1);
  t.same(faults(), []);
  t.end();
});

await t.test('a copy that cannot be taken back refuses its target, and nothing else', (t) => {
  const { ask, run, count, commit, database, faults } = makeScene(t);
  database.execute(`${fault('INSERT', 2, 6)}; ${fault('DELETE', 2, 3)}`);
  const one = { box: inbox, uids: Uint32Array.of(1), target: archive };
  ask('copyMessages', { box: inbox, uids, target: archive });
  ask('copyMessages', one);
  t.same(run().slice(-1), ['2 fault,3 fault: ']);
  t.ok(commit.isEmpty);
  ask('copyMessages', one);
  ask('copyMessages', { ...one, target: drafts });
  t.same(run(), ['5: changed 3', '4 fault: ']);
  t.same(faults(), []);
  t.ok(count(2) > 0);
  database.execute('DROP TRIGGER temp.fault_DELETE');
  ask('copyMessages', one);
  t.same(run().slice(-1), ['6: changed 2']);
  t.equal(count(2), 1);
  t.same(faults(), []);
  t.end();
});

await t.test('a change that fails in the middle is refused, and what was done is told', (t) => {
  const { ask, run, count, countFlagged, database, faults } = makeScene(t);
  // Of the second slice.
  database.execute(`CREATE TEMP TRIGGER fault_UPDATE BEFORE UPDATE ON main.state_pages
    WHEN new.highest_modseq = 4 BEGIN SELECT RAISE(ROLLBACK, 'no room'); END`);
  ask('storeFlags', { box: inbox, uids, change: deleted });
  t.same(run(), [': ', ': changed 1', '2 fault: ']);
  t.equal(countFlagged(1), 2);
  database.execute(fault('DELETE', 1, 2));
  ask('expungeMessages', { box: inbox, uids: undefined });
  ask('moveMessages', { box: inbox, uids, target: archive });
  run();
  t.equal(count(1) + count(2), messageCount);
  t.same(faults(), []);
  t.end();
});

await t.test('of a copy whose process ends nothing is left', (t) => {
  const { ask, run, count, database, faults } = makeScene(t);
  ask('copyMessages', { box: inbox, uids, target: archive });
  run(3);
  t.equal(count(2), 4);
  const told: number[] = [];
  const restarted = new GroupCommit(
    database,
    (answers) => told.push(...answers.map(({ answer }) => answer.id)),
    { slices: { stepMessages: 2, sliceMs: 0 } },
  );
  restarted.recover();
  const request = { id: 9, operation: 'copyMessages', nowMs: 0, payloadBytes: 0 } as const;
  const argument = { box: inbox, uids: Uint32Array.of(1), target: archive };
  restarted.add({ clientId: 1, request: { ...request, argument } });
  while (!restarted.isEmpty) restarted.runNext();
  t.same(told, [0, 9]);
  t.equal(count(2), 1);
  t.same(faults(), []);
  t.end();
});

await t.test('claims of \\Recent do not count what is not to be seen', (t) => {
  const { ask, run, commit, database } = makeScene(t);
  ask('copyMessages', { box: inbox, uids: Uint32Array.of(1), target: archive });
  run();
  ask('copyMessages', { box: inbox, uids, target: archive });
  run(3);
  ask('claimRecent', archive);
  run(1);
  commit.writeClaims();
  const recent = () =>
    database.row('SELECT recent_from_uid, recent_count FROM mailboxes WHERE id = 2')!;
  t.same(recent(), [2, 0]);
  run();
  t.same(recent(), [2, messageCount]);
  t.end();
});
