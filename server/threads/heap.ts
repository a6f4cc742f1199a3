// The JavaScript heap of a process that serves for months: what keeps it small.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

interface Collect {
  (options: { readonly type: 'major'; readonly execution: 'async' }): Promise<void>;
  (options: { readonly type: 'minor' }): void;
}

let collect: Collect | undefined;

/** First size of half a young generation: twice V8's own, since a visit then costs a worker a tenth less CPU. */
const semiSpaceMb = 2;

/**
 * Keeps the young generation of each thread's heap at its first size; V8 would let it grow to 64 MiB under load, in every
 * thread, and give little of it back. What a connection leaves behind is short-lived, so frequent collections of a small
 * one cost little. Applies to the whole process; the first size only to threads that start later.
 *
 * @param servesHere - true if this thread, which has started, is the one that serves
 */
export function boundYoungGeneration(servesHere: boolean): void {
  if (servesHere) growYoungGeneration();
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString(`--min-semi-space-size=${semiSpaceMb}`);
}

/**
 * V8 lets the young generation of a heap grow, to twice its size, only when much of it survives a collection. So this
 * takes a few rounds, of some hundred KiB and a millisecond each; their number is bounded for a V8 that does not grow it.
 */
function growYoungGeneration(): void {
  collect ??= findCollect();
  const survivors: object[] = [];
  // Less than the full size counts, since each of its pages has a header.
  for (let round = 0; round < 8 && youngBytes() < 0.9 * semiSpaceMb * 2 ** 20; round++) {
    for (let number = 0; number < 20_000; number++) survivors.push({ number });
    collect({ type: 'minor' });
  }
}

/** What this thread can allocate between two collections of its young generation, in bytes. */
export function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return (young?.space_used_size ?? 0) + (young?.space_available_size ?? 0);
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

/**
 * V8 shows its collector to programs only if a flag says so when a context is made. The flag is the process's: another
 * thread that looks for its collector at the same time may take it away, so this may take a few attempts.
 */
function findCollect(): Collect {
  for (let attempt = 0; attempt < 100; attempt++) {
    setFlagsFromString('--expose-gc');
    try {
      const found = runInNewContext('globalThis.gc') as Collect | undefined;
      if (found !== undefined) return found;
    } finally {
      setFlagsFromString('--no-expose-gc');
    }
  }
  // To collect early is a help and no more; V8 collects by itself.
  return () => Promise.resolve();
}
