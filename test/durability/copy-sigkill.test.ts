import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Database } from '../../store/sqlite/database.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import {
  addMessage,
  addMessages,
  makeScene,
  multiply,
  readChanges,
  readStates,
  requireMailbox,
} from '../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';

const program = fileURLToPath(new URL('./copy-in-slices.ts', import.meta.url));

/** In slices of four, each of which waits for the disk: longer than the test needs to see that it is under way. */
const messageCount = 4_000;

t.setTimeout(120_000);

await t.test('a copy that is killed in the middle leaves nothing', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const first = await openSqliteStore({ dataDirectory });
  const scene = await makeScene(first);
  await addMessages(scene, ['1', '2', '3']);
  await multiply(scene, messageCount);
  const archive = await requireMailbox(first, scene.accountId, 'Archive');
  await addMessages(scene, ['there'], { box: archive });
  const before = await first.readStatus(archive);
  await first.close();

  const reader = new Database(join(dataDirectory, 'mail.db'), 'reader');
  t.teardown(() => reader.close());
  const readRow = () =>
    reader.row<[number, number]>(
      `SELECT count(*), (SELECT uid_next FROM mailboxes WHERE id = ?1)
       FROM messages WHERE mailbox_id = ?1`,
      archive.mailboxId,
    )!;
  const child = spawn(process.execPath, [program, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const closed = once(child, 'close');
  // Ends: the copy writes slices, or the process ends.
  while (readRow()[0] < 200 && child.exitCode === null) await setTimeout(5);
  child.kill('SIGKILL');
  await closed;
  t.equal(output, '', 'it was not done');
  const [count, uidNext] = readRow();
  t.ok(count >= 200 && count < messageCount, `${count} messages are written`);
  t.equal(uidNext, before.uidNext);

  const store = await openSqliteStore({ dataDirectory });
  t.teardown(() => store.close());
  const { uid } = await addMessage({ ...scene, store }, 'next\r\n', { box: archive });
  t.same(
    (await readStates(store, archive)).map((state) => state.uid),
    [1, uid],
  );
  t.equal((await readChanges(store, archive)).messages.length, 2);
  t.equal((await store.readStatus(archive)).messageCount, 2);
  t.equal(readRow()[0], 2, 'nor is anything left that nobody sees');
  t.same(await store.checkIntegrity(), []);
  t.equal((await store.readStatus(scene.inbox)).messageCount, messageCount);
});
