// Memory (PSS) of a server and all its processes before its first client:
//
//     npm run bench -- start-memory [workers] [J|glibc] [sources|compiled] [NAME=value of its environment …]
//
// With two workers, jemalloc as in the image (J) if it is installed, and what `npm start` runs, unless it says otherwise.
// The node that runs it is a copy, which no other process has in memory: PSS counts of what processes share only a part, so
// that it would be smaller the more of them run on the machine.
//
// At the end it tells what each thread has loaded, and its heap, in a server of its own.
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startServerProcess } from '../fixtures/server-process.ts';
import { findJemalloc } from '../../server/self-test/allocators.ts';
import { allocatorEnvironment } from '../soak/allocator.ts';
import { mebibyte, median, printFigure } from './figures.ts';
import { treePssBytes } from './peers/process-tree.ts';
import { environmentOf, positionalOf } from './settings.ts';
import { listThreadModules } from './thread-modules.ts';

const [workers = '2', allocatorName, form = 'compiled'] = positionalOf(process.argv.slice(2));
const roundCount = 3;
/** For what the start has left behind to be collected. */
const settleSeconds = [2, 10, 30];
const boundMiB = 120;

const root = resolve(import.meta.dirname, '../..');
const allocator = allocatorName === 'glibc' || findJemalloc() === undefined ? 'system' : 'jemalloc';
const compiled = 'dist/server/launch.js';
const entry = form === 'sources' ? 'server/launch.js' : compiled;
if (!existsSync(join(root, entry))) throw new Error(`${entry} is missing: run "npm run build"`);

const directory = await mkdtemp(join(tmpdir(), 'reprise-node-'));
const nodePath = join(directory, 'node');
const options = {
  entry,
  nodePath,
  environment: {
    REPRISE_WORKERS: workers,
    REPRISE_ADMIN_PORT: '0',
    ...allocatorEnvironment(allocator),
    ...environmentOf(process.argv.slice(2)),
  },
};
console.log(`${workers} workers, allocator: ${allocator}, ${entry}`);
try {
  await copyFile(process.execPath, nodePath);
  await measureMemory();
} finally {
  await rm(directory, { recursive: true, force: true });
}
for (const { thread, ownCount, packages, heapBytes } of await listThreadModules({
  ...options,
  nodePath: process.execPath,
})) {
  const names = Object.entries(packages).map(([name, count]) => `${name} ${count}`);
  const heap = (heapBytes / mebibyte).toFixed(1);
  console.log(`${thread}: heap ${heap} MiB, ${ownCount} modules of ours; ${names.join(', ')}`);
}

async function measureMemory(): Promise<void> {
  const totals = settleSeconds.map((): number[] => []);
  for (let round = 0; round < roundCount; round++) {
    const server = await startServerProcess(options);
    try {
      let waited = 0;
      for (const [index, seconds] of settleSeconds.entries()) {
        await delay((seconds - waited) * 1000);
        waited = seconds;
        totals[index]!.push((await treePssBytes(server.pid)) / mebibyte);
      }
    } finally {
      await server.stop();
    }
  }
  for (const [index, seconds] of settleSeconds.entries()) {
    const each = totals[index]!.map((total) => total.toFixed(1)).join(' ');
    printFigure(`${seconds} s after it listens (${each}), median`, median(totals[index]!), 'MiB', {
      atMost: boundMiB,
    });
  }
}
