import { treePssBytes } from './peers/process-tree.ts';

/** How often memory is looked at: a peak that is shorter may be missed. */
const intervalMs = 200;

export interface MemoryWatch {
  /** Ends the watch. */
  stop(): { readonly beforeBytes: number; readonly peakBytes: number };
}

/** Watches the memory (PSS) of a process and all below it, from now on. */
export async function watchMemory(pid: number): Promise<MemoryWatch> {
  const beforeBytes = await treePssBytes(pid);
  let peakBytes = beforeBytes;
  const timer = setInterval(() => {
    void treePssBytes(pid).then((bytes) => (peakBytes = Math.max(peakBytes, bytes)));
  }, intervalMs);
  return {
    stop: () => {
      clearInterval(timer);
      return { beforeBytes, peakBytes };
    },
  };
}
