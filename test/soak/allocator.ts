import { findJemalloc, jemallocSettings } from '../../server/self-test/allocators.ts';

/** `jemalloc`, set as the container image sets it; `system`: whatever the process would use. */
export const allocators = ['jemalloc', 'system'] as const;

export type Allocator = (typeof allocators)[number];

/**
 * The environment in which a process uses the allocator.
 *
 * @throws Error if it is not installed
 */
export function allocatorEnvironment(allocator: Allocator): Readonly<Record<string, string>> {
  if (allocator === 'system') return {};
  const library = findJemalloc();
  if (library === undefined) {
    throw new Error(
      'Install jemalloc (libjemalloc2 in Debian), or measure with --allocator system',
    );
  }
  return { LD_PRELOAD: library, MALLOC_CONF: jemallocSettings };
}
