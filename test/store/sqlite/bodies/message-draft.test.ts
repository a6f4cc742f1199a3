import t from 'tap';
import { join } from 'node:path';
import { Database } from '../../../../store/sqlite/database.ts';
import { reachableBytes } from '../../../fixtures/collect-garbage.ts';
import { largeMessageChunks } from '../../../fixtures/mail-generator.ts';
import {
  addMessage,
  isSound,
  makeScene,
  readSome,
  type Scene,
} from '../../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../../fixtures/sqlite-store.ts';

const mebibyte = 1024 * 1024;

await t.test('a message of 50 MB is never held whole', async (t) => {
  // What garbage adds, that of the writer's thread included, is bounded in test/security/memory.test.ts.
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  // What is compiled and cached for any message is there before it is measured.
  await addLarge(scene, 4 * mebibyte);
  const { uid, mostBytes } = await addLarge(scene, 50 * mebibyte);
  const [message] = await readSome(store, scene.inbox, Uint32Array.of(uid));
  t.equal(message!.sizeBytes, 50 * mebibyte);
  // The heap of a test moves by some MiB of its own.
  t.ok(mostBytes < 8 * mebibyte, `${mostBytes} bytes`);
  const kept: Buffer[] = [];
  const control = await addLarge(scene, 50 * mebibyte, (chunk) => kept.push(chunk));
  t.ok(control.mostBytes > 45 * mebibyte, `${control.mostBytes} bytes where chunks are kept`);
});

/** Adds a message in chunks; the most bytes that were held meanwhile, beyond what was held before. */
async function addLarge(
  { store, inbox }: Scene,
  sizeBytes: number,
  onChunk?: (chunk: Buffer) => void,
): Promise<{ uid: number; mostBytes: number }> {
  const heldBefore = await reachableBytes();
  const draft = store.beginMessage();
  let mostHeld = 0;
  let chunkCount = 0;
  for (const chunk of largeMessageChunks(sizeBytes)) {
    await draft.write(chunk);
    onChunk?.(chunk);
    if (++chunkCount % 40 === 0) mostHeld = Math.max(mostHeld, await reachableBytes());
  }
  const { uid } = await draft.addTo(inbox, {
    flags: [],
    internalDate: { epochMs: 0, zoneMinutes: 0 },
  });
  return { uid, mostBytes: mostHeld - heldBefore };
}

await t.test('content that is there already is stored once', async (t) => {
  const { store, dataDirectory, advance } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  for (const bytes of [Buffer.alloc(1_000_000, 'large'), Buffer.from('small\r\n')]) {
    for (let count = 0; count < 3; count++) await addMessage(scene, bytes);
  }
  await advance(0);
  await isSound(t, store);
  const database = new Database(join(dataDirectory, 'mail.db'), 'reader');
  t.same(database.rows('SELECT size_bytes, reference_count FROM bodies ORDER BY id'), [
    [1_000_000, 3],
    [7, 3],
  ]);
  const sql = 'SELECT sum(coalesce(inflated_bytes, length(bytes))) FROM chunks WHERE id % 2 = 0';
  t.same(database.row(sql), [1_000_007]);
  database.close();
});
