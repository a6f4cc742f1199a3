import { readdir, readFile } from 'node:fs/promises';

/** Clock ticks a second in /proc, which Linux fixes for programs (`getconf CLK_TCK`). */
const ticksPerSecond = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  /** In user and kernel mode, of all its threads and of the children that it has waited for. */
  readonly cpuMs: number;
}

/**
 * CPU time that a process and all below it have used, in milliseconds, children that have ended included.
 * The kernel tells it in steps of 10 ms.
 */
export async function treeCpuMs(rootPid: number): Promise<number> {
  const tree = await processTree(rootPid);
  return tree.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
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
  // See proc_pid_stat(5): fields 4 (ppid) and 14 to 17 (utime, stime, cutime, cstime); the first here is field 3.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return {
    pid: Number(name),
    parentPid: Number(fields[1]),
    cpuMs: (ticks * 1000) / ticksPerSecond,
  };
}
