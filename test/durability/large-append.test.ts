import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DiskFaults, skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { readDiskLog, type DiskRecord } from '../fixtures/disk-faults/disk-log.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';

const program = fileURLToPath(new URL('large-append.ts', import.meta.url));

t.setTimeout(120_000);

/** Syncs of the log by which commits wait for the disk, and checkpoints, which sync it too. */
function countSyncs(records: readonly DiskRecord[]): { commits: number; checkpoints: number } {
  let [commits, checkpoints] = [0, 0];
  for (const [index, { kind, path }] of records.entries()) {
    if (kind !== 'sync') continue;
    if (path === 'mail.db') checkpoints++;
    if (path !== 'mail.db-wal') continue;
    // A checkpoint syncs the log before it writes to the file, and, when it begins anew, its first 32 bytes.
    const isOfCheckpoint = records[index + 1]?.path === 'mail.db';
    const before = records[index - 1];
    const isOfHead = before?.kind === 'write' && before.offset === 0 && before.data.length === 32;
    if (!isOfCheckpoint && !isOfHead) commits++;
  }
  return { commits, checkpoints };
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
    t.ok(large.checkpoints >= small.checkpoints + 10, 'the log was written back many times');
    t.ok(small.commits > 1, 'the syncs of small commits are seen');
    // A small one waits once, for its commit.
    t.ok(large.commits <= small.commits + 1);
  },
);
