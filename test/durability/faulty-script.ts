// The program of a process that runs a script on a disk that fails again and again, at each of the calls that a step
// makes. It throws if the store is not, after each step, as the answer to the step says.
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { StoreError } from '../../store/mail-store.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import {
  type CallKind,
  type DiskFault,
  FaultControl,
} from '../fixtures/disk-faults/fault-control.ts';
import { someCredentials } from '../fixtures/mail-store-contract/store-steps.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { describeAccount, MailboxScript, perform } from './mailbox-script.ts';

const codes = {
  ENOSPC: 'OVERQUOTA',
  EROFS: 'UNAVAILABLE',
  EIO: 'UNAVAILABLE',
  EDQUOT: 'OVERQUOTA',
} as const;
const faults = Object.keys(codes) as DiskFault[];

/** A full disk is told by what takes space. */
function kindsOf(fault: DiskFault): { readonly kinds?: readonly CallKind[] } {
  return codes[fault] === 'OVERQUOTA' ? { kinds: ['write', 'truncate', 'create'] } : {};
}

/** How many calls pass at most before one fails; a step makes fewer, but for those with large messages. */
const maxPassing = 24;

async function run(dataDirectory: string, controlPath: string, stepCount: number): Promise<void> {
  const control = new FaultControl(controlPath);
  let store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  const script = new MailboxScript('alice', 1);
  const { id } = await store.createAccount(script.name, someCredentials);
  const random = new SeededRandom(1);
  let failedCount = 0;
  for (let index = 0; index < stepCount; index++) {
    const step = script.next();
    const fault = random.pick(faults);
    control.fail(fault, { passing: random.below(maxPassing), ...kindsOf(fault) });
    const error = await perform(store, id, step).catch((reason: unknown) => reason);
    if (error !== undefined) {
      failedCount++;
      if (!(error instanceof StoreError)) throw error;
      assert.equal(error.code, codes[fault], `${step.kind}: ${error.message}`);
      assert.doesNotMatch(error.message, /\//, 'no path is told');
      // With the fault still there: reading goes on.
      assert.equal(await describeAccount(store, 'alice'), script.describe(), step.kind);
      control.mend();
      await perform(store, id, step);
    }
    control.mend();
    script.apply(step);
    assert.equal(await describeAccount(store, 'alice'), script.describe(), step.kind);
    if (index % 50 !== 49) continue;
    await store.close();
    store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    assert.equal(await describeAccount(store, 'alice'), script.describe(), 'opened again');
  }
  await store.collect();
  assert.deepEqual(await store.checkIntegrity(), []);
  await store.close();
  // What was told is written.
  await wait(0);
  console.log(failedCount);
}

const [, program, dataDirectory, stepCount] = process.argv;
if (program === import.meta.filename) {
  await run(dataDirectory!, process.env['DISK_FAULTS_CONTROL']!, Number(stepCount));
}
