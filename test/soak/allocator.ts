import { globSync } from 'node:fs';

/** `jemalloc`, set as the container image sets it; `system`: whatever the process would use. */
export const allocators = ['jemalloc', 'system'] as const;

export type Allocator = (typeof allocators)[number];

/** Where jemalloc is, if it is installed. */
export function findJemalloc(): string | undefined {
  return globSync('/usr/lib/*/libjemalloc.so.2')[0];
}

/**
 * The environment in which a process uses the allocator.
 *
 * @throws Error where it is not installed
 */
export function allocatorEnvironment(allocator: Allocator): Readonly<Record<string, string>> {
  if (allocator === 'system') return {};
  const library = findJemalloc();
  if (library === undefined) {
    throw new Error(
      'Install jemalloc (libjemalloc2 in Debian), or measure with --allocator system',
    );
  }
  return {
    LD_PRELOAD: library,
    MALLOC_CONF: 'background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0',
  };
}
