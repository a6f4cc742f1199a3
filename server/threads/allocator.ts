/**
 * Lets glibc give back to the system the free pages between those that are in use, in some ten milliseconds; the threads whose
 * memory it goes through wait for it. By itself it keeps them: after a storm of connections as much again as the server needs,
 * and none of the settings that it reads from the environment (MALLOC_ARENA_MAX, MALLOC_TRIM_THRESHOLD_, …) changes that.
 *
 * Returns whether there were any: false too if the C library is another one, and in a Node without `node:ffi` (before 26.9,
 * or with `--no-experimental-ffi`). Call it in a thread of its own, where a warning that the module is new bothers nobody.
 *
 * @see https://man7.org/linux/man-pages/man3/malloc_trim.3.html
 */
export function trimAllocator(): boolean {
  try {
    const { dlopen } = process.getBuiltinModule('node:ffi');
    const { functions } = dlopen('libc.so.6', {
      malloc_trim: { return: 'int32', arguments: ['uint64'] },
    });
    return functions.malloc_trim(0n) === 1;
  } catch {
    return false;
  }
}
