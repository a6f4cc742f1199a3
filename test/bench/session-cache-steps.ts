// A million sessions arrive in a segment cache, expire, are purged by account and whole, and are evicted from a smaller
// one. Prints the longest
// single step of each kind, and the delay of the event loop beside that of a process that does nothing at the
// same time. Ends with 1 where the cache is out of its bounds.
//
//   node test/bench/session-cache-steps.ts [sessions] [seconds for the event loop]
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { type PurgeOwner, SegmentSessionCache } from '../../tls/index.ts';
import type { DelayReport } from '../fixtures/loop-delay.ts';
import { StepTimes } from '../fixtures/step-times.ts';

const program = join(import.meta.dirname, '../fixtures/loop-delay.ts');
const sessionCount = Number(process.argv[2] ?? 1_000_000);
const secondCount = Number(process.argv[3] ?? 20);
const runCount = 6;
/** What a step may take, of CPU; how much more delay than in an idle process there may be. */
const mostStepMs = 1;
const mostDelayMs = 2;

const lifetimeMs = 3_600_000;
const ids = randomBytes(32 * sessionCount);
let nowMs = 0;
const clock = (): number => nowMs;

/** The same steps in each run: the session that comes next is promoted and looked up. */
async function arrive(times: StepTimes, kind: string, cache: SegmentSessionCache): Promise<void> {
  const session = new Uint8Array(131);
  for (let index = 0; index < sessionCount; index++) {
    const id = ids.subarray(32 * index, 32 * index + 32);
    session.set(id, 20);
    const options = { expiresAt: nowMs + lifetimeMs };
    await times.time(`put, ${kind}`, () => cache.put(id, session, options));
    if (index % 8 > 0) await times.time(`promote, ${kind}`, () => cache.promote([id], 'alice'));
    await times.time(`get, ${kind}`, () => cache.get(id));
  }
}

/** A purge of most of the sessions, from its call on: each turn of the event loop has one step of it. */
async function purgeSteps(times: StepTimes, kind: string, owner: PurgeOwner): Promise<void> {
  const cache = new SegmentSessionCache({ maxBytes: 2 ** 30, lifetimeMs, clock });
  const session = new Uint8Array(131);
  for (let index = 0; index < sessionCount; index++) {
    const id = ids.subarray(32 * index, 32 * index + 32);
    session.set(id, 20);
    const account = index % 8 > 0 ? 'alice' : 'bob';
    await cache.put(id, session, { expiresAt: nowMs + lifetimeMs, account });
  }
  const stepTimes: number[] = [];
  let startMs = performance.now();
  let isOver = false;
  const purged = cache.purge(owner).finally(() => (isOver = true));
  stepTimes.push(performance.now() - startMs);
  while (!isOver) {
    startMs = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    stepTimes.push(performance.now() - startMs);
  }
  for (const ms of stepTimes) times.add(`purge, ${kind}`, ms);
  if ((await purged) < sessionCount / 2) throw new Error('Too few were purged');
  await cache.close();
}

async function runSteps(times: StepTimes): Promise<void> {
  times.begin();
  const large = new SegmentSessionCache({ maxBytes: 2 ** 30, lifetimeMs, clock });
  await arrive(times, 'room for all', large);
  nowMs += lifetimeMs;
  while (times.time('expiry', () => large.expire()));
  const { entryCount, removed } = large.stats();
  if (entryCount > 0 || removed.expired === 0) throw new Error('Not all have expired');
  await large.close();
  await purgeSteps(times, 'account', { account: 'alice' });
  await purgeSteps(times, 'all', 'all');
  const small = new SegmentSessionCache({ maxBytes: 2 ** 24, lifetimeMs, clock });
  await arrive(times, 'evicting', small);
  if (small.stats().removed.evicted === 0) throw new Error('None was evicted');
  await small.close();
}

function startDelay(mode: 'sessions' | 'idle') {
  return fork(program, [mode, String(sessionCount), String(secondCount)]);
}

async function measureDelays(): Promise<{ sessions: DelayReport; idle: DelayReport }> {
  const [sessions, idle] = [startDelay('sessions'), startDelay('idle')];
  await once(sessions, 'message');
  const reports = [sessions, idle].map(async (child) => {
    const report = once(child, 'message');
    child.send('enough');
    return (await report)[0] as DelayReport;
  });
  return { sessions: (await reports[0])!, idle: (await reports[1])! };
}

const times = new StepTimes(sessionCount);
for (let run = 0; run < runCount; run++) await runSteps(times);
let longestMs = 0;
for (const [kind, figures] of Object.entries(times.report())) {
  console.log(
    `${kind.padEnd(24)}${String(figures.stepCount).padStart(8)} steps, the longest ` +
      `${figures.longestMs.toFixed(3)} ms (any run: ${figures.longestAnyMs.toFixed(3)} ms)`,
  );
  longestMs = Math.max(longestMs, figures.longestMs);
}
const delays = await measureDelays();
for (const [name, { p50, p99, p999 }] of Object.entries(delays)) {
  const figures = [p50, p99, p999].map((ms) => ms.toFixed(2).padStart(7)).join(' ');
  console.log(`loop delay, ${name.padEnd(12)} p50, p99, p99.9: ${figures} ms`);
}
const isGood = longestMs <= mostStepMs && delays.sessions.p999 - delays.idle.p999 <= mostDelayMs;
console.log(isGood ? 'within the bounds' : 'out of the bounds');
process.exitCode = isGood ? 0 : 1;
