import { crc32 } from 'node:zlib';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { limits } from '../../../../store/limits.ts';
import { ChunkLayout, toStoredForm } from '../../../../store/sqlite/bodies/chunks.ts';
import { Database } from '../../../../store/sqlite/database.ts';
import { openBody } from '../../../../store/sqlite/bodies/stored-body.ts';
import { MimeWalker } from '../../../../protocol/mime/mime-walker.ts';
import type { MimePart } from '../../../../protocol/mime/mime-structure.ts';
import { makeLargeMessage, makeVariedMail } from '../../../fixtures/mail-generator.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';
import {
  addMessage,
  isSound,
  makeScene,
  readAll,
} from '../../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../../fixtures/sqlite-store.ts';

const kibibyte = 1024;
const longHeader = `X-Way: ${'dkim=pass; '.repeat(300)}\r\n`;

/** Mail of every kind of size: one chunk or several, in one request or staged. */
function* mail(): Generator<Buffer> {
  for (const { bytes } of makeVariedMail(60)) yield bytes;
  for (const { bytes } of makeVariedMail(20, { seed: 2 })) {
    yield Buffer.concat([Buffer.from(longHeader), bytes]);
  }
  for (const size of [64, 65, 128, 200, 255, 256, 257, 300, 1000]) {
    yield makeLargeMessage(size * kibibyte, size);
    yield Buffer.from(`Subject: ${size}\r\n\r\n`.padEnd(size * kibibyte, 'compressible text '));
  }
  yield Buffer.from(`${'X: y\r\n'.repeat(20_000)}\r\na header of several chunks`);
  yield Buffer.alloc(0);
}

function walk(bytes: Uint8Array): MimePart {
  const walker = new MimeWalker();
  walker.push(bytes);
  return walker.finish();
}

await t.test('every range of a body is its bytes, at most 64 KiB at once', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const random = new SeededRandom(3);
  const messages = [...mail()];
  for (const bytes of messages) await addMessage(scene, bytes);
  for (const [index, { bodyId }] of (await readAll(store, scene.inbox)).entries()) {
    const bytes = messages[index]!;
    const ranges = Array.from({ length: 8 }, () => [
      random.below(bytes.length + 2),
      random.below(bytes.length + 2),
    ]);
    for (const [start, end] of [[0, Infinity], [0, 1000], ...ranges] as [number, number][]) {
      const read: Uint8Array[] = [];
      for await (const chunk of store.readBody(bodyId, start, end)) read.push(chunk);
      if (!Buffer.concat(read).equals(bytes.subarray(start, Math.max(start, end)))) {
        t.fail(`message ${index}, from ${start} to ${end}`);
      }
      if (read.some(({ length }) => length === 0 || length > limits.chunkBytes)) {
        t.fail(`message ${index} has chunks of ${read.map(({ length }) => length).join()}`);
      }
    }
  }
  await isSound(t, store);
});

await t.test(
  'text is read without the attachment behind it, and a part without what is before',
  async (t) => {
    const { store, dataDirectory } = await makeSqliteStore(t);
    const scene = await makeScene(store);
    const bytes = Buffer.concat([Buffer.from(longHeader), makeLargeMessage(200 * kibibyte)]);
    await addMessage(scene, bytes);
    const { bodyId } = (await readAll(store, scene.inbox))[0]!;
    class CountingDatabase extends Database {
      rowCount = 0;
      override rows<T extends readonly (string | number | Uint8Array | null)[]>(
        sql: string,
        ...values: (string | number)[]
      ): T[] {
        const rows = super.rows<T>(sql, ...values);
        this.rowCount += rows.length;
        return rows;
      }
    }
    const database = new CountingDatabase(join(dataDirectory, 'mail.db'), 'reader');
    t.teardown(() => database.close());
    const [text, file] = walk(bytes).children as [MimePart, MimePart];
    const [count] = database.row<[number]>('SELECT count(*) FROM chunks')!;
    t.ok(count >= 5, `${count} rows`);
    for (const [start, end, most] of [
      [text.bodyStart, text.end, 4],
      [file.end - 10, file.end, 4],
    ] as const) {
      database.rowCount = 0;
      const body = openBody(database, bodyId, 0)!;
      t.ok(bytes.subarray(start, end).equals(body.read(start, end)!));
      t.ok(database.rowCount <= most, `${database.rowCount} of ${count} rows`);
    }
    t.equal(openBody(database, 99, Infinity), undefined);
  },
);

await t.test('where a body is divided', (t) => {
  const layout = new ChunkLayout([3_000, 4_000, 200_000], 200_100);
  const chunk = 64 * kibibyte;
  t.same(layout.at(0), { number: 0, start: 0, end: 3_000 });
  t.same(layout.at(2_999), { number: 0, start: 0, end: 3_000 });
  t.same(layout.at(3_000), { number: 1, start: 3_000, end: 4_000 });
  t.same(layout.at(4_000 + chunk), { number: 3, start: 4_000 + chunk, end: 4_000 + 2 * chunk });
  t.same(layout.at(199_999), { number: 4, start: 4_000 + 2 * chunk, end: 200_000 });
  t.same(layout.at(200_000), { number: 5, start: 200_000, end: 200_100 });
  t.throws(() => layout.at(200_100), RangeError);
  t.end();
});

await t.test('short text is stored as it is, the rest shorter', (t) => {
  const bytes = Buffer.concat([Buffer.from(longHeader), makeLargeMessage(20 * kibibyte)]);
  const structure = walk(bytes);
  const file = structure.children![1]!;
  const { cuts, chunks } = toStoredForm(Uint8Array.from(bytes), structure);
  t.same(cuts, [structure.bodyStart, file.bodyStart, file.end]);
  const [header, text, attachment, tail] = chunks as [Chunk, Chunk, Chunk, Chunk];
  type Chunk = (typeof chunks)[number];
  t.equal(header.inflatedBytes, structure.bodyStart);
  t.ok(header.bytes.length < structure.bodyStart / 4);
  t.equal(text.inflatedBytes, undefined);
  t.ok(bytes.subarray(structure.bodyStart, file.bodyStart).equals(text.bytes));
  t.equal(attachment.inflatedBytes, file.end - file.bodyStart);
  t.ok(attachment.bytes.length < (file.end - file.bodyStart) * 0.8);
  t.equal(tail.inflatedBytes, undefined);
  const plain = Buffer.from(`Subject: a\r\n\r\n${'x'.repeat(limits.minCompressedTextBytes - 15)}`);
  t.same(toStoredForm(Uint8Array.from(plain), walk(plain)), {
    cuts: [],
    chunks: [{ bytes: Uint8Array.from(plain), inflatedBytes: undefined, check: crc32(plain) | 0 }],
  });
  const random = Buffer.from(new SeededRandom(1).bytes(30_000));
  const [chunk] = toStoredForm(Uint8Array.from(random), walk(random)).chunks;
  t.equal(chunk!.inflatedBytes, undefined, 'what gets no shorter');
  t.end();
});

await t.test('pages of the table are full', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  let mailBytes = 0;
  // Rows of more than half a page, of which each would have a page of its own.
  for (let index = 0; index < 200; index++) {
    const bytes = Buffer.from(`Subject: ${index}\r\n\r\n${'text '.repeat(440 + (index % 50))}\r\n`);
    mailBytes += bytes.length;
    await addMessage(scene, bytes);
  }
  await store.close();
  const database = new DatabaseSync(join(dataDirectory, 'mail.db'), { readOnly: true });
  const sql = "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name = 'chunks'";
  const { bytes } = database.prepare(sql).get() as { bytes: number };
  database.close();
  t.ok(bytes < mailBytes * 1.06, `${bytes} bytes of pages for ${mailBytes}`);
});
