/**
 * Fuzzing from the command line: what the clients of all transcripts say, spoilt again and again, is given to the parts that
 * read it.
 *
 *     npm run fuzz -- --target grammars --seconds 3600 --seed 1
 *
 * | option | what it does |
 * |---|---|
 * | `--target T` | `reader` (bytes to events, however they are cut), `decoder` (its rules in any order), `grammars` (each command of the table), `inflate` (against zlib); absent: all, one after another |
 * | `--seconds N` | CPU time for each target (default 60) |
 * | `--count N` | so many mutations for each target instead |
 * | `--seed S` | of the first mutation; each other one has the next (default 1) |
 *
 * Right is: nothing is thrown but CommandError and InflateError, what is held stays within its bounds, what is read does not
 * outgrow its bytes, and it is the same however the bytes are cut. A finding ends the run of its target: it is printed with
 * its seed, which finds it again with `--count 1`, and with the smallest input that was found for it.
 *
 * To see that faults are found, some are planted in planted-faults.test.ts.
 */
import { parseArgs } from 'node:util';
import { fuzzOnce, type Finding } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { makeTargets } from './targets.ts';

/** Between two lines that say how far it has come, in milliseconds of CPU time. */
const progressMs = 60_000;
/** The clock is not asked each time. */
const roundCount = 100;

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    count: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const targets = makeTargets().filter(
  ({ name }) => values.target === undefined || name === values.target,
);
if (targets.length === 0) throw new Error(`Cannot find the target "${values.target}"`);
for (const target of targets) if (!run(target, Number(values.seed))) process.exitCode = 1;

/** True if nothing was found. */
function run(target: FuzzTarget, firstSeed: number): boolean {
  const maxCount = values.count === undefined ? Infinity : Number(values.count);
  const maxMs = values.count === undefined ? Number(values.seconds) * 1000 : Infinity;
  const startMs = cpuMs();
  let toldMs = startMs;
  let peakHeapBytes = 0;
  for (let count = 0; ; count++) {
    const nowMs = count % roundCount === 0 ? cpuMs() : toldMs;
    const isOver = count >= maxCount || nowMs - startMs >= maxMs;
    if (count % roundCount === 0) {
      peakHeapBytes = Math.max(peakHeapBytes, process.memoryUsage().heapUsed);
    }
    if (isOver || nowMs - toldMs >= progressMs) {
      const minutes = ((nowMs - startMs) / 60_000).toFixed(1);
      const heap = `${(peakHeapBytes / 1024 / 1024).toFixed(0)} MiB of heap at most`;
      console.log(`${target.name}: ${count} mutations, ${minutes} CPU minutes, ${heap}`);
      toldMs = nowMs;
    }
    if (isOver) return true;
    const finding = fuzzOnce(target, firstSeed + count);
    if (finding !== undefined) {
      report(target, finding);
      return false;
    }
  }
}

function report({ name }: FuzzTarget, { seed, reason, input }: Finding): void {
  console.log(`${name}: found with --target ${name} --seed ${seed} --count 1`);
  console.log(reason);
  console.log(`${input.length} bytes: ${JSON.stringify(input.toString('latin1'))}`);
  console.log(`in hexadecimal: ${input.toString('hex')}`);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
