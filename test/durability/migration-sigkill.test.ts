import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Database } from '../../store/sqlite/database.ts';
import { schemaVersion } from '../../store/sqlite/schema/migration.ts';
import { schemaSteps } from '../../store/sqlite/schema/schema.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { makeVersionDirectory } from '../fixtures/data-directories/versions.ts';
import { describeStore } from './store-content.ts';

const program = fileURLToPath(new URL('./migrate-in-steps.ts', import.meta.url));

t.setTimeout(120_000);

/** Kills the process after so many of its steps; false if it comes to its end before. */
async function isKilledAfter(dataDirectory: string, stepCount: number): Promise<boolean> {
  const child = spawn(process.execPath, [program, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString();
    if (output.split('progress\n').length > stepCount) child.kill('SIGKILL');
  });
  const [code, signal] = (await closed) as [number | null, string | null];
  if (signal === null && code !== 0) throw new Error(`The migration ended with ${code}`);
  return signal === 'SIGKILL';
}

/** Where the migration is: a version, and a position in the step to it. */
function readPlace(dataDirectory: string): { version: number; isUnderWay: boolean } {
  const database = new Database(join(dataDirectory, 'mail.db'), 'reader');
  try {
    const tables = database.rows("SELECT name FROM sqlite_schema WHERE name = 'migration'");
    return { version: schemaVersion(database), isUnderWay: tables.length > 0 };
  } finally {
    database.close();
  }
}

async function readContent(dataDirectory: string): Promise<string> {
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0, backsUp: false });
  try {
    await store.collect();
    const faults = await store.checkIntegrity();
    return [...faults, await describeStore(store)].join('\n');
  } finally {
    await store.close();
  }
}

await t.test('a migration that is killed again and again goes on where it was', async (t) => {
  const [whole, killed] = [makeVersionDirectory(t, 1), makeVersionDirectory(t, 1)];
  const expected = await readContent(whole);
  const versions = new Map<number, number>();
  // Ends: each process comes some steps further.
  while (await isKilledAfter(killed, 2)) {
    const { version } = readPlace(killed);
    versions.set(version, (versions.get(version) ?? 0) + 1);
  }
  const told = `killed at versions ${[...versions].join(' ')}`;
  t.ok((versions.get(9) ?? 0) > 3, told);
  t.ok((versions.get(12) ?? 0) > 0, told);
  t.same(readPlace(killed), { version: schemaSteps.length, isUnderWay: false });
  t.equal(await readContent(killed), expected);
});
