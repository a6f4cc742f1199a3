import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import type { Chunk } from '../../../../store/sqlite/bodies/chunks.ts';
import { Database } from '../../../../store/sqlite/database.ts';
import { limits } from '../../../../store/limits.ts';
import { insertMessages } from '../../../fixtures/message-rows.ts';
import { makeGroups } from '../../../fixtures/write-groups.ts';

function chunkOf(count: number): Chunk {
  return { bytes: new Uint8Array(count), inflatedBytes: undefined };
}

await t.test('what is queued is one transaction, answered after it', (t) => {
  const { commit, groups, askAccount } = makeGroups(t);
  for (const name of ['a', 'b', 'c']) askAccount(name);
  t.same(groups, []);
  commit.runNext();
  t.ok(commit.isEmpty);
  t.match(groups, [{ visibleAccounts: 3, answers: { length: 3 } }]);
  commit.runNext();
  t.equal(groups.length, 1, 'an empty queue is no group');
  t.end();
});

await t.test('a request that fails is rolled back alone', (t) => {
  const { commit, groups, ask, askAccount } = makeGroups(t);
  askAccount('a');
  askAccount('A');
  ask('deleteMailbox', { accountId: 1, name: 'Sent' });
  ask('renameMailbox', { accountId: 1, name: 'Trash', newName: 'Archive' });
  const box = { accountId: 1, mailboxId: 1 };
  ask('addMessage', { targets: [{ box, flags: [], internalDate: {} }], content: {} });
  askAccount('b');
  commit.runNext();
  t.match(groups, [
    {
      visibleAccounts: 2,
      answers: [
        { id: 1, value: { name: 'a' } },
        { id: 2, failure: { code: 'ALREADYEXISTS' } },
        { id: 3, value: undefined },
        { id: 4, failure: { code: 'ALREADYEXISTS' } },
        { id: 5, failure: { code: undefined } },
        { id: 6, value: { name: 'b' } },
      ],
    },
  ]);
  t.match(groups[0]!.events, [{ event: { kind: 'gone' } }], 'what failed has changed nothing');
  t.end();
});

await t.test('a fault that takes the transaction takes only the request that has it', (t) => {
  const { commit, database, groups, askAccount } = makeGroups(t);
  // Stands for a full disk: SQLite ends the whole transaction, not only the savepoint.
  database.execute(`CREATE TEMP TRIGGER fault BEFORE INSERT ON main.accounts WHEN new.name = 'bad'
    BEGIN SELECT RAISE(ROLLBACK, 'no room'); END`);
  for (const name of ['a', 'bad', 'b']) askAccount(name);
  commit.runNext();
  t.match(
    groups.flatMap(({ answers }) => answers),
    [
      { id: 1, value: { name: 'a' } },
      { id: 2, failure: { code: undefined, text: /no room/ } },
      { id: 3, value: { name: 'b' } },
    ],
  );
  t.equal(groups.at(-1)!.visibleAccounts, 2);
  t.end();
});

await t.test('a full disk takes only the request that is too large for it', (t) => {
  const { commit, database, groups, ask } = makeGroups(t);
  const [pageCount] = database.row<[number]>('PRAGMA page_count')!;
  // As many pages as would fit on the disk; SQLite says the same as if the disk were full.
  database.rows(`PRAGMA max_page_count = ${pageCount + 100}`);
  for (const count of [1, 10, 1]) {
    const chunks = Array.from({ length: count }, () => chunkOf(limits.chunkBytes));
    ask('stageChunks', { bodyId: undefined, firstNumber: 0, chunks });
  }
  commit.runNext();
  t.match(
    groups.flatMap(({ answers }) => answers),
    [{ value: 1 }, { failure: { text: /full/ } }, { value: 2 }],
  );
  t.same(database.row('SELECT count(DISTINCT id / 2) FROM chunks'), [2]);
  t.end();
});

await t.test('a group that runs twice takes its space once', (t) => {
  let askedCount = 0;
  const { commit, groups, askAccount } = makeGroups(t, undefined, undefined, {
    freeBytes: () => {
      askedCount++;
      return limits.reserveBytes + 1000;
    },
    clock: () => 0,
  });
  askAccount('a', 600);
  askAccount('A');
  commit.runNext();
  t.match(groups, [{ answers: [{ value: {} }, { failure: { code: 'ALREADYEXISTS' } }] }]);
  askAccount('b', 400);
  commit.runNext();
  t.equal(askedCount, 1);
  askAccount('c', 1);
  commit.runNext();
  t.equal(askedCount, 2, 'what it took is not forgotten');
  t.end();
});

await t.test('a full disk keeps its reserve if it is not what a request failed of', (t) => {
  const { commit, disk, groups, ask, path } = makeGroups(t, { stepMessages: 2, sliceMs: 0 });
  const reserve = join(dirname(path), 'reserve');
  writeFileSync(reserve, 'reserve');
  disk.noteFailure(Object.assign(new Error('database or disk is full'), { errcode: 13 }));
  const box = { accountId: 1, mailboxId: 999 };
  const change = { mode: 'add', flags: ['\\Seen'] };
  for (const uids of [Uint32Array.of(1), Uint32Array.of(1, 2, 3, 4)]) {
    ask('storeFlags', { box, uids, change });
    while (!commit.isEmpty) commit.runNext();
    t.match(groups.splice(0), [{ answers: [{ failure: { code: 'NONEXISTENT' } }] }]);
    t.ok(existsSync(reserve), `${uids.length} messages`);
  }
  t.equal(disk.problem, 'full');
  t.end();
});

await t.test('what is staged goes in bounded groups of its own, beside those of others', (t) => {
  const { commit, groups, ask, askAccount } = makeGroups(t);
  const chunks = [chunkOf(1)];
  const stage = () =>
    ask('stageChunks', { bodyId: undefined, firstNumber: 0, chunks }, limits.stageBytes);
  for (let index = 0; index < 5; index++) stage();
  askAccount('a');
  commit.runNext();
  askAccount('b');
  while (!commit.isEmpty) commit.runNext();
  const ids = groups.map(({ answers }) => answers.map((answer) => answer.id));
  t.same(ids, [[6], [1, 2], [7], [3, 4], [5]], 'a small request waits for one group');
  t.end();
});

await t.test('what is staged is given up and deleted if its client is gone', (t) => {
  const { commit, database, groups, ask } = makeGroups(t);
  const chunks = Array.from({ length: limits.collectChunks + 1 }, () => chunkOf(1));
  ask('stageChunks', { bodyId: undefined, firstNumber: 0, chunks });
  commit.runNext();
  ask('stageChunks', { bodyId: 1, firstNumber: chunks.length, chunks });
  ask('stageChunks', { bodyId: undefined, firstNumber: 0, chunks });
  commit.forget(1);
  groups.length = 0;
  while (!commit.isEmpty) commit.runNext();
  for (const table of ['bodies', 'chunks']) {
    t.same(database.row(`SELECT count(*) FROM ${table}`), [0], table);
  }
  t.equal(commit.stagings.size, 0);
  t.end();
});

await t.test(
  'what could not be given up on a full disk is given up with the next collection',
  (t) => {
    const { commit, database, groups, ask } = makeGroups(t);
    const chunks = [chunkOf(1)];
    ask('stageChunks', { bodyId: undefined, firstNumber: 0, chunks });
    commit.runNext();
    database.execute(`CREATE TEMP TRIGGER fault BEFORE UPDATE ON main.bodies
    BEGIN SELECT RAISE(ROLLBACK, 'no room'); END`);
    ask('dropStagings', { bodyIds: [1] });
    while (!commit.isEmpty) commit.runNext();
    t.match(groups.at(-1)!.answers, [{ failure: { text: /no room/ } }]);
    database.execute('DROP TRIGGER temp.fault');
    ask('collect', undefined);
    commit.runNext();
    t.same(database.row('SELECT count(*) FROM chunks'), [0]);
    t.end();
  },
);

await t.test('a commit that fails is no acknowledgement', (t) => {
  const { commit, database, groups, askAccount } = makeGroups(t);
  database.execute(`PRAGMA foreign_keys = ON;
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER orphan AFTER INSERT ON accounts WHEN new.name = 'bad'
    BEGIN INSERT INTO child VALUES (7); END`);
  for (const name of ['a', 'bad']) askAccount(name);
  commit.runNext();
  t.match(
    groups.flatMap(({ answers }) => answers),
    [
      { id: 1, value: {} },
      { id: 2, failure: { text: /FOREIGN KEY/ } },
    ],
  );
  t.equal(groups.at(-1)!.visibleAccounts, 1);
  t.end();
});

await t.test('groups are bounded in requests and bytes', (t) => {
  const { commit, groups, askAccount } = makeGroups(t);
  for (let index = 0; index < limits.maxGroupRequests + 1; index++) askAccount(`a${index}`);
  commit.runNext();
  commit.runNext();
  t.same(
    groups.map(({ answers }) => answers.length),
    [limits.maxGroupRequests, 1],
  );
  for (const name of ['b1', 'b2', 'b3']) askAccount(name, limits.maxGroupBytes / 2);
  askAccount('b4', limits.maxGroupBytes * 2);
  for (let round = 0; round < 3; round++) commit.runNext();
  t.same(
    groups.slice(2).map(({ answers }) => answers.length),
    [2, 1, 1],
    'one that is larger than the bound goes alone',
  );
  t.end();
});

/** INBOX of the first account with a message in it, and requests about it. */
function makeInbox(groups: ReturnType<typeof makeGroups>) {
  const { commit, database, ask, askAccount } = groups;
  askAccount('alice');
  commit.runNext();
  const box = { accountId: 1, mailboxId: 1 };
  insertMessages(database, 1, Uint32Array.of(1), { modseqs: Float64Array.of(2) });
  database.execute(`
    UPDATE mailboxes SET uid_next = 2, highest_modseq = 2, message_count = 1, unseen_count = 1,
      recent_count = 1, size_bytes = 1 WHERE id = 1`);
  groups.groups.length = 0;
  let isSeen = false;
  const askChange = () => {
    const mode = isSeen ? 'remove' : 'add';
    isSeen = !isSeen;
    ask('storeFlags', { box, uids: Uint32Array.of(1), change: { mode, flags: ['\\Seen'] } });
  };
  const recent = () =>
    database.row<[number, number]>('SELECT recent_from_uid, recent_count FROM mailboxes')!;
  return { askChange, askClaim: () => ask('claimRecent', box), recent };
}

await t.test('a claim that cannot be written fails nobody, and is written later', (t) => {
  const made = makeGroups(t);
  const { commit, database, groups } = made;
  const { askChange, askClaim, recent } = makeInbox(made);
  for (const end of ['ROLLBACK', 'ABORT', 'FAIL'] as const) {
    database.execute(`UPDATE mailboxes SET recent_from_uid = 1, recent_count = 1 WHERE id = 1;
      CREATE TEMP TRIGGER fault BEFORE UPDATE OF recent_from_uid ON main.mailboxes
      BEGIN SELECT RAISE(${end}, 'no room'); END`);
    askClaim();
    askClaim();
    commit.runNext();
    askChange();
    askClaim();
    commit.runNext();
    const answers = groups.splice(0).flatMap((group) => group.answers);
    t.match(
      answers.map((answer) => ('value' in answer ? answer.value : answer.failure)),
      [
        { firstUid: 1, nextUid: 2 },
        { firstUid: 2, nextUid: 2 },
        { changedUids: { 0: 1 } },
        { firstUid: 2, nextUid: 2 },
      ],
      end,
    );
    commit.writeClaims();
    t.ok(commit.hasClaims);
    t.notOk(database.isTransaction);
    database.execute('DROP TRIGGER temp.fault');
    t.same(recent(), [1, 1]);
    askChange();
    commit.runNext();
    t.same(recent(), [2, 0]);
    t.notOk(commit.hasClaims);
    groups.length = 0;
  }
  t.end();
});

await t.test('nothing is claimed of a message that is rolled back', (t) => {
  const made = makeGroups(t);
  const { commit, database, groups } = made;
  const { askChange, askClaim } = makeInbox(made);
  // The claim stands behind a copy in the same group, and the commit of the group fails.
  database.execute(`PRAGMA foreign_keys = ON;
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO bodies (id, state, size_bytes, header_bytes, reference_count) VALUES (1, 1, 1, 0, 1);
    CREATE TRIGGER orphan AFTER INSERT ON messages BEGIN INSERT INTO child VALUES (7); END`);
  const box = { accountId: 1, mailboxId: 1 };
  made.ask('copyMessages', { box, uids: Uint32Array.of(1), target: box });
  askClaim();
  askChange();
  commit.runNext();
  const answers = groups.flatMap((group) => group.answers);
  t.match(
    answers.toSorted((a, b) => a.id - b.id),
    [
      { failure: { text: /FOREIGN KEY/ } },
      { value: { firstUid: 1, nextUid: 2 } },
      { value: { changedUids: { 0: 1 } } },
    ],
  );
  t.end();
});

await t.test('claims alone are no transaction', (t) => {
  const made = makeGroups(t);
  const { commit, database, groups } = made;
  const { askClaim } = makeInbox(made);
  // The lock of another writer does not keep a claim waiting.
  const other = new Database(made.path, 'writer');
  other.execute('BEGIN IMMEDIATE');
  askClaim();
  made.ask('greet', undefined);
  made.ask('claimRecent', { accountId: 2, mailboxId: 1 });
  commit.runNext();
  t.match(groups, [
    {
      answers: [
        { value: { firstUid: 1 } },
        { value: undefined },
        { failure: { code: 'NONEXISTENT' } },
      ],
    },
  ]);
  other.execute('ROLLBACK');
  other.close();
  t.notOk(database.isTransaction);
  t.end();
});

await t.test('the events of a group tell no more than one event may', (t) => {
  const { database, commit, groups, ask, askAccount } = makeGroups(t);
  askAccount('a');
  commit.runNext();
  // Each message has keywords of its own.
  database.execute(`
    INSERT INTO keywords (mailbox_id, number, name, name_key)
      WITH RECURSIVE n (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM n WHERE number < 9)
      SELECT 1, number, 'k' || number, 'k' || number FROM n;
    UPDATE mailboxes SET uid_next = 601, highest_modseq = 2 WHERE id = 1`);
  const uids = Uint32Array.from({ length: 600 }, (_, index) => index + 1);
  insertMessages(database, 1, uids, { toFlags: (uid) => [0, uid, 0, ''] });
  const box = { accountId: 1, mailboxId: 1 };
  ask('storeFlags', { box, uids, change: { mode: 'add', flags: ['\\Flagged'] } });
  database.execute(`INSERT INTO bodies (id, state, sha256, size_bytes, header_bytes, reference_count)
    VALUES (1, 1, x'01', 0, 0, 600)`);
  const target = { box, flags: [], internalDate: { epochMs: 0, zoneMinutes: 0 } };
  const targets = Array.from({ length: 500 }, () => target);
  ask('addMessage', { targets, content: { sha256: Uint8Array.of(1), sizeBytes: 0 } });
  commit.runNext();
  const kinds = groups.at(-1)?.events.map(({ event }) => event.kind);
  t.same(kinds, ['changed', 'changed-much']);
  t.end();
});

await t.test('each message of a very large STORE is told by some event', (t) => {
  // Slices are never over for their time.
  const { database, commit, groups, ask, askAccount } = makeGroups(t, {
    stepMessages: 1024,
    sliceMs: Infinity,
  });
  askAccount('a');
  commit.runNext();
  const half = 40_000;
  for (const first of [1, half + 1]) {
    insertMessages(
      database,
      1,
      Uint32Array.from({ length: half }, (_, index) => first + index),
    );
  }
  database.execute('UPDATE mailboxes SET uid_next = 80001, highest_modseq = 80000 WHERE id = 1');
  const uids = Uint32Array.from({ length: 2 * half }, (_, index) => index + 1);
  const box = { accountId: 1, mailboxId: 1 };
  ask('storeFlags', { box, uids, change: { mode: 'add', flags: ['\\Flagged'] } });
  groups.length = 0;
  while (!commit.isEmpty) commit.runNext();
  const events = groups.flatMap((group) => group.events.map(({ event }) => event));
  t.ok(events.length > 1);
  const told = events.map((event) => (event.kind === 'changed' ? [...event.messages.uids] : []));
  t.same(told.flat(), [...uids]);
  t.match(groups.at(-1)?.answers, [{ value: { modseq: 80_002, earlierModseqs: [80_001] } }]);
  t.end();
});

await t.test('what needs no wait for the disk can be held, and holds nobody', (t) => {
  let isHeld = true;
  const { commit, groups, ask, askAccount } = makeGroups(t, undefined, () => isHeld);
  ask('stageChunks', { bodyId: undefined, firstNumber: 0, chunks: [chunkOf(10)] });
  t.notOk(commit.canRun);
  t.notOk(commit.isEmpty);
  commit.runNext();
  t.same(groups, []);
  askAccount('a');
  t.ok(commit.canRun);
  commit.runNext();
  t.match(groups, [{ answers: [{ id: 2 }] }]);
  t.notOk(commit.canRun);
  isHeld = false;
  t.ok(commit.canRun);
  commit.runNext();
  t.match(groups.slice(1), [{ answers: [{ id: 1, value: 1 }] }]);
  t.ok(commit.isEmpty);
  t.notOk(commit.canRun);
  t.end();
});
