import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DiskFaults, skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';

const program = fileURLToPath(new URL('faulty-script.ts', import.meta.url));
const options = { skip: skipsDiskFaults, timeout: 280_000 };

t.setTimeout(280_000);

await t.test('a disk that fails at any call of any step loses nothing', options, async (t) => {
  const dataDirectory = makeDataDirectory(t);
  using faults = new DiskFaults(dataDirectory);
  const { environment } = faults;
  const argv = [program, dataDirectory, '200'];
  const deadlineMs = 270_000;
  const { code, stdout, stderr } = await runProgram(process.execPath, argv, {
    environment,
    deadlineMs,
  });
  t.equal(code, 0, stderr);
  t.comment(`${faults.failedCount} calls failed`);
  t.ok(Number(stdout.toString()) > 60, 'many steps failed');
});
