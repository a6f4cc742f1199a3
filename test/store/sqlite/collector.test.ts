import { join } from 'node:path';
import { copyFileSync, existsSync, statSync } from 'node:fs';
import t, { type Test } from 'tap';
import { limits } from '../../../store/limits.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { collect, dropOrphanedStagings } from '../../../store/sqlite/collector.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { WriteContext } from '../../../store/sqlite/writer/write-context.ts';
import {
  addMessage,
  addMessages,
  isSound,
  makeScene,
  readAll,
  readUids,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory, makeSqliteStore } from '../../fixtures/sqlite-store.ts';

/** The data directory as a crash would leave it, in another place. */
function copyStore(t: Test, dataDirectory: string): string {
  const copy = makeDataDirectory(t);
  for (const name of ['mail.db', 'mail.db-wal']) {
    const path = join(dataDirectory, name);
    if (existsSync(path)) copyFileSync(path, join(copy, name));
  }
  return copy;
}

function openWriter(t: Test, dataDirectory: string): Database {
  const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
  t.teardown(() => database.close());
  return database;
}

const countRows = (database: Database, table: string): number =>
  database.row<[number]>(`SELECT count(*) FROM ${table}`)![0];

await t.test('what a crash left staged is deleted at the next start', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  await makeScene(store);
  const draft = store.beginMessage();
  await draft.write(Buffer.alloc(1_000_000, 'x'));
  const copy = copyStore(t, dataDirectory);
  const reopened = await openSqliteStore({ dataDirectory: copy, collectIntervalMs: 0 });
  await reopened.collect();
  t.same(await reopened.checkIntegrity(), []);
  await reopened.close();
  const database = openWriter(t, copy);
  t.same([countRows(database, 'bodies'), countRows(database, 'chunks')], [0, 0]);
  await draft.discard();
});

await t.test('each step is bounded, and a crash between two is harmless', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessage(scene, Buffer.alloc(10_000_000, 'x'));
  await addMessages(scene, ['1', '2', '3']);
  const box = await store.createMailbox(scene.accountId, 'box');
  const uids = await readUids(store, scene.inbox);
  for (let round = 0; round < 600; round++) await store.copyMessages(scene.inbox, uids, box);
  await store.renameMailbox(scene.accountId, 'INBOX', 'old');
  await store.deleteMailbox(scene.accountId, 'old');
  await store.deleteMailbox(scene.accountId, 'box');
  const database = openWriter(t, copyStore(t, dataDirectory));
  await store.close();
  let nowMs = Date.now();
  let steps = 0;
  let hasMore = true;
  while (hasMore) {
    if (steps === 10) nowMs += limits.bodyRetentionMs;
    const before = ['messages', 'chunks', 'bodies'].map((table) => countRows(database, table));
    const context = { nowMs, clientId: 1, stagings: new Map<number, number>() };
    hasMore = collect(new WriteContext(database, context)) || steps < 10;
    dropOrphanedStagings(new WriteContext(database, context));
    const after = ['messages', 'chunks', 'bodies'].map((table) => countRows(database, table));
    const bounds = [limits.stepMessages, limits.collectChunks, limits.collectBodies];
    t.ok(before.every((count, index) => count - after[index]! <= bounds[index]!));
    steps++;
  }
  for (const table of ['messages', 'chunks', 'bodies', 'body_texts']) {
    t.equal(countRows(database, table), 0, table);
  }
  t.equal(countRows(database, 'mailboxes WHERE account_id IS NULL'), 0);
});

await t.test('the file shrinks, but for pages that new mail will need', async (t) => {
  const { store, dataDirectory, advance, reopen } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const path = join(dataDirectory, 'mail.db');
  for (let index = 0; index < 4; index++) {
    await addMessage(scene, Buffer.alloc(5_000_000, `${index}`), { flags: ['\\Deleted'] });
  }
  await addMessages(scene, ['stays']);
  await store.expungeMessages(scene.inbox, undefined);
  await advance(limits.bodyRetentionMs);
  const reopened = await reopen();
  t.ok(statSync(path).size < (limits.keptFreePages + 200) * 4096, `${statSync(path).size} bytes`);
  t.equal((await readAll(reopened, scene.inbox)).length, 1);
  await isSound(t, reopened);
});

await t.test('the interval collects without being asked', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  let nowMs = 1e12;
  const store = await openSqliteStore({
    dataDirectory,
    clock: () => nowMs,
    collectIntervalMs: 1,
  });
  const scene = await makeScene(store);
  await addMessages(scene, ['1'], { flags: ['\\Deleted'] });
  const [message] = await readAll(store, scene.inbox);
  await store.expungeMessages(scene.inbox, undefined);
  nowMs += limits.bodyRetentionMs;
  const isReadable = async () => {
    try {
      for await (const _ of store.readBody(message!.bodyId, 0, 1));
      return true;
    } catch {
      return false;
    }
  };
  while (await isReadable()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  await store.close();
});
