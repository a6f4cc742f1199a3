import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'major'; execution: 'async' }) => Promise<void>;

let collect: Collect | undefined;

/**
 * Collects the garbage of this thread's heap, soon, in one step of some ten milliseconds, and settles when that is
 * done. V8 itself does it when something is allocated, so that a server that nobody visits any more would keep
 * what its visitors have left.
 */
export function collectGarbage(): Promise<void> {
  collect ??= findCollect();
  return collect({ type: 'major', execution: 'async' });
}

/** V8 shows its collector to programs only where a flag says so when a context is made. */
function findCollect(): Collect {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as Collect;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
