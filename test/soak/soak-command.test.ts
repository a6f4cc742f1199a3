// The command, with so few connections that their memory says nothing.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runProgram } from '../fixtures/run-program.ts';

t.setTimeout(240_000);
t.jobs = 3;

const few =
  '--allocator system --connections 150 --warm-up 0 --cycles 3 --lifetime 12 --settle 0 --minutes 0';

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function soak(t: Test, argv: string): Promise<Result> {
  const result = await runProgram(process.execPath, ['test/soak/soak.ts', ...argv.split(' ')], {
    cwd: join(import.meta.dirname, '../..'),
    deadlineMs: 200_000,
  });
  const stdout = result.stdout.toString();
  t.comment(stdout);
  return { ...result, stdout };
}

async function makeDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-soak-command-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

for (const cache of ['memory', 'tickets']) {
  void t.test(`${cache} passes`, { buffered: true }, async (t) => {
    const output = await makeDirectory(t);
    const { code, stdout } = await soak(
      t,
      `${few} --cache ${cache} --max-slope 100000000 --half-width 100000000 --output ${output}`,
    );
    t.equal(code, 0);
    t.match(stdout, 'Passed');
    const name = join(output, `${cache}-system`);
    t.match(await readFile(`${name}.svg`, 'utf8'), '</svg>');
    const report = JSON.parse(await readFile(`${name}.json`, 'utf8')) as Record<string, unknown>;
    t.match(report, {
      faults: [],
      line: { slope: Number },
      environment: { node: process.version },
    });
    t.equal((report['quietPoints'] as unknown[]).length, 3);
  });
}

void t.test('a control fails', { buffered: true }, async (t) => {
  const output = await makeDirectory(t);
  const { code, stdout } = await soak(t, `${few} --cache never-frees --output ${output}`);
  t.equal(code, 1);
  t.match(stdout, /^FAULT: 0 sessions have 0 bytes and hold \d+ after/m);
  t.match(stdout, 'Failed');
});

void t.test('arguments that are wrong', { buffered: true }, async (t) => {
  for (const [argv, text] of [
    ['--cache file', 'memory, map, never-frees, tickets, off'],
    ['--mix tls12=200', 'Cannot read "tls12=200" of the mix'],
    ['--connections many', 'whole number'],
  ] as const) {
    const { code, stderr } = await soak(t, argv);
    t.equal(code, 1);
    t.match(stderr, text);
  }
});
