import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { DiskFaults, skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';

const options = { skip: skipsDiskFaults, timeout: 280_000 };

t.setTimeout(280_000);

/** Runs a program on a disk that it makes fail; what it writes at its end. */
async function runFaulty(t: Test, name: string, ...argv: readonly string[]): Promise<string> {
  const dataDirectory = makeDataDirectory(t);
  using faults = new DiskFaults(dataDirectory);
  const { environment } = faults;
  const program = fileURLToPath(new URL(name, import.meta.url));
  const { code, stdout, stderr } = await runProgram(
    process.execPath,
    [program, dataDirectory, ...argv],
    { environment: { ...environment, TMPDIR: dataDirectory }, deadlineMs: 270_000 },
  );
  t.equal(code, 0, stderr);
  t.comment(`${faults.failedCount} calls failed`);
  return stdout.toString();
}

await t.test('a disk that fails at any call of any step loses nothing', options, async (t) => {
  const failedCount = Number(await runFaulty(t, 'faulty-script.ts', '200'));
  t.ok(failedCount > 60, 'many steps failed');
});

await t.test(
  'a change that fails between its slices tells what it has done',
  options,
  async (t) => {
    const told = (await runFaulty(t, 'faulty-slices.ts')).split(' ').map(Number);
    const [roundCount, partCount] = told as [number, number];
    t.ok(partCount > 50, `${partCount} of ${roundCount} were done in part`);
  },
);

await t.test('clients are told what was done of a command that fails', options, async (t) => {
  const told = (await runFaulty(t, 'faulty-sessions.ts')).split(' ').map(Number);
  const [roundCount, partCount] = told as [number, number];
  t.ok(partCount > 30, `${partCount} of ${roundCount} were done in part`);
});

await t.test('a log that cannot be written back is told, and loses nothing', options, async (t) => {
  t.ok(Number(await runFaulty(t, 'faulty-write-back.ts')) > 0);
});
