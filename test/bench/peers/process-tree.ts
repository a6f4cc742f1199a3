import { readdir, readFile } from 'node:fs/promises';

/** Clock ticks a second in /proc, which Linux fixes for programs (`getconf CLK_TCK`). */
const ticksPerSecond = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  /** In user and kernel mode, of the children that it has waited for, in steps of 10 ms. */
  readonly childrenCpuMs: number;
}

/**
 * CPU time that a process and all below it have used, in user and kernel mode, in milliseconds: of the threads that they
 * have now, and of the child processes that have ended, which the kernel tells in steps of 10 ms.
 */
export async function treeCpuMs(rootPid: number): Promise<number> {
  const tree = await processTree(rootPid);
  const times = tree.map(async ({ pid, childrenCpuMs }) => {
    return (await threadsCpuMs(pid)) + childrenCpuMs;
  });
  return (await Promise.all(times)).reduce((sum, ms) => sum + ms, 0);
}

/**
 * Proportional set size of a process and all below it, in bytes: what they have in memory, of shared pages their share.
 */
export async function treePssBytes(rootPid: number): Promise<number> {
  const sizes = (await processTree(rootPid)).map(async ({ pid }) => {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '');
    return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
  });
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}

/** Ends a process and all below it at once: workers of a master that is killed would stay. */
export async function killTree(rootPid: number): Promise<void> {
  for (const { pid } of await processTree(rootPid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** A process and all below it. */
async function processTree(rootPid: number): Promise<readonly ProcessStat[]> {
  const names = await readdir('/proc');
  const stats = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(readStat));
  const all = stats.filter((stat) => stat !== undefined);
  const tree = all.filter(({ pid }) => pid === rootPid);
  for (const { pid } of tree) tree.push(...all.filter(({ parentPid }) => parentPid === pid));
  return tree;
}

/** Undefined where the process has ended. */
async function readStat(name: string): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => undefined);
  // The command in parentheses may hold anything, so what follows begins at the last one.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined) return undefined;
  // See proc_pid_stat(5): fields 4 (ppid), 16 and 17 (cutime, cstime); the first here is field 3.
  const childrenTicks = Number(fields[13]) + Number(fields[14]);
  return {
    pid: Number(name),
    parentPid: Number(fields[1]),
    childrenCpuMs: (childrenTicks * 1000) / ticksPerSecond,
  };
}

/** Of the threads that a process has now, to the nanosecond; 0 if it has ended. */
async function threadsCpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const times = threads.map(async (thread) => {
    const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').catch(() => '0');
    return Number(text.split(' ', 1)[0]) / 1e6;
  });
  return (await Promise.all(times)).reduce((sum, ms) => sum + ms, 0);
}
