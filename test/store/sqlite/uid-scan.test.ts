import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Database } from '../../../store/sqlite/database.ts';
import { createSchema } from '../../../store/sqlite/schema/migration.ts';
import { stepSource, UidScan } from '../../../store/sqlite/uid-scan.ts';
import { insertMessages } from '../../fixtures/message-rows.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';

/** A database whose mailbox 2 has messages of just these UIDs; its neighbours are full. */
function makeMailbox(t: Test, uids: readonly number[]): Database {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  createSchema(database);
  database.execute(`INSERT INTO mailboxes (id, name, is_selectable, uid_validity)
    VALUES (1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 1, 1)`);
  const all = Uint32Array.from({ length: 3000 }, (_, index) => index + 1);
  insertMessages(database, 1, all);
  insertMessages(database, 3, all);
  insertMessages(database, 2, Uint32Array.from(uids));
  return database;
}

/** Walks the scan to its end. */
function walk(database: Database, scan: UidScan) {
  const found: number[] = [];
  let [rowCount, rangeCount, listCount] = [0, 0, 0];
  for (let step = scan.step; step !== undefined; step = scan.step) {
    const { from, values } = stepSource(step, 2);
    const read = database.rows<[number]>(`SELECT m.uid FROM ${from}`, ...values).flat();
    const isWanted = scan.take(step, read);
    found.push(...read.filter((_, index) => isWanted[index] === 1));
    rowCount += read.length;
    if (step.kind === 'range') rangeCount++;
    else listCount++;
  }
  return { found, rowCount, rangeCount, listCount };
}

await t.test('finds just the wanted messages that exist, at a cost that grows with them', (t) => {
  const random = new SeededRandom(3);
  for (const existing of [0, 0.02, 0.5, 1]) {
    const uids = Array.from({ length: 3000 }, (_, index) => index + 1).filter(() =>
      random.chance(existing),
    );
    const database = makeMailbox(t, uids);
    for (const wanted of [0, 0.001, 0.02, 0.3, 0.9, 1]) {
      const names = Uint32Array.from({ length: 3500 }, (_, index) => index + 1).filter(() =>
        random.chance(wanted),
      );
      const what = `${wanted} of the UIDs, of which ${existing} exist`;
      for (const maxRows of [1, 50, 8192]) {
        const { found, rowCount } = walk(database, new UidScan(names, maxRows));
        const set = new Set(names);
        t.same(
          found,
          uids.filter((uid) => set.has(uid)),
          what,
        );
        // Eight rows for each wanted one, and a trial before each list.
        t.ok(rowCount <= 8 * found.length + 2 * 64 + names.length / 4, `${what}: ${rowCount} rows`);
      }
    }
  }
  t.end();
});

await t.test('all of a mailbox is one scan, also if its UIDs are far apart', (t) => {
  for (const gap of [1, 40]) {
    const uids = Array.from({ length: 2000 }, (_, index) => 1 + index * gap);
    const database = makeMailbox(t, uids);
    const result = walk(database, new UidScan(Uint32Array.from(uids)));
    t.match(result, { rowCount: 2000, listCount: 0 });
    t.ok(result.rangeCount <= 4, `${result.rangeCount} ranges`);
    t.equal(result.found.length, 2000);
  }
  t.end();
});

await t.test('a few of many are looked up', (t) => {
  const uids = Array.from({ length: 3000 }, (_, index) => index + 1);
  const database = makeMailbox(t, uids);
  const few = Uint32Array.from({ length: 30 }, (_, index) => 100 * index + 1);
  const result = walk(database, new UidScan(few));
  t.match(result, { found: { length: 30 }, rangeCount: 1, listCount: 1 });
  t.ok(result.rowCount <= 64 + 30, `${result.rowCount} rows`);
  t.end();
});

await t.test('nothing wanted is nothing read', (t) => {
  t.equal(new UidScan(new Uint32Array()).step, undefined);
  t.end();
});
