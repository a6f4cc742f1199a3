// 200,000 sessions come and expire, five times over, with small native allocations between them: the memory
// that the cache took is back with the system after each round. Two caches that lose it must fail here.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const program = join(import.meta.dirname, '../fixtures/session-cache-rounds.ts');

/** A warm start, and one figure after each round, in MiB. */
interface Figures {
  readonly start: number;
  readonly rounds: readonly number[];
}

async function measure(kind: 'segments' | 'dropped' | 'map', rounds: number): Promise<Figures> {
  // V8 neither enlarges its young generation nor leaves work to threads that a busy machine delays: what is
  // measured is the memory of the cache.
  const flags = ['--expose-gc', '--max-semi-space-size=1', '--single-threaded'];
  // The test runner has every process load its hooks, which take more memory than the cache: `env` takes the
  // variable away that it puts there when a process is started.
  const command = [process.execPath, ...flags, program, kind, '200000', String(rounds)];
  const { stdout } = await promisify(execFile)('env', ['-u', 'NODE_OPTIONS', ...command]);
  const [start, ...figures] = JSON.parse(stdout) as number[];
  return { start: start!, rounds: figures };
}

/*
 * Resident memory is noisy: the allocator and V8 give back or take some MiB of their own at any time, the more
 * so on a busy machine. What a cache loses of 30 MiB in each round is beyond that, in every attempt. So the
 * segments have three attempts, and a control must stand out in the one that it has.
 */
const attempts = 3;
const sinceFirstBound = 4;
const sinceStartBound = 12;

/** Whether the last round ends where the first did; a first round below the warm start is no base. */
function givesBack({ start, rounds }: Figures): boolean {
  const last = rounds.at(-1)!;
  return last - Math.max(rounds[0]!, start) <= sinceFirstBound && last - start <= sinceStartBound;
}

/** How far memory was above the warm start after the worst round. */
function worstGrowth({ start, rounds }: Figures): number {
  return Math.max(...rounds) - start;
}

await t.test('SegmentSessionCache gives its memory back, in every round', async (t) => {
  const measured: Figures[] = [];
  do measured.push(await measure('segments', 5));
  while (!givesBack(measured.at(-1)!) && measured.length < attempts);
  t.ok(givesBack(measured.at(-1)!), `${JSON.stringify(measured)} MiB`);
  t.equal(measured.at(-1)!.rounds.length, 5);
});

await t.test('segments that are merely dropped fail here', async (t) => {
  const dropped = await measure('dropped', 3);
  t.notOk(givesBack(dropped), `${JSON.stringify(dropped)} MiB`);
  t.ok(worstGrowth(dropped) > sinceStartBound, `${JSON.stringify(dropped)} MiB`);
});

await t.test('a Map of Buffers fails here', async (t) => {
  const map = await measure('map', 2);
  t.notOk(givesBack(map), `${JSON.stringify(map)} MiB`);
  t.ok(worstGrowth(map) > 4 * sinceStartBound, `${JSON.stringify(map)} MiB`);
});
