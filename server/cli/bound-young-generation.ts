import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the young generation of the heap at the size that it has, some MiB; V8 would let it grow to 64 under load,
 * in every thread, and give little of it back. What a connection leaves behind is short-lived, so that more
 * frequent collections of a small one cost little. For the whole process, threads that start later included.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
