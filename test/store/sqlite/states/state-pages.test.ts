import { join } from 'node:path';
import t, { type Test } from 'tap';
import { limits } from '../../../../store/limits.ts';
import { Database } from '../../../../store/sqlite/database.ts';
import type { FlagWords } from '../../../../store/sqlite/flag-words.ts';
import { createSchema } from '../../../../store/sqlite/schema/migration.ts';
import type { Cursor } from '../../../../store/sqlite/states/changed-runs.ts';
import {
  type ChangedRange,
  ChangeSelection,
} from '../../../../store/sqlite/states/changed-states.ts';
import type { PackedStates } from '../../../../store/sqlite/states/packed-states.ts';
import { PageWalk } from '../../../../store/sqlite/states/page-walk.ts';
import {
  appendState,
  appendStates,
  countBeforeUnseen,
  filterStates,
  findPage,
  pagesFrom,
  replaceStates,
} from '../../../../store/sqlite/states/state-pages.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';
import { makeDataDirectory } from '../../../fixtures/sqlite-store.ts';

const mailboxId = 2;

/** The last UID of what one step reads, if pages are full. */
const stepEnd = limits.stepPages * limits.statePageMessages;

/** A database with pages of the neighbours of mailbox 2, and none of it. */
function makeDatabase(t: Test): Database {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  createSchema(database);
  database.execute(`INSERT INTO mailboxes (id, name, is_selectable, uid_validity)
    VALUES (1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 1, 1)`);
  for (const id of [1, 3]) appendStates(database, id, statesOf(range(1, 1_000)));
  return database;
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

function statesOf(
  uids: readonly number[],
  toFlags: (uid: number) => FlagWords = () => [0, 0, 0, ''],
): PackedStates {
  return {
    uids: Uint32Array.from(uids),
    modseqs: Float64Array.from(uids, (uid) => uid + 1),
    flags: Uint16Array.from(uids.keys()),
    sets: uids.map(toFlags),
  };
}

/** All states, one text each, and how many each page has. */
function readAll(database: Database) {
  const lines: string[] = [];
  const counts: number[] = [];
  for (const { states } of pagesFrom(database, mailboxId, 0)) {
    counts.push(states.uids.length);
    for (const [index, uid] of states.uids.entries()) {
      lines.push(`${uid} ${states.modseqs[index]} ${states.sets[states.flags[index]!]!.join()}`);
    }
  }
  return { lines, counts };
}

await t.test('messages that come one by one fill a page after the other', (t) => {
  const database = makeDatabase(t);
  const uids = range(1, 1_100);
  for (const uid of uids) {
    appendState(database, mailboxId, { uid, modseq: uid + 1, words: [0, 0, 0, ''] });
  }
  const { lines, counts } = readAll(database);
  t.same(counts, [512, 512, 76]);
  t.same(
    lines,
    uids.map((uid) => `${uid} ${uid + 1} 0,0,0,`),
  );
  appendStates(database, mailboxId, statesOf(range(1_101, 1_000)));
  t.same(readAll(database).counts, [512, 512, 512, 512, 52]);
  t.end();
});

await t.test('a page of very many keywords is divided', (t) => {
  const database = makeDatabase(t);
  const more = range(64, 100).join();
  const toFlags = (uid: number): FlagWords => [uid % 32, uid, uid, more];
  for (const uid of range(1, 200)) {
    appendState(database, mailboxId, { uid, modseq: uid, words: toFlags(uid) });
  }
  const { lines, counts } = readAll(database);
  t.equal(lines.length, 200);
  const [bytes] = database.row<[number]>('SELECT max(length(states)) FROM state_pages')!;
  t.ok(bytes <= 2 * limits.statePageBytes, `${bytes} bytes`);
  t.ok(counts.length <= 200 / 16 + 1, `${counts.length} pages`);
  const page = findPage(database, mailboxId, 1)!;
  const sets = page.states.sets.map((words): FlagWords => [words[0], words[1], 0, `${more},4000`]);
  replaceStates(database, mailboxId, page, { ...page.states, sets });
  t.equal(readAll(database).lines.filter((line) => line.endsWith(',4000')).length, counts[0]!);
  appendStates(database, mailboxId, statesOf(range(201, 600), toFlags));
  t.equal(readAll(database).lines.length, 800);
  const [most] = database.row<[number]>('SELECT max(length(states)) FROM state_pages')!;
  t.ok(most <= 2 * limits.statePageBytes, `${most} bytes`);
  t.end();
});

await t.test('pages that become small become one', (t) => {
  const database = makeDatabase(t);
  appendStates(database, mailboxId, statesOf(range(1, 5_120)));
  const isKept = (uid: number) => uid % 50 === 0;
  for (const page of Array.from(pagesFrom(database, mailboxId, 0))) {
    // Its neighbours may have been added to it.
    const now = findPage(database, mailboxId, page.firstUid)!;
    const kept = now.states.uids.map((uid) => (isKept(uid) || uid < page.firstUid ? 1 : 0));
    replaceStates(database, mailboxId, now, filterStates(now.states, Uint8Array.from(kept)));
  }
  const { lines, counts } = readAll(database);
  t.same(
    lines.map((line) => Number(line.split(' ')[0])),
    range(1, 5_120).filter(isKept),
  );
  t.equal(counts.length, 1, counts.join());
  for (const page of pagesFrom(database, mailboxId, 0)) {
    replaceStates(database, mailboxId, page, filterStates(page.states, new Uint8Array(102)));
  }
  t.same(readAll(database).counts, [], 'and one of nothing is none');
  t.equal(findPage(database, 1, 1)!.states.uids.length, 512, 'its neighbours are as they were');
  t.end();
});

await t.test('a walk visits the named messages, a page with each step', (t) => {
  const random = new SeededRandom(2);
  for (const existing of [0, 0.02, 0.5, 1]) {
    const database = makeDatabase(t);
    const uids = range(1, 3_000).filter(() => random.chance(existing));
    const deleted = new Set(uids.filter(() => random.chance(0.01)));
    const toFlags = (uid: number): FlagWords => [deleted.has(uid) ? 4 : 0, 0, 0, ''];
    appendStates(database, mailboxId, statesOf(uids, toFlags));
    for (const wanted of [0, 0.001, 0.3, 1, undefined]) {
      const named =
        wanted === undefined ? undefined : range(1, 3_500).filter(() => random.chance(wanted));
      for (const maxMessages of [1, 50, 1_024]) {
        const endUid = 2_900;
        const walk = new PageWalk(database, {
          mailboxId,
          uids: named && Uint32Array.from(named),
          endUid,
          maxMessages,
        });
        const found: number[] = [];
        for (let step = walk.next(); step !== undefined; step = walk.next()) {
          const { page, isChosen, chosenCount } = step;
          const chosen = page.states.uids.filter((_, index) => isChosen[index] === 1);
          found.push(...chosen);
          const isRight = chosenCount === chosen.length && chosenCount <= maxMessages;
          if (!isRight || chosenCount === 0) t.fail(`a step of ${chosenCount}`);
        }
        const set = named && new Set(named);
        const expected = uids.filter((uid) => uid < endUid && set?.has(uid) !== false);
        t.same(found, expected, `${wanted} of the UIDs, of which ${existing} exist`);
        t.equal(walk.hasMore, false);
      }
    }
    const walk = new PageWalk(database, {
      mailboxId,
      uids: undefined,
      endUid: 3_001,
      maxMessages: 1_024,
      isDeletedOnly: true,
    });
    const pages: number[] = [];
    for (let step = walk.next(); step !== undefined; step = walk.next()) {
      pages.push(step.page.deletedCount);
    }
    t.ok(!pages.includes(0), 'pages without \\Deleted are passed over');
    t.equal(
      pages.reduce((sum, count) => sum + count, 0),
      deleted.size,
    );
  }
  t.end();
});

await t.test('the first message without \\Seen', (t) => {
  const database = makeDatabase(t);
  const unseen = new Set([1_300, 1_301]);
  const uids = range(1, 2_000).filter((uid) => uid % 10 !== 1);
  appendStates(
    database,
    mailboxId,
    statesOf(uids, (uid) => [unseen.has(uid) ? 0 : 8, 0, 0, '']),
  );
  t.equal(countBeforeUnseen(database, mailboxId), uids.indexOf(1_300));
  t.end();
});

/** What is found in a range, in its order. */
function select(database: Database, range: ChangedRange, maxMessages: number) {
  const selection = new ChangeSelection(database, mailboxId, range, { maxMessages, maxSets: 200 });
  let steps = 1;
  while (selection.step()) steps++;
  const { found, isAll } = selection;
  return { ...found.first(found.count), isAll, steps };
}

await t.test('changes are selected in parts, each from where the one before has ended', (t) => {
  const random = new SeededRandom(9);
  for (const spread of [1, 3, 100, 5_000, 2 ** 50]) {
    const database = makeDatabase(t);
    const uids = range(1, 12_000).filter(() => random.chance(0.8));
    const modseqs = Float64Array.from(uids, () => 2 + random.below(spread));
    const toFlags = (uid: number): FlagWords => [uid % 7, uid % 11, 0, ''];
    appendStates(database, mailboxId, { ...statesOf(uids, toFlags), modseqs });
    const until = 2 + Math.ceil(spread / 2);
    const told: unknown[] = [];
    let from: Cursor = [0, limits.maxUid];
    for (let isAll = false; !isAll;) {
      const selected = select(database, { from, until }, 1_000);
      t.ok(selected.uids.length <= 1_000 && selected.sets.length <= 77);
      for (const [index, uid] of selected.uids.entries()) {
        from = [selected.modseqs[index]!, uid];
        told.push([...from, selected.sets[selected.flags[index]!]]);
      }
      isAll = selected.isAll;
    }
    const expected = uids
      .map((uid, index) => [modseqs[index]!, uid, toFlags(uid)] as const)
      .filter(([modseq]) => modseq <= until)
      .toSorted(([a, uid], [b, other]) => a - b || uid - other);
    t.same(told, expected, `${spread} modseqs`);
  }
  t.end();
});

await t.test('mail that was never changed is read as far as it is told', (t) => {
  const database = makeDatabase(t);
  appendStates(database, mailboxId, statesOf(range(1, 20_000)));
  // The pages behind cannot be read.
  database.execute(
    "UPDATE state_pages SET states = x'' WHERE mailbox_id = 2 AND first_uid > 12000",
  );
  const { uids, isAll } = select(database, { from: [3_000, limits.maxUid], until: 1e6 }, 4_000);
  t.same([...uids], range(3_000, uids.length));
  t.ok(uids.length >= 2_000 && uids.length <= 4_000, `${uids.length}`);
  t.equal(isAll, false);
  t.end();
});

await t.test('one step of looking for changes reads a bounded number of pages', (t) => {
  const database = makeDatabase(t);
  appendStates(database, mailboxId, statesOf(range(1, 100 * 512)));
  const all = select(database, { from: [0, limits.maxUid], until: 1e6 }, 1e6);
  t.equal(all.uids.length, 100 * 512);
  t.ok(all.steps >= 100 / limits.stepPages, `${all.steps} steps`);
  // One page after the other becomes a part of the one before it while they are looked through.
  const selection = new ChangeSelection(database, mailboxId, {
    from: [0, limits.maxUid],
    until: 1e6,
  });
  t.equal(selection.step(), true);
  t.equal(selection.found.count, limits.stepPages * 512);
  const pages = Array.from(pagesFrom(database, mailboxId, 0));
  for (const page of pages) {
    const now = findPage(database, mailboxId, page.firstUid)!;
    const isKept = Uint8Array.from(now.states.uids, (uid) =>
      uid < page.firstUid || uid % 50 === 0 ? 1 : 0,
    );
    replaceStates(database, mailboxId, now, filterStates(now.states, isKept));
  }
  while (selection.step());
  const behind = range(stepEnd + 1, 100 * 512 - stepEnd).filter((uid) => uid % 50 === 0);
  const { uids } = selection.found.first(selection.found.count);
  t.same([...uids.subarray(stepEnd)], behind, 'none is missed or found twice');
  t.end();
});

await t.test('pages that were divided for keywords come together without them', (t) => {
  const database = makeDatabase(t);
  const more = range(64, 100).join();
  const uids = range(1, 1_024);
  appendStates(
    database,
    mailboxId,
    statesOf(uids, (uid): FlagWords => [0, uid, uid, more]),
  );
  const divided = readAll(database).counts;
  t.ok(divided.length >= 32, `${divided.length} pages`);
  for (const uid of uids) {
    const page = findPage(database, mailboxId, uid)!;
    if (page.firstUid !== uid && uid !== 1) continue;
    const sets = page.states.sets.map((): FlagWords => [8, 0, 0, '']);
    replaceStates(database, mailboxId, page, { ...page.states, sets });
  }
  const { lines, counts } = readAll(database);
  t.same(
    lines,
    uids.map((uid) => `${uid} ${uid + 1} 8,0,0,`),
  );
  t.ok(counts.length <= 8, counts.join());
  t.end();
});

await t.test('small pages of many bytes do not become one', (t) => {
  const database = makeDatabase(t);
  const more = range(64, 100).join();
  // Of two sets, each with half of what a page has room for, or more.
  const toFlags = (uid: number): FlagWords => [0, uid, uid, more];
  appendStates(database, mailboxId, statesOf(range(1, 16), toFlags));
  t.same(readAll(database).counts, [16]);
  const [bytes] = database.row<[number]>(
    'SELECT length(states) FROM state_pages WHERE mailbox_id = 2',
  )!;
  t.ok(bytes < limits.statePageBytes, 'has room');
  appendStates(database, mailboxId, statesOf(range(17, 8), toFlags));
  t.same(readAll(database).counts, [24], 'is full');
  appendState(database, mailboxId, { uid: 25, modseq: 26, words: toFlags(25) });
  appendStates(database, mailboxId, statesOf(range(26, 23), toFlags));
  t.same(readAll(database).counts, [24, 24], 'none was added to it');
  const last = findPage(database, mailboxId, 25)!;
  replaceStates(
    database,
    mailboxId,
    last,
    filterStates(last.states, new Uint8Array(24).fill(1, 1)),
  );
  t.same(readAll(database).counts, [24, 23], 'together they are too large');
  t.end();
});
