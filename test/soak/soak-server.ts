// The server of a soak, in a process of its own. Its parent asks for samples and moves its clock.
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { makeCredentials } from '../../server/authentication/make-credentials.ts';
import { readConfiguration } from '../../server/config/read-configuration.ts';
import { createServer } from '../../server/create-server.ts';
import { createLogger } from '../../server/logging.ts';
import { allocatorName } from '../../server/self-test/allocators.ts';
import { callInThread } from '../../server/threads/call-in-thread.ts';
import { boundYoungGeneration } from '../../server/threads/heap.ts';
import { collectWhenQuiet, trimWhenQuiet } from '../../server/threads/quiet-watch.ts';
import { steadyClock } from '../../tls/time.ts';
import { TlsHandshake } from '../../tls/handshake.ts';
import { collectInThreads } from './collect-in-threads.ts';
import { makeControlCache, soakCacheBytes, type SoakCacheKind } from './soak-cache.ts';

export interface SoakServerOptions {
  readonly cacheKind: SoakCacheKind;
  readonly lifetimeSeconds: number;
  /** 0: one thread does everything, and its clock can be moved. */
  readonly workerCount: number;
  readonly accounts: readonly { readonly name: string; readonly password: string }[];
}

export interface SoakServerPorts {
  readonly imapPort: number;
  readonly imapsPort: number;
}

/** What the parent may ask; each is answered by one message. */
export type SoakRequest = 'sample' | 'count' | 'collect' | 'expire' | 'stop';

/** The server at one moment. */
export interface ServerSample {
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** Outside V8's heap: buffers, segments. */
  readonly arrayBufferBytes: number;
  readonly entryCount: number;
  readonly usedBytes: number;
  readonly heldBytes: number;
  /** Sockets that the process has open for clients; 0 where the system does not tell. */
  readonly socketCount: number;
}

/** Objects of connections that the main thread can still reach after a full garbage collection. */
export interface ReachableCounts {
  readonly handshakes: number;
  /** Those of TLS included; whatever keeps a connection keeps its socket. */
  readonly sockets: number;
}

/** Of argon2's own memory the allocator keeps so much that a leak could hide in it. */
const cheapCost = { argon2: { memoryKiB: 64, passes: 1, parallelism: 1 }, scramIterations: 4096 };

const options = JSON.parse(process.argv[2] ?? '{}') as SoakServerOptions;
const lifetimeMs = options.lifetimeSeconds * 1000;
let skippedMs = 0;
// A clock cannot be sent to workers.
const clock = options.workerCount > 0 ? steadyClock : () => steadyClock() + skippedMs;
const control = makeControlCache(options.cacheKind, lifetimeMs, clock);

// As `reprise serve` does. Without workers the soak does not rest for long, so the server looks more often.
boundYoungGeneration(options.workerCount === 0);
collectWhenQuiet(1_000);
if (options.workerCount > 0) trimWhenQuiet();
else trimWhenQuiet(2_500);

const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-soak-'));
const server = await createServer({
  configuration: readConfiguration({
    environment: {
      REPRISE_DATA: dataDirectory,
      REPRISE_HOST: '127.0.0.1',
      REPRISE_IMAP_PORT: '0',
      REPRISE_IMAPS_PORT: '0',
      REPRISE_SESSION_CACHE: control === undefined ? options.cacheKind : 'memory',
      REPRISE_SESSION_CACHE_BYTES: String(soakCacheBytes),
      REPRISE_SESSION_LIFETIME: String(options.lifetimeSeconds),
      REPRISE_LOG_LEVEL: 'warn',
      REPRISE_WORKERS: String(options.workerCount),
      REPRISE_ADMIN_PORT: '-1',
    },
  }),
  logger: createLogger({ level: 'warn' }),
  clock,
  ...(control !== undefined && { sessionCache: control.cache }),
});
for (const { name, password } of options.accounts) {
  await server.store.createAccount(name, await makeCredentials(password, cheapCost));
}

/** Those it listens on, that to its parent, and the ones that each worker opens for itself. */
const ownSocketCount = await countOwnSockets();

const answers: Record<Exclude<SoakRequest, 'stop'>, () => unknown> = {
  sample,
  count,
  collect,
  expire: () => {
    skippedMs += lifetimeMs;
    control?.expire();
  },
};

process.on('message', (request: SoakRequest) => {
  if (request === 'stop') void stop();
  else void answer(request);
});
process.once('disconnect', () => process.exit());
const ports: SoakServerPorts = { imapPort: server.imapPort, imapsPort: server.imapsPort };
process.send?.({ answer: ports });

/** What remains is what is used, and what the allocator keeps. */
async function collect(): Promise<number> {
  const threadCount = await collectInThreads();
  // Others give back by themselves.
  if (allocatorName() === 'glibc') await callInThread('trimAllocator', undefined);
  return threadCount;
}

async function answer(request: Exclude<SoakRequest, 'stop'>): Promise<void> {
  process.send?.({ answer: (await answers[request]()) ?? null });
}

async function stop(): Promise<void> {
  await server.close({ deadlineMs: 1_000 });
  await rm(dataDirectory, { recursive: true, force: true });
  process.disconnect?.();
}

function sample(): ServerSample {
  const memory = process.memoryUsage();
  const { entryCount, usedBytes, heldBytes } = server.sessionCache.stats();
  return {
    residentBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    arrayBufferBytes: memory.arrayBuffers,
    entryCount,
    usedBytes,
    heldBytes,
    socketCount: countSockets() - ownSocketCount,
  };
}

/** Workers open some of theirs when the server listens already: waits until there are no more for a while. */
async function countOwnSockets(): Promise<number> {
  let count = countSockets();
  for (let unchanged = 0; unchanged < 20; unchanged++) {
    await sleep(100);
    const now = countSockets();
    if (now !== count) unchanged = 0;
    count = now;
  }
  return count;
}

/** Those of all threads. */
function countSockets(): number {
  const directory = '/proc/self/fd';
  if (!existsSync(directory)) return 0;
  return readdirSync(directory).filter((name) => isSocket(join(directory, name))).length;
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    // It has been closed since.
    return false;
  }
}

function count(): ReachableCounts {
  const countOf = (constructor: Parameters<typeof queryObjects>[0]): number =>
    queryObjects(constructor, { format: 'count' });
  return {
    handshakes: countOf(TlsHandshake),
    sockets: countOf(Socket),
  };
}
