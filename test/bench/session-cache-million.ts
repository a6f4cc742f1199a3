// A million sessions arrive and expire, five times (the controls: three), by the cache's own timer; nothing is forced. Prints what
// a session takes, and how far resident memory is from a warm start two seconds after the last deadline.
// Ends with 1 where the segment cache is out of its bounds, or a control within them.
//
//   node test/bench/session-cache-million.ts [sessions]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { MillionReport } from '../fixtures/million-sessions.ts';
import { findJemalloc } from '../../server/self-test/allocators.ts';

const program = join(import.meta.dirname, '../fixtures/million-sessions.ts');
const sessionCount = Number(process.argv[2] ?? 1_000_000);
const mebibyte = 1024 ** 2;
/** What a session may take, index included, and how far from a warm start the quiet points may be. */
const mostBytesEach = 200;
const mostQuietBytes = 8 * mebibyte;

const jemalloc = findJemalloc();
const allocators: Record<string, Record<string, string>> = {
  glibc: {},
  ...(jemalloc !== undefined && { jemalloc: { LD_PRELOAD: jemalloc } }),
};
if (jemalloc === undefined) console.log('jemalloc is skipped: libjemalloc2 is not installed');

async function run(
  kind: string,
  roundCount: number,
  variables: Record<string, string>,
): Promise<MillionReport> {
  const words = [program, kind, String(sessionCount), String(roundCount)];
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`The process with "${kind}" has ended with ${code}`);
  return JSON.parse(output) as MillionReport;
}

/** Whether the cache was within its bounds from the second round on. */
function print(name: string, { warmBytes, rounds }: MillionReport): boolean {
  const later = rounds.slice(1);
  const quiet = later.map(({ quietBytes }) => quietBytes - warmBytes);
  const resident = later.map(({ fullBytes }) => (fullBytes - warmBytes) / sessionCount);
  const held = later.map(({ heldBytes }) => heldBytes / sessionCount);
  console.log(
    [
      name.padEnd(20),
      `${Math.max(...resident).toFixed(0)} bytes resident each,`.padStart(30),
      `${Math.max(...held).toFixed(0)} held;`.padStart(10),
      `warm ${(warmBytes / mebibyte).toFixed(1)} MiB,`.padStart(18),
      `then ${quiet.map((bytes) => `${bytes < 0 ? '' : '+'}${(bytes / mebibyte).toFixed(1)}`).join(' ')}`,
    ].join(' '),
  );
  return Math.max(...resident) <= mostBytesEach && Math.max(...quiet) <= mostQuietBytes;
}

let isGood = true;
for (const [allocator, variables] of Object.entries(allocators)) {
  const wanted = print(`segments, ${allocator}`, await run('segments', 5, variables));
  const controls: boolean[] = [];
  for (const kind of ['dropped', 'map']) {
    controls.push(print(`${kind}, ${allocator}`, await run(kind, 3, variables)));
  }
  isGood &&= wanted && !controls.includes(true);
}
console.log(isGood ? 'within the bounds, and the controls are not' : 'out of the bounds');
process.exitCode = isGood ? 0 : 1;
