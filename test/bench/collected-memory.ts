import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProcess } from '../fixtures/server-process.ts';
import { treePssBytes } from './peers/process-tree.ts';

/** Memory of a server after a collection of garbage in all its threads, in bytes. */
export interface CollectedMemory {
  /** Proportional set size of the process: also what the allocator and V8 keep for later, so it differs a little each time. */
  readonly pssBytes: number;
  /** Objects in the JavaScript heaps, and buffers: what the threads hold. */
  readonly heldBytes: number;
}

/** Loaded into every thread of a server: at a signal each collects its garbage and tells what it holds. */
const collectAtSignal = `
  import { writeSync } from 'node:fs';
  import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
  const channel = new BroadcastChannel('collect');
  channel.unref();
  const collect = () => {
    for (let round = 0; round < 3; round++) {
      globalThis.gc({ type: 'major', flavor: 'last-resort', execution: 'sync' });
    }
    const { heapUsed, external } = process.memoryUsage();
    writeSync(2, JSON.stringify({ msg: 'collected', threadId, heldBytes: heapUsed + external }) + '\\n');
  };
  channel.onmessage = collect;
  if (isMainThread) {
    process.on('SIGUSR2', () => {
      channel.postMessage('collect');
      collect();
    });
  }
`;

/** Options of node for a server that {@link collectMemory} can ask. */
export const collectingNodeOptions: readonly string[] = [
  '--expose-gc',
  '--import',
  `data:text/javascript,${encodeURIComponent(collectAtSignal)}`,
];

/** For the collection, and for the allocator, which gives back what was freed a little later. */
const settleMs = 3_000;

/** Collects the garbage of a server that was started with {@link collectingNodeOptions}. */
export async function collectMemory(server: ServerProcess): Promise<CollectedMemory> {
  let lineCount = 0;
  for (let round = 0; round < 3; round++) {
    lineCount = server.log.length;
    process.kill(server.pid, 'SIGUSR2');
    await delay(settleMs);
  }
  const held = server.log.slice(lineCount).filter(({ msg }) => msg === 'collected');
  return {
    pssBytes: await treePssBytes(server.pid),
    heldBytes: held.reduce((sum, line) => sum + Number(line['heldBytes']), 0),
  };
}
