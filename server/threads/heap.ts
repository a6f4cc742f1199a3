// The JavaScript heap of a process that serves for months: what keeps it small.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'major'; execution: 'async' }) => Promise<void>;

let collect: Collect | undefined;

/**
 * Keeps the young generation of each thread's heap at its first size; V8 would let it grow to 64 MiB under load, in every
 * thread, and give little of it back. What a connection leaves behind is short-lived, so frequent collections of a small
 * one cost little. Applies to the whole process; the first size only to threads that start later.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  // Twice V8's own: a visit costs a worker a tenth less CPU, and larger ones bring hardly more.
  setFlagsFromString('--min-semi-space-size=2');
}

/**
 * Collects the garbage of this thread's heap soon, in one step of some ten milliseconds, and settles when that is
 * done. V8 itself collects only when something is allocated, so a server without visitors would keep what its
 * visitors have left.
 */
export function collectGarbage(): Promise<void> {
  collect ??= findCollect();
  return collect({ type: 'major', execution: 'async' });
}

/** V8 shows its collector to programs only if a flag says so when a context is made. */
function findCollect(): Collect {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as Collect;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
