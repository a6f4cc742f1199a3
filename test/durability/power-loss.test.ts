import t from 'tap';
import { skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { cutPower, recordScripts } from './power-loss.ts';

t.setTimeout(280_000);

/** Images that are opened, of those that `npm run power-loss` opens. */
const sampleSize = 81;
const controlSize = 21;

await t.test('a loss of power', { skip: skipsDiskFaults, timeout: 280_000 }, async (t) => {
  const run = { scriptCount: 4, stepCount: 60 };
  const records = await recordScripts(run);
  const everyNth = (size: number) => Math.floor(records.length / size);

  await t.test('takes nothing that was acknowledged', async (t) => {
    const { imageCount, losses } = await cutPower(records, run, { everyNth: everyNth(sampleSize) });
    t.comment(`${records.length} writes and syncs, ${imageCount} images`);
    t.ok(imageCount >= sampleSize);
    t.same(losses, []);
  });

  // Without this control the test above would pass if it could not see a loss at all.
  await t.test('takes it if the log is not synced', async (t) => {
    const ignoresSyncs = (path: string) => path.endsWith('-wal');
    const { imageCount, losses } = await cutPower(records, run, {
      everyNth: everyNth(controlSize),
      ignoresSyncs,
    });
    t.comment(`${losses.length} of ${imageCount} images lose something`);
    // One in four images keeps everything, synced or not.
    t.ok(losses.length > imageCount / 4);
  });
});
