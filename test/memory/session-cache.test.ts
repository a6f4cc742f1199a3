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
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, program, kind, '200000', String(rounds)],
    // Without what the test runner hands down to be loaded.
    { env: { PATH: process.env['PATH'] } },
  );
  const [start, ...figures] = JSON.parse(stdout) as number[];
  return { start: start!, rounds: figures };
}

/**
 * How far the last round ends above the first one, and above the warm start. Now and then the allocator gives
 * back some MiB of its own after a round and takes them again in the next: a first round below the warm start
 * is no base to grow from.
 */
function growth({ start, rounds }: Figures): { sinceFirst: number; sinceStart: number } {
  const last = rounds.at(-1)!;
  return { sinceFirst: last - Math.max(rounds[0]!, start), sinceStart: last - start };
}

const sinceFirstBound = 4;
// Sessions take 30 MiB at a time; what a naive cache keeps of them is more than half.
const sinceStartBound = 12;

const [segments, dropped, map] = await Promise.all([
  measure('segments', 5),
  measure('dropped', 3),
  measure('map', 2),
]);

void t.test('SegmentSessionCache gives its memory back, in every round', async (t) => {
  const { sinceFirst, sinceStart } = growth(segments);
  t.equal(segments.rounds.length, 5);
  t.ok(sinceFirst <= sinceFirstBound, `${JSON.stringify(segments)} MiB`);
  t.ok(sinceStart <= sinceStartBound, `${JSON.stringify(segments)} MiB`);
});

void t.test('segments that are merely dropped fail here', async (t) => {
  t.ok(growth(dropped).sinceStart > sinceStartBound, `${JSON.stringify(dropped)} MiB`);
});

void t.test('a Map of Buffers fails here', async (t) => {
  t.ok(growth(map).sinceStart > 4 * sinceStartBound, `${JSON.stringify(map)} MiB`);
});
