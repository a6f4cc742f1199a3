import { availableParallelism } from 'node:os';
import t from 'tap';
import {
  addMessage,
  addMessages,
  isSound,
  makeScene,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';
import { largeMessageChunks } from '../../fixtures/mail-generator.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { join } from 'node:path';

const mebibyte = 1024 * 1024;

await t.test('a message of 50 MB raises resident memory by far less than 32 MiB', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  // Both threads have compiled what they run, and have their caches.
  await addMessages(
    scene,
    Array.from({ length: 50 }, (_, index) => `${index}`),
  );
  await addMessage(scene, Buffer.concat([...largeMessageChunks(4 * mebibyte)]));
  const before = process.memoryUsage.rss();
  let peak = 0;
  let sizeBytes = 0;
  const draft = store.beginMessage(scene.accountId);
  for (const chunk of largeMessageChunks(50 * mebibyte)) {
    await draft.write(chunk);
    sizeBytes += chunk.length;
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  const internalDate = { epochMs: 0, zoneMinutes: 0 };
  await draft.addTo(scene.inbox.id, { flags: [], internalDate });
  const raisedMiB = (Math.max(peak, process.memoryUsage.rss()) - before) / mebibyte;
  t.ok(sizeBytes >= 50 * mebibyte);
  t.ok(raisedMiB < 16, `${raisedMiB.toFixed(1)} MiB, ${availableParallelism()} processors`);
});

await t.test('content that is there already is stored once', async (t) => {
  const { store, dataDirectory, advance } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  for (const octets of [Buffer.alloc(1_000_000, 'large'), Buffer.from('small\r\n')]) {
    for (let count = 0; count < 3; count++) await addMessage(scene, octets);
  }
  await advance(0);
  await isSound(t, store);
  const database = new Database(join(dataDirectory, 'mail.db'), 'reader');
  t.same(database.rows('SELECT size_bytes, reference_count FROM bodies ORDER BY id'), [
    [1_000_000, 3],
    [7, 3],
  ]);
  t.same(database.row('SELECT sum(length(octets)) FROM chunks'), [1_000_007]);
  database.close();
});
