import { join } from 'node:path';
import t, { type Test } from 'tap';
import { limits } from '../../../store/limits.ts';
import type { MessageStates } from '../../../store/mailbox-changes.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { createSchema } from '../../../store/sqlite/schema/migration.ts';
import type { FlagWords } from '../../../store/sqlite/flag-words.ts';
import { readChanges, readStates } from '../../../store/sqlite/message-states.ts';
import { insertMessages } from '../../fixtures/message-rows.ts';
import { refuses } from '../../fixtures/mail-store-contract/store-steps.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';

const box = { accountId: 1, mailboxId: 2 };

function upTo(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index + 1);
}

/** A database whose mailbox 2 has messages; its neighbours have others. */
function makeMailbox(
  t: Test,
  uids: Uint32Array,
  options: Parameters<typeof insertMessages>[3] = {},
): Database {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  createSchema(database);
  database.execute(`INSERT INTO accounts (id, name, name_key, argon2id, scram_sha256)
      VALUES (1, 'a', 'a', '', '');
    INSERT INTO mailboxes (id, name, is_selectable, uid_validity)
      VALUES (1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 1, 1)`);
  const others = Uint32Array.from({ length: 1000 }, (_, index) => 2 * index + 1);
  insertMessages(database, 1, others);
  insertMessages(database, 3, others);
  insertMessages(database, 2, uids, options);
  const uidNext = (uids.at(-1) ?? 0) + 1;
  const { modseqs = uids } = options;
  database.execute(`UPDATE mailboxes SET account_id = 1, uid_next = ${uidNext},
    highest_modseq = ${Math.max(1, ...modseqs)}, message_count = ${uids.length} WHERE id = 2`);
  return database;
}

await t.test('a slice has no more sets of flags than an event may tell of', async (t) => {
  const count = 20_000;
  const all = upTo(count);
  const slices = async (database: Database) => {
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
    (await slices(makeMailbox(t, all))).map(({ uids }) => uids.length),
    [...sizes, ...sizes],
    'one set: large slices behind a small one',
  );
  const toFlags = (uid: number): FlagWords => [0, uid, 0, ''];
  const setCounts = (await slices(makeMailbox(t, all, { toFlags }))).map(
    ({ flagSets }) => flagSets.length,
  );
  t.equal(Math.max(...setCounts), limits.maxEventFlagSets);
});

await t.test(
  'UIDs of one modseq that are forgotten while they are read are missed by nobody',
  async (t) => {
    const database = makeMailbox(t, upTo(0));
    const count = 3 * limits.sliceMessages;
    database.execute(
      `UPDATE mailboxes SET uid_next = ${2 * count}, highest_modseq = 2 WHERE id = 2`,
    );
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

await t.test('changes ascend, each once, however they lie in the pages', async (t) => {
  const random = new SeededRandom(5);
  const uids = upTo(30_000).filter(() => random.chance(0.7));
  for (const spread of [1, 40, 50_000]) {
    const modseqs = Float64Array.from(uids, () => 2 + random.below(spread));
    const database = makeMailbox(t, uids, { modseqs });
    const since = Math.floor(spread / 3);
    const told: [modseq: number, uid: number][] = [];
    for await (const { messages } of readChanges(database, box, since, 2 + spread)) {
      t.ok(messages.uids.length <= limits.sliceMessages);
      for (const [index, uid] of messages.uids.entries())
        told.push([messages.modseqs[index]!, uid]);
    }
    const expected = Array.from(uids, (uid, index) => [modseqs[index]!, uid] as const)
      .filter(([modseq]) => modseq > since)
      .toSorted(([a, uid], [b, other]) => a - b || uid - other);
    t.same(told, expected, `${spread} modseqs`);
  }
});

await t.test('what changes while changes are read is not told as it was', async (t) => {
  const uids = upTo(20_000);
  const database = makeMailbox(t, uids, { modseqs: Float64Array.from(uids, () => 2) });
  const told: number[] = [];
  for await (const { messages } of readChanges(database, box, 1, 2)) {
    told.push(...messages.uids);
    if (told.length > uids.length / 2) continue;
    // What lies behind is gone.
    database.execute(`DELETE FROM state_pages WHERE mailbox_id = 2 AND first_uid > 10000;
      UPDATE mailboxes SET highest_modseq = 3 WHERE id = 2`);
  }
  t.ok(told.length < 11_000, `${told.length} told`);
});

await t.test('no turn of reading changes reads more than a bounded number of pages', async (t) => {
  const uids = upTo(100 * limits.statePageMessages);
  const random = new SeededRandom(3);
  const modseqs = Float64Array.from(uids, () => 2 + random.below(50_000));
  const database = makeMailbox(t, uids, { modseqs });
  database.execute('UPDATE mailboxes SET highest_modseq = 60000 WHERE id = 2');
  let reads = 0;
  const counts: number[] = [];
  const row = database.row.bind(database);
  database.row = (sql, ...values) => {
    if (/\bstates\s+FROM state_pages/.test(sql)) reads++;
    return row(sql, ...values);
  };
  const snapshot = database.snapshot.bind(database);
  database.snapshot = (read) => {
    reads = 0;
    const result = snapshot(read);
    counts.push(reads);
    return result;
  };
  let told = 0;
  for await (const { messages } of readChanges(database, box, 1, 60_000))
    told += messages.uids.length;
  t.equal(told, uids.length);
  t.equal(Math.max(...counts), limits.stepPages, 'also where they are looked for');
  counts.length = 0;
  told = 0;
  for await (const { messages } of readChanges(database, box, 1, 60_000)) {
    if (told === 0) database.execute('UPDATE mailboxes SET highest_modseq = 60001 WHERE id = 2');
    told += messages.uids.length;
    // Each of these slices has what lies in few pages.
    if (counts.length > 100) break;
  }
  t.ok(told > limits.slowSliceMessages, 'it goes on');
  // The page of a UID may be behind the one that was found first.
  t.ok(Math.max(...counts) <= 2 * limits.stepPages, `${Math.max(...counts)} pages in a turn`);
});

await t.test('a page that is lost, or is not what was stored, hides no message', async (t) => {
  const read = async (sql: string) => {
    const database = makeMailbox(t, upTo(2_000));
    database.execute(sql);
    for await (const _ of readStates(database, box, 0));
  };
  await read('SELECT 1');
  const page = 'mailbox_id = 2 AND first_uid = 513';
  await refuses(t, read(`DELETE FROM state_pages WHERE ${page}`), 'CORRUPTION');
  const change = (blob: string) => read(`UPDATE state_pages SET states = ${blob} WHERE ${page}`);
  await refuses(t, change("x'00'"), 'CORRUPTION');
  await refuses(t, change('CAST(substr(states, 1, 20) AS BLOB)'), 'CORRUPTION');
  await refuses(
    t,
    change("CAST(substr(states, 1, 40) || x'2a' || substr(states, 42) AS BLOB)"),
    'CORRUPTION',
  );
});
