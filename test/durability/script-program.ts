// The program of a process that runs scripts on a store and takes note, in the data directory, of each step that the
// store has acknowledged.
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { someCredentials } from '../fixtures/mail-store-contract/store-steps.ts';
import { MailboxScript, perform } from './mailbox-script.ts';

/** Beside the files of the store; a line `script` for each step that was acknowledged, the account first. */
export const acknowledgedName = 'acknowledged';

const stepsBetweenCollecting = 15;

/** The scripts of a run, at once and each in an account of its own. */
export function makeScripts(count: number): MailboxScript[] {
  return Array.from({ length: count }, (_, seed) => new MailboxScript(`script${seed}`, seed));
}

/** Small ones, so that the log is written back, and begins anew, many times. */
const writeBack = { writeBackPages: 60, longLogPages: 240, lastPages: 30, maxLogPages: 480 };

async function run(dataDirectory: string, scriptCount: number, stepCount: number): Promise<void> {
  let nowMs = 1_700_000_000_000;
  // A minute passes with each look at the clock, so that there is something to collect.
  const clock = () => (nowMs += 60_000);
  const slices = { stepMessages: 2, sliceMs: 0 };
  const options = { dataDirectory, collectIntervalMs: 0, clock, slices, writeBack };
  const store = await openSqliteStore(options);
  const acknowledged = openSync(join(dataDirectory, acknowledgedName), 'ax');
  const runScript = async (script: MailboxScript) => {
    const { id } = await store.createAccount(script.name, someCredentials);
    writeSync(acknowledged, `${script.name}\n`);
    for (let step = 0; step < stepCount; step++) {
      const next = script.next();
      await perform(store, id, next);
      writeSync(acknowledged, `${script.name}\n`);
      script.apply(next);
      if (step % stepsBetweenCollecting === 0) await store.collect();
    }
  };
  await Promise.all(makeScripts(scriptCount).map(runScript));
  await store.close();
}

const [, program, dataDirectory, scriptCount, stepCount] = process.argv;
if (program === import.meta.filename) {
  await run(dataDirectory!, Number(scriptCount), Number(stepCount));
}
