import { setTimeout as delay } from 'node:timers/promises';
import { startServerProcess, type ServerProcessOptions } from '../fixtures/server-process.ts';

/** What a thread of a server has loaded. */
export interface ThreadModules {
  /** Its name; `main` for the main thread. */
  readonly thread: string;
  /** Modules of the project. */
  readonly ownCount: number;
  /** Modules of packages, by the package's name. */
  readonly packages: Readonly<Record<string, number>>;
  readonly heapBytes: number;
}

/** Loaded into every thread of a server: notes what is loaded after it, and tells at a signal. */
const noteModules = `
  import { registerHooks } from 'node:module';
  import { writeSync } from 'node:fs';
  import { getHeapStatistics } from 'node:v8';
  import { BroadcastChannel, isMainThread, threadName } from 'node:worker_threads';
  let ownCount = 0;
  const packages = {};
  registerHooks({
    load(url, context, next) {
      const name = /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
      if (name !== undefined) packages[name] = (packages[name] ?? 0) + 1;
      else if (url.startsWith('file:')) ownCount++;
      return next(url, context);
    },
  });
  const channel = new BroadcastChannel('modules');
  channel.unref();
  const tell = () => {
    const thread = isMainThread ? 'main' : threadName;
    const heapBytes = getHeapStatistics().used_heap_size;
    writeSync(2, JSON.stringify({ msg: 'modules', thread, ownCount, packages, heapBytes }) + '\\n');
  };
  channel.onmessage = tell;
  if (isMainThread) process.on('SIGUSR2', () => {
    channel.postMessage('tell');
    tell();
  });
`;

const settleMs = 3_000;

/** Starts a server, asks its threads what they have loaded before the first client, and stops it. */
export async function listThreadModules(
  options: ServerProcessOptions,
): Promise<readonly ThreadModules[]> {
  const server = await startServerProcess({
    ...options,
    nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(noteModules)}`],
  });
  try {
    await delay(settleMs);
    process.kill(server.pid, 'SIGUSR2');
    await delay(settleMs);
    return server.log
      .filter(({ msg }) => msg === 'modules')
      .map((line) => line as unknown as ThreadModules);
  } finally {
    await server.stop();
  }
}
