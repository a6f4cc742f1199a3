// What a store answers from a file in which bytes were changed: what was stored, or an error, never less or something else.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import type { MailStore } from '../../../store/mail-store.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import {
  addMessage,
  addMessages,
  makeScene,
  readAll,
  readBytes,
  readSome,
  readUids,
  refuses,
  requireMailbox,
  type StoredMessage,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { makeDataDirectory, makeSqliteStore } from '../../fixtures/sqlite-store.ts';

t.setTimeout(120_000);

const pageBytes = 4096;
const messageCount = 200;

function bodyOf(index: number): Buffer {
  const text = `Body number ${index} of many.\r\n`;
  const head = Buffer.from(`From: a@example.com\r\nSubject: ${index}\r\n\r\n`);
  return Buffer.concat([head, Buffer.alloc(index === 0 ? 200_000 : 400, text)]);
}

/** A store that was closed, with some messages in INBOX; its directory. */
async function makeStore(t: Test): Promise<string> {
  const dataDirectory = makeDataDirectory(t);
  const store = await openSqliteStore({ dataDirectory });
  const scene = await makeScene(store);
  for (let index = 0; index < messageCount; index++) await addMessage(scene, bodyOf(index));
  await store.close();
  return dataDirectory;
}

/** UIDs and bodies of all messages that the store says are in INBOX. */
async function readInbox(store: MailStore): Promise<string> {
  const account = await store.findAccount('alice');
  if (account === undefined) throw new Error('The account is gone');
  const inbox = await requireMailbox(store, account.id, 'INBOX');
  const messages = await readAll(store, inbox, ['envelope', 'usualFields']);
  const bodies = await readTogether(store, messages);
  const lines: string[] = [];
  for (const [index, { uid, bodyId }] of messages.entries()) {
    const bytes = await readBytes(store, bodyId);
    const together = Buffer.from(bodies[index] ?? bytes);
    lines.push(`${uid} ${bytes.toString('base64')} ${together.toString('base64')}`);
  }
  return lines.join('\n');
}

async function readTogether(
  store: MailStore,
  messages: readonly StoredMessage[],
): Promise<(Uint8Array | undefined)[]> {
  const bodies: (Uint8Array | undefined)[] = [];
  const bodyIds = Float64Array.from(messages, ({ bodyId }) => bodyId);
  const sizeBytes = Uint32Array.from(messages, (message) => message.sizeBytes);
  for await (const group of store.readBodies({ bodyIds, sizeBytes })) bodies.push(...group);
  return bodies;
}

/** Numbers of the pages of a table, from 0. */
function pagesOf(dataDirectory: string, table: string): number[] {
  const database = new DatabaseSync(join(dataDirectory, 'mail.db'), { readOnly: true });
  const rows = database.prepare('SELECT pageno FROM dbstat WHERE name = ?').all(table);
  database.close();
  return rows.map(({ pageno }) => Number(pageno) - 1);
}

/** Opens a copy of the store with other bytes, and reads all of INBOX; the error if that fails. */
async function readChanged(
  t: Test,
  dataDirectory: string,
  change: (file: Buffer) => void,
): Promise<string | Error> {
  const copy = makeDataDirectory(t);
  const path = join(copy, 'mail.db');
  copyFileSync(join(dataDirectory, 'mail.db'), path);
  const file = readFileSync(path);
  change(file);
  writeFileSync(path, file);
  try {
    const store = await openSqliteStore({ dataDirectory: copy, collectIntervalMs: 0 });
    try {
      return await readInbox(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    return error as Error;
  }
}

const dataDirectory = await makeStore(t);
const store = await openSqliteStore({ dataDirectory });
const whole = await readInbox(store);
await store.close();

for (const table of ['state_pages', 'messages', 'bodies', 'body_texts', 'chunks']) {
  await t.test(`changed pages of ${table} hide no message`, { timeout: 120_000 }, async (t) => {
    const pages = pagesOf(dataDirectory, table);
    const random = new SeededRandom(1);
    const outcomes = { same: 0, refused: 0 };
    for (let round = 0; round < 16; round++) {
      const [start, other] = [random.pick(pages) * pageBytes, random.pick(pages) * pageBytes];
      const read = await readChanged(t, dataDirectory, (file) => {
        // As a write does that was lost, or went to another place, and as a broken disk does.
        if (round % 4 === 0) file.fill(0, start, start + pageBytes);
        else if (round % 4 === 1) file.copy(file, start, other, other + pageBytes);
        else if (round % 4 === 2) file.set(random.bytes(512), start + 512 * random.below(8));
        // A number in a row of a message has nothing to be checked with.
        else if (table !== 'messages') file[start + random.below(pageBytes)]! ^= 1;
      });
      if (read === whole) outcomes.same++;
      else if (read instanceof Error) outcomes.refused++;
      else t.fail(`round ${round}: ${read.split('\n').length} messages, or not the same`);
    }
    t.comment(outcomes);
    t.ok(outcomes.refused > 0);
  });
}

await t.test('a body that was changed is refused, also the second time', async (t) => {
  for (const [index, text] of [
    [0, 'Body number 0 of many'],
    [7, 'Body number 7 of many'],
  ] as const) {
    const copy = makeDataDirectory(t);
    const path = join(copy, 'mail.db');
    const file = readFileSync(join(dataDirectory, 'mail.db'));
    file[file.lastIndexOf(text)]! ^= 1;
    writeFileSync(path, file);
    const changed = await openSqliteStore({ dataDirectory: copy });
    t.teardown(() => changed.close());
    const inbox = await requireMailbox(changed, 1, 'INBOX');
    const messages = await readAll(changed, inbox);
    const bodyIds = messages.map(({ bodyId }) => bodyId);
    const together = await readTogether(changed, messages);
    // The first is too large for it.
    const left = together.flatMap((body, place) => (body === undefined ? [place] : []));
    t.same(left, index === 0 ? [0] : [0, index], 'a damaged one is not read with others');
    await refuses(t, readBytes(changed, bodyIds[index]!), 'CORRUPTION');
    // Not only at its end.
    const chunks = changed.readBody(bodyIds[index]!, 0, Infinity)[Symbol.asyncIterator]();
    await refuses(t, chunks.next(), 'CORRUPTION');
    t.same(await readBytes(changed, bodyIds[9]!), bodyOf(9));
  }
});

await t.test('a message of which the row is lost is neither passed over nor copied', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessages(scene, ['1', '2', '3', '4']);
  const { inbox, accountId } = scene;
  const archive = await requireMailbox(store, accountId, 'Archive');
  const uids = Uint32Array.of(1, 2, 3);
  const writer = new DatabaseSync(join(dataDirectory, 'mail.db'));
  writer.exec('DELETE FROM messages WHERE mailbox_id = 1 AND uid = 2');
  writer.close();
  await refuses(t, readSome(store, inbox, uids), 'CORRUPTION');
  await refuses(t, store.copyMessages(inbox, uids, archive), 'CORRUPTION');
  t.same([...(await readUids(store, archive))], []);
  t.equal((await readSome(store, inbox, Uint32Array.of(1, 3, 99))).length, 2);
  await store.storeFlags(inbox, uids, { mode: 'add', flags: ['\\Deleted'] });
  await store.expungeMessages(inbox, uids);
  t.same([...(await readUids(store, inbox))], [4], 'but it can be removed');
});
