// Time and peak memory of the migration of a store from version 1 of the schema, without the backup:
//
//     npm run bench -- store-migration [messages] [--options of node …]
//
// 100,000 messages unless told otherwise, as in the bench "everyday". The migration runs in a process of its own that has
// nothing else to do.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { everydayMail } from './everyday-mail.ts';
import { mebibyte, printFigure } from './figures.ts';
import { LoadProcess } from './load/load-process.ts';
import type { StoreMigrator } from './load/store-migrator.ts';
import { nodeOptionsOf, positionalOf } from './settings.ts';
import { makeVersionOneStore } from './version-1-store.ts';

const argv = process.argv.slice(2);
const [messages = '100000'] = positionalOf(argv);
const bounds = { seconds: 60, peakMiB: 128 };

const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-bench-'));
const migrator = new LoadProcess<StoreMigrator>(
  join(import.meta.dirname, 'load/store-migrator.ts'),
  { nodeOptions: nodeOptionsOf(argv) },
);
try {
  const startMs = performance.now();
  makeVersionOneStore(dataDirectory, everydayMail(Number(messages)));
  const made = ((performance.now() - startMs) / 1000).toFixed(1);
  const sizeBytes = await storeBytes();
  console.log(`${messages} messages, made in ${made} s`);
  const report = await migrator.call('migrate', dataDirectory);
  console.log(`from version ${report.fromVersion} to ${report.toVersion}`);
  printFigure('time', report.ms / 1000, 's', { atMost: bounds.seconds });
  printFigure('CPU', report.cpuMs / 1000, 's');
  const mib = (bytes: number) => bytes / mebibyte;
  printFigure('peak memory', mib(report.peakBytes), 'MiB', { atMost: bounds.peakMiB });
  printFigure('above the bare process', mib(report.peakBytes - report.bareBytes), 'MiB');
  printFigure('most of it that is no mapped file', mib(report.anonymousBytes), 'MiB');
  printFigure('most that is', mib(report.fileBytes), 'MiB');
  printFigure('store before', mib(sizeBytes), 'MiB');
  printFigure('store after', mib(await storeBytes()), 'MiB');
} finally {
  await migrator.stop();
  await rm(dataDirectory, { recursive: true });
}

async function storeBytes(): Promise<number> {
  return (await stat(join(dataDirectory, 'mail.db'))).size;
}
