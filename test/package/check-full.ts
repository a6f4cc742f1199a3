// All checks, also those that take too long for `npm run check`: hours on two cores. Run by `npm run check:full`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The multi-session model test; `npm run check` has 12,000 steps of one seed. */
const modelRuns = [
  ...['1', '1001', '2001'].map((seed) => ['--seed', seed, '--workers', '0']),
  ...['1', '1001', '2001'].map((seed) => ['--seed', seed, '--workers', '2']),
  ['--seed', '1', '--store', 'memory'],
].map((options) => ['model', '--steps', '200000', ...options]);

/** An hour of CPU time for each part that reads what clients send. */
const fuzzRuns = ['reader', 'decoder', 'grammars', 'inflate'].map(
  (target) => ['fuzz', '--target', target, '--seconds', '3600'] as const,
);

/** Scripts of package.json with their arguments; the short ones first. */
const runs: readonly (readonly string[])[] = [
  ['check'],
  ['check:session-cache', 'test/fixtures/example-session-cache.ts'],
  ['check:package'],
  ['check:resumption'],
  ['check:clean-clone'],
  ['power-loss'],
  ...modelRuns,
  ...fuzzRuns,
  ['soak'],
];

const failed: string[] = [];
for (const [script = '', ...argv] of runs) {
  const name = ['npm run', script, ...argv].join(' ');
  console.log(`# ${name}`);
  const startedAt = performance.now();
  const child = spawn('npm', ['run', '--silent', script, '--', ...argv], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`# ${name}: ${code === 0 ? 'passed' : `failed with ${code}`} after ${seconds} s`);
  if (code !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '# all passed' : `# failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
