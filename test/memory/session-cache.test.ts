// 300,000 sessions come and expire, twice, with small native allocations between them: the memory that the cache
// took is back with the system. Two caches that lose it are the controls.
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
  const command = [process.execPath, ...flags, program, kind, '300000', String(rounds)];
  const { stdout } = await promisify(execFile)('env', ['-u', 'NODE_OPTIONS', ...command]);
  const [start, ...figures] = JSON.parse(stdout) as number[];
  return { start: start!, rounds: figures };
}

/** How far memory is above the warm start, by the figure after a round. */
function growth({ start }: Figures, figure: number): number {
  return figure - start;
}

/*
 * Resident memory is noisy: the allocator and V8 give back or take some MiB of their own at any time. What a cache loses of
 * 40 MiB is beyond that, so each is judged beside one that loses it in the same run. The figures themselves are for the
 * bench session-cache-million.
 */
await t.test('SegmentSessionCache gives back what others lose', async (t) => {
  const segments = await measure('segments', 2);
  const dropped = await measure('dropped', 2);
  const map = await measure('map', 1);
  t.comment(JSON.stringify({ segments, dropped, map }));
  t.equal(segments.rounds.length, 2);
  const kept = growth(segments, segments.rounds.at(-1)!);
  const lost = [dropped, map].map((figures) => growth(figures, Math.max(...figures.rounds)));
  t.ok(kept < lost[0]! / 2, 'segments that are merely dropped stay');
  t.ok(kept < lost[1]! / 8, 'a Map of Buffers stays');
});
