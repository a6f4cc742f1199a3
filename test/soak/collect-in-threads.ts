// Loaded into the main thread of the server under soak and into each of its workers, by --import: collects their garbage
// when the main thread asks for it. Workers inherit the argument; the store's writer does not, and makes little garbage.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

type ThreadMessage =
  | { readonly kind: 'started' | 'collected'; readonly threadId: number }
  | { readonly kind: 'collect' };

interface Collect {
  (options: { readonly type: 'major'; readonly flavor: 'last-resort' }): void;
}

/** A thread that has not answered by then has ended. */
const answerDeadlineMs = 10_000;

const collect = findCollect();
const channel = new BroadcastChannel('soak-collect');
channel.unref();
/** Threads but the main one that have started and not ended. */
const threadIds = new Set<number>();
const missing = new Set<number>();
let onAllCollected: (() => void) | undefined;

channel.addEventListener('message', ({ data }) => {
  const message = data as ThreadMessage;
  if (isMainThread) hear(message);
  else if (message.kind === 'collect') {
    collectHere();
    tell({ kind: 'collected', threadId });
  }
});
if (!isMainThread) tell({ kind: 'started', threadId });

/**
 * Collects all garbage of the main thread and of its workers, and gives empty pages back to the system too. Call it in the
 * main thread. Returns how many threads have done so.
 */
export async function collectInThreads(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const id of threadIds) missing.add(id);
  onAllCollected = resolve;
  tell({ kind: 'collect' });
  collectHere();
  const deadline = setTimeout(resolve, answerDeadlineMs);
  if (missing.size > 0) await promise;
  clearTimeout(deadline);
  for (const id of missing) threadIds.delete(id);
  missing.clear();
  return 1 + threadIds.size;
}

function tell(message: ThreadMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  channel.postMessage(message);
}

function hear(message: ThreadMessage): void {
  if (message.kind === 'started') threadIds.add(message.threadId);
  if (message.kind !== 'collected') return;
  missing.delete(message.threadId);
  if (missing.size === 0) onAllCollected?.();
}

/** Twice: V8 chooses the pages that it empties by what the collection before has found on them. */
function collectHere(): void {
  for (let round = 0; round < 2; round++) collect({ type: 'major', flavor: 'last-resort' });
}

/** The flag is the process's, and the server's own threads take it away when they have found their collectors. */
function findCollect(): Collect {
  for (let attempt = 0; attempt < 100; attempt++) {
    setFlagsFromString('--expose-gc');
    const found = runInNewContext('globalThis.gc') as Collect | undefined;
    if (found !== undefined) return found;
  }
  throw new Error('Cannot find the garbage collector of V8');
}
