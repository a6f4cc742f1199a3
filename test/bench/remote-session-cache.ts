// Prints what a lookup in a cache that another thread keeps costs, alone and under load:
//
//   node test/bench/remote-session-cache.ts [seconds]
import { randomBytes } from 'node:crypto';
import { MessageChannel, Worker } from 'node:worker_threads';
import { steadyClock } from '../../tls/time.ts';
import { RemoteSessionCache, SegmentSessionCache, type SessionCache } from '../../tls/index.ts';

const milliseconds = 1000 * Number(process.argv[2] ?? 3);
const sessionCount = 10_000;
const ids = Array.from({ length: sessionCount }, () => new Uint8Array(randomBytes(32)));
const { port1, port2 } = new MessageChannel();
const owner = new Worker(new URL('../fixtures/session-cache-thread.ts', import.meta.url), {
  workerData: { port: port2 },
  transferList: [port2],
});
const lifetimeMs = 3_600_000;
const caches: Record<string, SessionCache> = {
  'in this thread': new SegmentSessionCache({ maxBytes: 8 * 1024 * 1024, lifetimeMs }),
  'in another thread': new RemoteSessionCache(port1),
};

/** Lookups by so many at once: microseconds for each, waiting and of CPU in both threads. */
async function measure(name: string, cache: SessionCache, streamCount: number): Promise<void> {
  let count = 0;
  const start = performance.now();
  const cpu = process.cpuUsage();
  const stream = async () => {
    while (performance.now() - start < milliseconds) {
      const session = await cache.get(ids[count++ % sessionCount]!);
      if (session === undefined) throw new Error('The cache has lost a session');
      session.fill(0);
    }
  };
  await Promise.all(Array.from({ length: streamCount }, stream));
  const elapsedMicroseconds = (performance.now() - start) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  const figures = [elapsedMicroseconds / count, (user + system) / count]
    .map((figure) => figure.toFixed(1).padStart(8))
    .join(' µs each,');
  console.log(
    `${name.padEnd(18)}${String(streamCount).padStart(5)} at once:${figures} µs of CPU each`,
  );
}

for (const [name, cache] of Object.entries(caches)) {
  for (const id of ids) {
    const session = new Uint8Array(randomBytes(132));
    await cache.put(id, session, { expiresAt: steadyClock() + lifetimeMs, account: 'alice' });
  }
  for (const streamCount of [1, 16, 256]) await measure(name, cache, streamCount);
  await cache.close();
}
await owner.terminate();
