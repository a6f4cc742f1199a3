// Migrates a store, in a process of its own, and tells what that took of time and memory.
import { readFileSync } from 'node:fs';
import { serveLoad } from './load-process.ts';

export interface MigrationReport {
  /** From the first step to the last; without the opening of the store. */
  readonly ms: number;
  /** CPU of the process, in user and kernel mode. */
  readonly cpuMs: number;
  /** Most that the process has had in memory (VmHWM), mapped files included, before the store's code was loaded. */
  readonly bareBytes: number;
  /** The same at the end of the migration. */
  readonly peakBytes: number;
  /** Most at one of the steps: without mapped files (RssAnon), and these alone (RssFile). */
  readonly anonymousBytes: number;
  readonly fileBytes: number;
  readonly fromVersion: number;
  readonly toVersion: number;
}

const actions = {
  async migrate(dataDirectory: string): Promise<MigrationReport> {
    const bareBytes = memory('VmHWM');
    const { openSqliteStore } = await import('../../../store/sqlite/open.ts');
    let [startMs, endMs, fromVersion, toVersion] = [0, 0, 0, 0];
    let cpu = process.cpuUsage();
    let [peakBytes, anonymousBytes, fileBytes] = [0, 0, 0];
    const store = await openSqliteStore({
      dataDirectory,
      backsUp: false,
      onMigration: (event) => {
        anonymousBytes = Math.max(anonymousBytes, memory('RssAnon'));
        fileBytes = Math.max(fileBytes, memory('RssFile'));
        if (event.kind === 'began') {
          ({ fromVersion, toVersion } = event);
          startMs = performance.now();
          cpu = process.cpuUsage();
        } else if (event.kind === 'ended') {
          endMs = performance.now();
          cpu = process.cpuUsage(cpu);
          peakBytes = memory('VmHWM');
        }
      },
    });
    await store.close();
    const cpuMs = (cpu.user + cpu.system) / 1000;
    const bytes = { bareBytes, peakBytes, anonymousBytes, fileBytes };
    return { ms: endMs - startMs, cpuMs, ...bytes, fromVersion, toVersion };
  },
};

export type StoreMigrator = typeof actions;

serveLoad(actions);

function memory(name: 'VmHWM' | 'RssAnon' | 'RssFile'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}
