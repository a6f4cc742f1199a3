import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { MailStore } from '../../store/mail-store.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import {
  makeScene,
  readBytes,
  readSome,
  readUids,
  requireMailbox,
} from '../fixtures/mail-store-contract/store-steps.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';
import { numberedMessage, streamCount } from './append-streams.ts';

// That commits are synced is shown by power-loss.test.ts: the page cache outlives a process that is killed.
const program = fileURLToPath(new URL('./append-streams.ts', import.meta.url));

t.setTimeout(280_000);

await t.test('20 kills in the middle of 16 append streams', { timeout: 280_000 }, async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const store = await openSqliteStore({ dataDirectory });
  await makeScene(store);
  await store.close();
  const random = new SeededRandom(Date.now());
  let nextUid = 1;
  for (let round = 0; round < 20; round++) {
    // By turns the process kills itself right after an acknowledgement, and is killed at any moment.
    const kill =
      round % 2 === 0 ? { lastLine: 1 + random.below(80) } : { delayMs: random.below(250) };
    const lines = await runAndKill(dataDirectory, `${round}`, kill);
    t.ok(lines.length > 0, `round ${round}: killed after ${lines.length} acknowledgements`);
    nextUid = await checkStore(t, dataDirectory, lines, nextUid);
  }
});

/** Lines of the process, which dies after so many of them, or is killed so long after the first. */
async function runAndKill(
  dataDirectory: string,
  round: string,
  { lastLine = 0, delayMs = 60_000 }: { lastLine?: number; delayMs?: number },
): Promise<string[]> {
  const child = spawn(process.execPath, [program, dataDirectory, round, `${lastLine}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    output += text;
    timer ??= setTimeout(() => child.kill('SIGKILL'), delayMs);
  });
  await once(child, 'close');
  clearTimeout(timer);
  return output.split('\n').slice(0, -1);
}

/**
 * Checks the messages from `firstUid` on; the UID behind the last. Messages that no acknowledgement names may
 * be there, one for each stream, but whole.
 */
async function checkStore(
  t: Test,
  dataDirectory: string,
  acknowledged: readonly string[],
  firstUid: number,
): Promise<number> {
  const store = await openSqliteStore({ dataDirectory });
  try {
    t.same(await store.checkIntegrity(), []);
    const { found, nextUid } = await readNew(store, firstUid);
    const missing = acknowledged.filter((line) => !found.has(line));
    t.same(missing, [], 'every acknowledged message is there whole, under its UID');
    t.ok(found.size - acknowledged.length <= streamCount);
    t.notOk(
      [...found].some((line) => line.startsWith('broken')),
      'no message is there half',
    );
    return nextUid;
  } finally {
    await store.close();
  }
}

/** A line `name uid` for each message; `broken` if its bytes are not those of the name. */
async function readNew(
  store: MailStore,
  firstUid: number,
): Promise<{ found: Set<string>; nextUid: number }> {
  const account = await store.findAccount('alice');
  const inbox = await requireMailbox(store, account!.id, 'INBOX');
  const { uidNext } = await store.readStatus(inbox);
  const found = new Set<string>();
  const newUids = (await readUids(store, inbox)).filter((uid) => uid >= firstUid);
  for (const { uid, bodyId } of await readSome(store, inbox, newUids)) {
    const bytes = await readBytes(store, bodyId);
    const name = /^Subject: (.*)\r\n/.exec(bytes.toString('latin1', 0, 100))?.[1] ?? '';
    found.add(`${bytes.equals(numberedMessage(name)) ? name : 'broken'} ${uid}`);
  }
  return { found, nextUid: uidNext };
}
