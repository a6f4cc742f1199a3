import { join } from 'node:path';
import { statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { Database } from '../../../store/sqlite/database.ts';
import {
  addMessages,
  isSound,
  makeScene,
  requireMailbox,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory, makeSqliteStore } from '../../fixtures/sqlite-store.ts';

/** Looks into the file beside the store. */
function openReader(t: Test, dataDirectory: string) {
  const path = join(dataDirectory, 'mail.db');
  const database = new Database(path, 'reader');
  t.teardown(() => database.close());
  const counts = (mailboxId: number) =>
    database.row<[number, number]>(
      'SELECT recent_from_uid, recent_count FROM mailboxes WHERE id = ?',
      mailboxId,
    )!;
  /** Grows with every write, committed or not. */
  const logBytes = () => statSync(`${path}-wal`).size;
  const version = () => database.row<[number]>('PRAGMA data_version')![0];
  return { counts, logBytes, version };
}

await t.test('a claim writes nothing; the next change of any mailbox writes it', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const archive = await requireMailbox(store, scene.accountId, 'Archive');
  await addMessages(scene, ['1', '2']);
  const { counts, logBytes, version } = openReader(t, dataDirectory);
  const before = [version(), logBytes()];
  t.same(await store.claimRecent(scene.inbox), { firstUid: 1, nextUid: 3 });
  t.same(await store.claimRecent(scene.inbox), { firstUid: 3, nextUid: 3 });
  t.same([version(), logBytes()], before);
  t.same(counts(scene.inbox.mailboxId), [1, 2]);
  await store.storeFlags(scene.inbox, Uint32Array.of(1), { mode: 'remove', flags: ['\\Seen'] });
  await store.subscribe(scene.accountId, 'x');
  t.same(counts(scene.inbox.mailboxId), [1, 2], 'only a change of a mailbox writes it');
  await addMessages(scene, ['3'], { box: archive });
  t.same(counts(scene.inbox.mailboxId), [3, 0]);
  t.same(counts(archive.mailboxId), [1, 1], 'of other mailboxes nothing is claimed');
  await isSound(t, store);
});

await t.test('without another change it is written after a while', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const store = await openSqliteStore({ dataDirectory, recentFlushMs: 1, collectIntervalMs: 0 });
  t.teardown(() => store.close());
  const scene = await makeScene(store);
  for (const name of ['1', '2']) {
    await addMessages(scene, [name]);
    await store.claimRecent(scene.inbox);
    // Ends by the time limit of the test if the claim is never written.
    while ((await store.readStatus(scene.inbox)).recentCount > 0) await setImmediate();
  }
  await isSound(t, store);
});
