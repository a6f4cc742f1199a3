import t from 'tap';
import { skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import type { DiskRecord } from '../fixtures/disk-faults/disk-log.ts';
import { cutPower, type PoweredRun, recordRun } from './power-loss.ts';
import { makeMigrationRun, makeScriptsRun } from './powered-runs.ts';

t.setTimeout(280_000);

/** Images that are opened, of the thousands that `npm run power-loss` opens. */
const sampleSize = 81;
const controlSize = 21;
const migrationSize = 31;

const options = { skip: skipsDiskFaults, timeout: 280_000 };

async function sample(records: readonly DiskRecord[], run: PoweredRun, size: number) {
  const found = await cutPower(records, run, { everyNth: Math.floor(records.length / size) });
  return { ...found, comment: `${records.length} writes and syncs, ${found.imageCount} images` };
}

await t.test('a loss of power', options, async (t) => {
  const run = makeScriptsRun();
  const records = await recordRun(run);
  const writeBacks = records.filter(({ kind, path }) => kind === 'sync' && path === 'mail.db');
  t.ok(writeBacks.length > 10, `the log was written back ${writeBacks.length} times`);

  await t.test('takes nothing that was acknowledged', async (t) => {
    const { imageCount, losses, comment } = await sample(records, run, sampleSize);
    t.comment(comment);
    t.ok(imageCount >= sampleSize);
    t.same(losses, []);
  });

  await t.test('takes it if the file is not synced before the log begins anew', async (t) => {
    const ignoresSyncs = (path: string) => path === 'mail.db';
    const everyNth = Math.floor(records.length / controlSize);
    const { imageCount, losses } = await cutPower(records, run, { everyNth, ignoresSyncs });
    t.comment(`${losses.length} of ${imageCount} images lose something`);
    t.ok(losses.length > imageCount / 4);
  });

  // Without these controls the test above would pass if it could not see a loss at all.
  await t.test('takes it if the log is not synced', async (t) => {
    const ignoresSyncs = (path: string) => path.endsWith('-wal');
    const everyNth = Math.floor(records.length / controlSize);
    const { imageCount, losses } = await cutPower(records, run, { everyNth, ignoresSyncs });
    t.comment(`${losses.length} of ${imageCount} images lose something`);
    // One in four images keeps everything, synced or not.
    t.ok(losses.length > imageCount / 4);
  });
});

await t.test('a loss of power during a migration', options, async (t) => {
  const run = makeMigrationRun();
  const records = await recordRun(run);

  await t.test('takes nothing', async (t) => {
    const { imageCount, losses, comment } = await sample(records, run, migrationSize);
    t.comment(comment);
    t.ok(imageCount > migrationSize / 2);
    t.same(losses, []);
  });

  await t.test('takes mail if the file is not synced', async (t) => {
    const ignoresSyncs = (path: string) => path === 'mail.db';
    const everyNth = Math.floor(records.length / controlSize);
    const { imageCount, losses } = await cutPower(records, run, { everyNth, ignoresSyncs });
    t.comment(`${losses.length} of ${imageCount} images lose something`);
    t.ok(losses.length > imageCount / 4);
  });
});
