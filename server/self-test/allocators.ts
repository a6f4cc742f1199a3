import { globSync, readFileSync } from 'node:fs';

/** Libraries by what their path contains, those first that take the place of the system's own. */
const libraries = [
  ['libjemalloc', 'jemalloc'],
  ['libtcmalloc', 'tcmalloc'],
  ['libmimalloc', 'mimalloc'],
  ['ld-musl', 'musl'],
  ['libc.so.6', 'glibc'],
] as const;

/** Where distributions put jemalloc. */
const jemallocPaths = ['/usr/lib/*/libjemalloc.so.2', '/usr/lib{64,}/libjemalloc.so.2'];

/** The path of jemalloc; undefined if it is not installed. */
export function findJemalloc(): string | undefined {
  return globSync(jemallocPaths)[0];
}

/** `MALLOC_CONF` as the container image sets it. */
export const jemallocSettings = 'background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0';

/** The name of the allocator that this process runs with; `unknown` if the system does not tell. */
export function allocatorName(): string {
  let maps: string;
  try {
    maps = readFileSync('/proc/self/maps', 'latin1');
  } catch {
    return 'unknown';
  }
  return libraries.find(([mark]) => maps.includes(mark))?.[1] ?? 'unknown';
}

/** The environment of this process, then those in which a process has another allocator, if there is one. */
export function allocatorEnvironments(): readonly NodeJS.ProcessEnv[] {
  const { LD_PRELOAD: preload, ...plain } = process.env;
  if (preload !== undefined && preload !== '') return [process.env, plain];
  const jemalloc = findJemalloc();
  if (jemalloc === undefined) return [process.env];
  const preloaded = { ...process.env, LD_PRELOAD: jemalloc, MALLOC_CONF: jemallocSettings };
  return [process.env, preloaded];
}
