// A process of its own in which as many sessions arrive as fit into so many bytes, and expire by the cache's own timer.
// Prints what became of memory as JSON.
import { randomFillSync } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { SegmentSessionCache, steadyClock } from '../../tls/index.ts';
import { boundYoungGeneration, collectGarbage } from '../threads/heap.ts';
import { allocatorName } from './allocators.ts';
import type { MemoryResult } from './report.ts';

/** What OpenSSL serializes of a TLS 1.3 session without client certificate, and the byte that we put before it. */
const sessionBytes = 131;

/** What a session takes with its place in the index. */
const bytesPerSession = 180;

/** What may stay: a part of what has come, or else the bytes that allocators and heaps differ by from one time to the next. */
const keptShare = 0.1;
const keptBytes = 6 * 1024 * 1024;

/** For memory to come back once all have expired, in milliseconds. */
const settleMs = 5_000;
const pollMs = 100;

/** Between two of these other things get their turn, the expiry among them. */
const sessionsPerTurn = 1_024;

async function fill(cache: SegmentSessionCache, count: number, expiresAt: number): Promise<void> {
  const id = new Uint8Array(32);
  const session = new Uint8Array(sessionBytes);
  for (let index = 0; index < count; index++) {
    randomFillSync(id);
    session.set(id, 20);
    await cache.put(id, session, { expiresAt });
    await cache.promote([id], `account ${index % 500}`);
    if (index % sessionsPerTurn === 0) await nextTurn();
  }
}

async function run(maxBytes: number): Promise<MemoryResult> {
  boundYoungGeneration(true);
  const count = Math.floor(maxBytes / bytesPerSession);
  // With room to spare: none is to leave before its time.
  const cache = new SegmentSessionCache({ maxBytes: 2 * maxBytes, lifetimeMs: 600_000 });
  const startedAt = steadyClock();
  // What a process needs for its first sessions it keeps: those of a first round are not measured.
  await fill(cache, count, startedAt + 600_000);
  const fillMs = steadyClock() - startedAt;
  await cache.purge('all');
  await collectGarbage();
  const beforeBytes = process.memoryUsage.rss();
  // All are to be there before the first one expires, on a busy machine too.
  const expiresAt = steadyClock() + 500 + 1.5 * fillMs;
  await fill(cache, count, expiresAt);
  const sessions = cache.stats().entryCount;
  const fullBytes = process.memoryUsage.rss();
  await delay(expiresAt - steadyClock());
  const result = await settled({ sessions, beforeBytes, fullBytes }, cache);
  await cache.close();
  return result;
}

/** The result as soon as it is good, or else when memory has had its time to come back. */
async function settled(
  start: Pick<MemoryResult, 'sessions' | 'beforeBytes' | 'fullBytes'>,
  cache: SegmentSessionCache,
): Promise<MemoryResult> {
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    await delay(pollMs);
    await collectGarbage();
    const { entryCount, heldBytes } = cache.stats();
    const measured = { ...start, heldBytes, afterBytes: process.memoryUsage.rss() };
    const result = { ...measured, isPassed: false, allocator: allocatorName() };
    const isPassed = entryCount === 0 && isBack(result);
    if (!isPassed && waitedMs < settleMs) continue;
    if (isPassed) return { ...result, isPassed };
    const reason =
      entryCount === 0 ? 'too little has come back' : `${entryCount} sessions have not expired`;
    return { ...result, reason };
  }
}

function isBack({ beforeBytes, fullBytes, afterBytes }: MemoryResult): boolean {
  const mayStay = Math.max(keptBytes, keptShare * (fullBytes - beforeBytes));
  return afterBytes - beforeBytes <= mayStay;
}

console.log(JSON.stringify(await run(Number(process.argv[2]))));
