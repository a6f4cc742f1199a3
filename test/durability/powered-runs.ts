import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import type { SqliteMailStore } from '../../store/sqlite/store.ts';
import { readVersionFile } from '../fixtures/data-directories/versions.ts';
import type { DiskRecord } from '../fixtures/disk-faults/disk-log.ts';
import { describeAccount, type MailboxScript } from './mailbox-script.ts';
import { copiedName } from './migrate-in-steps.ts';
import type { PoweredRun } from './power-loss.ts';
import { acknowledgedName, makeScripts } from './script-program.ts';
import { describeStore } from './store-content.ts';

const scriptProgram = fileURLToPath(new URL('script-program.ts', import.meta.url));
const migrationProgram = fileURLToPath(new URL('migrate-in-steps.ts', import.meta.url));

const scriptCount = 4;
/** Of each script. */
const stepCount = 60;

/**
 * Scripts at once, each in an account of its own: APPEND of small and of staged messages, STORE, COPY, MOVE and EXPUNGE in
 * slices, changes of mailboxes, and collecting. What is left must be as after the last step that was acknowledged, or the
 * one behind it; one that is made in slices may be done in part.
 */
export function makeScriptsRun(): PoweredRun {
  const counts = new Map<string, number>();
  const expected = describeSteps();
  return {
    argv: (dataDirectory) => [scriptProgram, dataDirectory, `${scriptCount}`, `${stepCount}`],
    acknowledgedName,
    hasBegun: true,
    noteAcknowledged: (record) => noteStep(counts, record),
    findFault: (dataDirectory) =>
      withStore(dataDirectory, async (store) => {
        for (const [name, states] of expected) {
          const count = counts.get(name) ?? 0;
          const found = await describeAccount(store, name);
          if (found === states[count] || found === states[count + 1]) continue;
          if (partsOf(name, count).has(found)) continue;
          const step = states.lastIndexOf(found);
          return `${name} is as after step ${step} of ${count} that are acknowledged:\n${found}`;
        }
        return undefined;
      }),
  };
}

/** What the account of each script holds, at first and after each of its steps. */
function describeSteps(): Map<string, string[]> {
  const scripts = makeScripts(scriptCount).map((script) => {
    const states = ['no account', script.describe()];
    for (let index = 0; index < stepCount; index++) {
      script.apply(script.next());
      states.push(script.describe());
    }
    return [script.name, states] as const;
  });
  return new Map(scripts);
}

function noteStep(counts: Map<string, number>, record: DiskRecord | undefined): void {
  if (record === undefined) counts.clear();
  if (record?.kind !== 'write') return;
  const name = record.data.toString('utf8').trim();
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** What the account may hold while the step behind those that were acknowledged, of which the account is one, is under way. */
function partsOf(name: string, acknowledgedCount: number): Set<string> {
  const parts = new Set<string>();
  // Ends: a step has a bounded number of messages.
  for (let partCount = 1; acknowledgedCount > 0; partCount++) {
    const script = replay(name, acknowledgedCount - 1);
    const step = script.next();
    if (step.kind !== 'flags' && step.kind !== 'move' && step.kind !== 'expunge') break;
    if (partCount >= step.uids.length) break;
    script.apply({ ...step, uids: step.uids.slice(0, partCount) });
    parts.add(script.describe());
  }
  return parts;
}

function replay(name: string, count: number): MailboxScript {
  const script = makeScripts(scriptCount).find((each) => each.name === name)!;
  for (let index = 0; index < count; index++) script.apply(script.next());
  return script;
}

/**
 * The migration of a store of version 1, in small transactions. Whatever is left of it is migrated to its end, and then holds
 * what it would without the loss.
 */
export function makeMigrationRun(): PoweredRun {
  let hasBegun = false;
  let expected: Promise<string> | undefined;
  const source = join(mkdtempSync(join(tmpdir(), 'reprise-version-')), 'mail.db');
  process.once('exit', () => rmSync(join(source, '..'), { recursive: true, force: true }));
  writeFileSync(source, readVersionFile(1));
  return {
    argv: (dataDirectory) => [migrationProgram, dataDirectory, source],
    acknowledgedName: copiedName,
    get hasBegun() {
      return hasBegun;
    },
    noteAcknowledged: (record) => {
      hasBegun = record !== undefined;
    },
    findFault: async (dataDirectory) => {
      expected ??= describeMigrated();
      const whole = await expected;
      return withStore(dataDirectory, async (store) => {
        const found = await describeStore(store);
        return found === whole ? undefined : `Its content is another: ${found}`;
      });
    },
  };
}

async function describeMigrated(): Promise<string> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'reprise-version-'));
  try {
    writeFileSync(join(dataDirectory, 'mail.db'), readVersionFile(1));
    let content = '';
    await withStore(dataDirectory, async (store) => {
      content = await describeStore(store);
      return undefined;
    });
    return content;
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

/** The first fault of the store, or else what is found in it. */
async function withStore(
  dataDirectory: string,
  findFault: (store: SqliteMailStore) => Promise<string | undefined>,
): Promise<string | undefined> {
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0, backsUp: false });
  try {
    const [fault] = await store.checkIntegrity();
    return fault ?? (await findFault(store));
  } finally {
    await store.close();
  }
}
