// The program of a process whose disk does not let the log be written back to the file while a large message comes. It
// throws if health is not told, if a change is lost, or if one fails that only needs the log.
import assert from 'node:assert/strict';
import type { StoreProblem } from '../../store/opened-store.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { type CallKind, FaultControl } from '../fixtures/disk-faults/fault-control.ts';
import { largeMessageChunks } from '../fixtures/mail-generator.ts';
import { addMessage, makeScene, readUids } from '../fixtures/mail-store-contract/store-steps.ts';
import { until } from '../fixtures/until.ts';

const sizeBytes = 40_000_000;

async function run(dataDirectory: string, controlPath: string): Promise<void> {
  const control = new FaultControl(controlPath);
  const problems: (StoreProblem | undefined)[] = [];
  const options = { dataDirectory, collectIntervalMs: 0 };
  const store = await openSqliteStore({ ...options, onProblem: (told) => problems.push(told) });
  const scene = await makeScene(store);
  await addMessage(scene, 'Subject: before\r\n\r\n');
  const draft = store.beginMessage();
  // What is staged needs no sync, so that only those of the other thread fail.
  const kinds: readonly CallKind[] = ['sync'];
  control.fail('EIO', { kinds });
  for (const chunk of largeMessageChunks(sizeBytes)) await draft.write(chunk);
  await until(() => problems.length > 0);
  assert.deepEqual(problems, ['failing']);
  assert.deepEqual([...(await readUids(store, scene.inbox))], [1], 'reading goes on');
  control.mend();
  await until(() => problems.length > 1);
  assert.deepEqual(problems, ['failing', undefined]);
  const internalDate = { epochMs: 0, zoneMinutes: 0 };
  await draft.addTo(scene.inbox, { flags: [], internalDate });
  await addMessage(scene, 'Subject: after\r\n\r\n');
  await store.close();
  const reopened = await openSqliteStore(options);
  assert.deepEqual([...(await readUids(reopened, scene.inbox))], [1, 2, 3]);
  assert.deepEqual(await reopened.checkIntegrity(), []);
  await reopened.close();
  console.log(control.failedCount);
}

const [, program, dataDirectory] = process.argv;
if (program === import.meta.filename) {
  await run(dataDirectory!, process.env['DISK_FAULTS_CONTROL']!);
}
