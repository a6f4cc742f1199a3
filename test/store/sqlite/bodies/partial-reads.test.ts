import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Database } from '../../../../store/sqlite/database.ts';
import {
  addMessage,
  makeScene,
  readSome,
  refuses,
  type Scene,
} from '../../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../../fixtures/sqlite-store.ts';

const header = 'Subject: a\r\nContent-Type: application/x\r\n\r\n';

/** Bytes that get no shorter, so that they stay as they are. No line ends in them. */
function noise(sizeBytes: number): string {
  let state = 1;
  const bytes = Buffer.alloc(sizeBytes);
  for (let index = 0; index < sizeBytes; index++) {
    state = (state * 48_271) % 2_147_483_647;
    bytes[index] = 14 + (state % 240);
  }
  return bytes.toString('latin1');
}

const bodies: Readonly<Record<string, string>> = {
  'a small text': `${header.replace('application/x', 'text/plain')}${'A short line.\r\n'.repeat(50)}`,
  'a header, and a part that lies apart': `X: ${noise(3000)}\r\n${header}${noise(6000)}`,
  'several chunks': `${header}${noise(200_000)}`,
  'compressed chunks': `${header}${'The same again.\r\n'.repeat(12_000)}`,
};

interface Damaged {
  readonly scene: Scene;
  readonly bodyId: number;
  /** Changes a byte in each row of the body's chunks. */
  damage(): void;
  /** As a store had them before rows had checks. */
  forgetChecks(): void;
}

async function makeBody(t: Test, text: string): Promise<Damaged> {
  const fixture = await makeSqliteStore(t);
  const scene = await makeScene(fixture.store);
  // Other mail, so that the rows of the chunks lie in pages as they come.
  await addMessage(scene, `${header}${noise(1500)}`);
  const { uid } = await addMessage(scene, text);
  const [message] = await readSome(fixture.store, scene.inbox, Uint32Array.of(uid));
  const change = (sql: string, ...values: (number | Uint8Array)[]) => {
    const database = new Database(join(fixture.dataDirectory, 'mail.db'), 'writer');
    try {
      return database.rows<[number, Uint8Array]>(sql, ...values);
    } finally {
      database.close();
    }
  };
  const range = `id BETWEEN ${message!.bodyId} * 65536 AND ${message!.bodyId} * 65536 + 65535`;
  return {
    scene,
    bodyId: message!.bodyId,
    damage: () => {
      for (const [id, bytes] of change(`SELECT id, bytes FROM chunks WHERE ${range}`)) {
        const damaged = Uint8Array.from(bytes);
        damaged[damaged.length >> 1]! ^= 1;
        change('UPDATE chunks SET bytes = ? WHERE id = ? RETURNING id', damaged, id);
      }
    },
    forgetChecks: () => void change(`UPDATE chunks SET crc32 = NULL WHERE ${range} RETURNING id`),
  };
}

async function readPart({ scene, bodyId }: Damaged, start: number, end: number): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of scene.store.readBody(bodyId, start, end)) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}

for (const [name, text] of Object.entries(bodies)) {
  await t.test(`a part of a body that is damaged: ${name}`, async (t) => {
    const body = await makeBody(t, text);
    const places = [
      [0, 10],
      [0, text.length - 1],
      [1, text.length],
      [text.length - 10, text.length],
      [text.length >> 1, (text.length >> 1) + 100],
    ] as const;
    for (const [start, end] of places) {
      t.equal(await readPart(body, start, end), text.slice(start, end), 'while it is whole');
    }
    body.damage();
    for (const [start, end] of places) {
      await refuses(t, readPart(body, start, end), 'CORRUPTION');
    }
    await refuses(t, readPart(body, 0, Infinity), 'CORRUPTION');
  });
}

await t.test('rows from before there were checks are read without', async (t) => {
  const text = bodies['several chunks']!;
  const body = await makeBody(t, text);
  body.forgetChecks();
  t.equal(await readPart(body, 1, 100_000), text.slice(1, 100_000));
  body.damage();
  t.equal((await readPart(body, 1, 100_000)).length, 99_999);
  await refuses(t, readPart(body, 0, Infinity), 'CORRUPTION');
});

await t.test('a header that is damaged', async (t) => {
  const body = await makeBody(t, bodies['a small text']!);
  const read = () => readSome(body.scene.store, body.scene.inbox, Uint32Array.of(2), ['header']);
  t.equal(
    Buffer.from((await read())[0]!.header!)
      .toString()
      .slice(0, 10),
    'Subject: a',
  );
  body.damage();
  await refuses(t, read(), 'CORRUPTION');
});
