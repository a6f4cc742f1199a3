import { join } from 'node:path';
import t, { type Test } from 'tap';
import { limits } from '../../../store/limits.ts';
import type { MessageColumn, MessageRows } from '../../../store/message-rows.ts';
import { Database, type SqlValue } from '../../../store/sqlite/database.ts';
import { readRows } from '../../../store/sqlite/rows.ts';
import {
  addMessage,
  addMessages,
  makeScene,
  multiply,
  readUids,
  type Scene,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

/** Knows how many rows each statement has returned, and of how many bytes the largest value is among several rows. */
class WatchedDatabase extends Database {
  readonly rowCounts: number[] = [];
  largestBytes = 0;

  override rows<T extends readonly SqlValue[]>(sql: string, ...values: (string | number)[]): T[] {
    const rows = super.rows<T>(sql, ...values);
    this.rowCounts.push(rows.length);
    for (const value of rows.length > 1 ? rows.flat() : []) {
      const bytes = typeof value === 'object' ? (value?.length ?? 0) : String(value).length;
      this.largestBytes = Math.max(this.largestBytes, bytes);
    }
    return rows;
  }
}

function watch(t: Test, dataDirectory: string): WatchedDatabase {
  const database = new WatchedDatabase(join(dataDirectory, 'mail.db'), 'reader');
  t.teardown(() => database.close());
  return database;
}

async function readBatches(
  database: Database,
  { inbox }: Scene,
  uids: Uint32Array,
  columns: readonly MessageColumn[] = [],
): Promise<MessageRows[]> {
  const batches: MessageRows[] = [];
  for await (const rows of readRows(database, inbox, uids, new Set(columns))) batches.push(rows);
  return batches;
}

await t.test('whatever UIDs are named, those that exist are read, in few statements', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessages(scene, ['a', 'b', 'c']);
  await multiply(scene, 1500);
  const random = new SeededRandom(5);
  const all = await readUids(store, scene.inbox);
  const deleted = all.filter(() => random.chance(0.2));
  await store.storeFlags(scene.inbox, deleted, { mode: 'add', flags: ['\\Deleted'] });
  await store.expungeMessages(scene.inbox, undefined);
  const existing = new Set(await readUids(store, scene.inbox));
  const database = watch(t, dataDirectory);
  for (const share of [0.01, 0.3, 0.5, 0.9, 1]) {
    const named = Uint32Array.from({ length: 2000 }, (_, index) => index + 1).filter(() =>
      random.chance(share),
    );
    for (const columns of [[], ['envelope'], ['header', 'internalDate']] as const) {
      const batches = await readBatches(database, scene, named, columns);
      const uids = batches.flatMap((rows) => [...rows.uids]);
      t.same(
        uids,
        [...named].filter((uid) => existing.has(uid)),
        `a share of ${share}`,
      );
    }
  }
  database.rowCounts.length = 0;
  await readBatches(database, scene, Uint32Array.from(existing), ['envelope']);
  const count = Math.ceil(existing.size / limits.stepRows);
  t.ok(database.rowCounts.length <= count + 2, `${database.rowCounts.length} statements`);
  t.same(await readBatches(database, scene, Uint32Array.of(4_294_967_295)), []);
});

await t.test('what is large is read alone, and a batch of it ends early', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const columns = ['envelope', 'structure', 'usualFields', 'header'] as const;
  const sizes = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? 0 : index * 2_000));
  for (const [index, size] of sizes.entries()) {
    const recipients = `${index}@example.org,\r\n\t`.repeat(size / 20);
    await addMessage(scene, `Subject: ${index}\r\nTo: ${recipients}z@example.org\r\n\r\ntext`);
  }
  const database = watch(t, dataDirectory);
  for (const column of columns) {
    database.largestBytes = 0;
    const uids = await readUids(store, scene.inbox);
    const batches = await readBatches(database, scene, uids, [column]);
    t.same(
      batches.flatMap((rows) => [...rows.uids]),
      [...uids],
      column,
    );
    t.ok(database.largestBytes <= limits.stepValueBytes, `${column}: ${database.largestBytes}`);
    if (column === 'envelope') {
      const envelopes = batches.flatMap((rows) => rows.envelopes!);
      for (const [index, text] of envelopes.entries()) {
        const count = text.split(`"${index}" "example.org"`).length - 1;
        t.equal(count, Math.floor(sizes[index]! / 20), `message ${index}`);
      }
      const bytes = batches.map((rows) => rows.envelopes!.join('').length);
      t.ok(batches.length > 1, 'several batches');
      t.ok(Math.max(...bytes) < limits.batchBytes + envelopes.at(-1)!.length);
    }
  }
});

await t.test('a batch ends early if its messages have many fields', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessage(scene, `To: ${'a@example.org,\r\n '.repeat(900)}b@example.org\r\n\r\ntext`);
  await multiply(scene, 300);
  const uids = await readUids(store, scene.inbox);
  const batches = await readBatches(watch(t, dataDirectory), scene, uids, ['usualFields']);
  t.same(
    batches.flatMap((rows) => [...rows.uids]),
    [...uids],
  );
  t.ok(batches.length > 1, `${batches.length} batches`);
  for (const { usualFields, headerBytes } of batches) {
    t.ok(usualFields!.bytes.length < limits.batchBytes + limits.usualFieldsBytes);
    t.ok(
      headerBytes!.every((bytes) => bytes === -1),
      'all are kept apart',
    );
  }
});
