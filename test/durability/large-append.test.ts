import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DiskFaults, skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { readDiskLog, type DiskRecord } from '../fixtures/disk-faults/disk-log.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';

const program = fileURLToPath(new URL('large-append.ts', import.meta.url));

t.setTimeout(120_000);

/**
 * Syncs of the log by which commits wait for the disk, and of the file when the log is written back, which another thread does
 * but for the last pages of a long log. When the log begins anew its first 32 bytes are synced.
 */
function countSyncs(records: readonly DiskRecord[]): { commits: number; writeBacks: number } {
  const writer = records.findLast(({ kind, path }) => isLog(path) && kind === 'write')!.thread;
  const syncs = records.filter(({ kind }) => kind === 'sync');
  const ofWriter = syncs.filter(({ thread }) => thread === writer);
  const log = records.filter(({ path, thread }) => isLog(path) && thread === writer);
  const heads = log.filter((record, index) => {
    const isHead = record.kind === 'write' && record.offset === 0 && record.data.length === 32;
    return isHead && log[index + 1]?.kind === 'sync';
  });
  const lastPages = ofWriter.filter(({ path }) => isFile(path)).length;
  const commits = ofWriter.filter(({ path }) => isLog(path)).length - heads.length - lastPages;
  return { commits, writeBacks: syncs.filter(({ path }) => isFile(path)).length };
}

function isLog(path: string): boolean {
  return path === 'mail.db-wal';
}

function isFile(path: string): boolean {
  return path === 'mail.db';
}

await t.test(
  'a large message waits for the disk twice at most',
  {
    skip: skipsDiskFaults,
    timeout: 120_000,
  },
  async (t) => {
    const append = async (sizeBytes: number) => {
      const dataDirectory = makeDataDirectory(t);
      using faults = new DiskFaults(dataDirectory, { isLogging: true });
      const { environment } = faults;
      const argv = [program, dataDirectory, `${sizeBytes}`];
      const { code, stderr } = await runProgram(process.execPath, argv, { environment });
      t.equal(code, 0, stderr);
      return countSyncs(readDiskLog(faults.logPath));
    };
    const small = await append(1_000);
    // Compression leaves three quarters of it.
    const large = await append(70_000_000);
    t.comment(small, large);
    t.ok(large.writeBacks >= small.writeBacks + 10, 'the log was written back many times');
    t.ok(small.commits > 1, 'the syncs of small commits are seen');
    // A small one waits once, for its commit.
    t.ok(large.commits <= small.commits + 1);
  },
);
