import { join } from 'node:path';
import t, { type Test } from 'tap';
import { limits } from '../../../store/limits.ts';
import type { MessageStates } from '../../../store/mailbox-changes.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { createSchema } from '../../../store/sqlite/schema/migration.ts';
import {
  readChanges,
  readStates,
  stepSource,
  UidScan,
} from '../../../store/sqlite/message-states.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';

/** A database whose mailbox 2 has messages of just these UIDs; its neighbours are full. */
function makeMailbox(t: Test, uids: readonly number[]): Database {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  createSchema(database);
  database.execute(`INSERT INTO mailboxes (id, name, is_selectable, uid_validity)
    VALUES (1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 1, 1)`);
  const insert = (mailboxId: number, chosen: readonly number[]) =>
    database.run(
      `INSERT INTO messages (mailbox_id, uid, modseq, created_modseq, body_id, size_bytes,
         internal_seconds, zone_minutes, system_flags, keywords_low, keywords_high)
       SELECT ?, value, value, 1, 1, 1, 1, 0, 0, 0, 0 FROM json_each(?)`,
      mailboxId,
      JSON.stringify(chosen),
    );
  const all = Array.from({ length: 3000 }, (_, index) => index + 1);
  insert(1, all);
  insert(3, all);
  insert(2, uids);
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

await t.test('a slice has no more sets of flags than an event may tell of', async (t) => {
  const count = 20_000;
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const database = makeMailbox(t, all);
  database.execute(`INSERT INTO accounts (id, name, name_key, argon2id, scram_sha256)
      VALUES (1, 'a', 'a', '', '');
    UPDATE mailboxes SET account_id = 1, uid_next = ${count + 1}, highest_modseq = ${count},
      message_count = ${count} WHERE id = 2`);
  const box = { accountId: 1, mailboxId: 2 };
  const slices = async () => {
    const states: MessageStates[] = [];
    for await (const slice of readStates(database, box, 0)) states.push(slice);
    for await (const slice of readChanges(database, box, 0, count)) states.push(slice.messages);
    t.equal(
      states.reduce((sum, { uids }) => sum + uids.length, 0),
      2 * count,
    );
    return states;
  };
  const { slowSliceMessages: small, sliceMessages: large } = limits;
  const sizes = [small, large, large, count - small - 2 * large];
  t.same(
    (await slices()).map(({ uids }) => uids.length),
    [...sizes, ...sizes],
    'one set: large slices behind a small one',
  );
  database.execute('UPDATE messages SET keywords_low = uid WHERE mailbox_id = 2');
  const setCounts = (await slices()).map(({ flagSets }) => flagSets.length);
  t.equal(Math.max(...setCounts), limits.maxEventFlagSets);
});

await t.test(
  'UIDs of one modseq that are forgotten while they are read are missed by nobody',
  async (t) => {
    const database = makeMailbox(t, []);
    const box = { accountId: 1, mailboxId: 2 };
    const count = 3 * limits.sliceMessages;
    database.execute(`INSERT INTO accounts (id, name, name_key, argon2id, scram_sha256)
      VALUES (1, 'a', 'a', '', '');
    UPDATE mailboxes SET account_id = 1, uid_next = ${2 * count}, highest_modseq = 2 WHERE id = 2`);
    database.run(
      `INSERT INTO expunged (mailbox_id, modseq, uid)
     WITH RECURSIVE n (uid) AS (SELECT 1 UNION ALL SELECT uid + 2 FROM n WHERE uid < ?)
     SELECT 2, 2, uid FROM n`,
      2 * count - 3,
    );
    const read = async (onSlice: () => void): Promise<number> => {
      let told = 0;
      for await (const { expungedUids } of readChanges(database, box, 1, 2)) {
        told += expungedUids.length;
        onSlice();
      }
      return told;
    };
    t.equal(await read(() => undefined), count - 1);
    const forget = () => {
      database.execute('UPDATE mailboxes SET expunged_horizon = 2 WHERE id = 2');
      database.execute('DELETE FROM expunged WHERE mailbox_id = 2');
    };
    await t.rejects(read(forget), { name: 'ChangesForgottenError' });
  },
);
