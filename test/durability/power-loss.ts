// What a loss of power at each write of a store would leave, opened and compared with what had been acknowledged.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { DiskImage, type Loss } from '../fixtures/disk-faults/disk-image.ts';
import { readDiskLog, type DiskRecord } from '../fixtures/disk-faults/disk-log.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

/** What runs on a disk whose power is cut, and how it is judged what that leaves. */
export interface PoweredRun {
  /** Starts the program; `dataDirectory` is empty. */
  readonly argv: (dataDirectory: string) => readonly string[];
  /** Of a file in the data directory that is none of the store's: what is written to it says what is acknowledged. */
  readonly acknowledgedName: string;
  /** Takes note of that; what is told goes back to nothing with `undefined`. */
  noteAcknowledged(record: DiskRecord | undefined): void;
  /** False as long as there is nothing that could be lost. */
  readonly hasBegun: boolean;
  /** What is wrong with the store that is left; undefined if nothing is. */
  findFault(dataDirectory: string): Promise<string | undefined>;
}

/** Runs the program to its end; everything that it did to its disk, in order. */
export async function recordRun(run: PoweredRun): Promise<DiskRecord[]> {
  const dataDirectory = makeDirectory();
  using faults = new DiskFaults(dataDirectory, { isLogging: true });
  try {
    const { environment } = faults;
    const options = { environment, deadlineMs: 270_000 };
    const { code, stderr } = await runProgram(process.execPath, run.argv(dataDirectory), options);
    if (code !== 0) throw new Error(`The program ended with ${code}: ${stderr}`);
    return readDiskLog(faults.logPath);
  } finally {
    removeDirectory(dataDirectory);
  }
}

/** What was found when the images were opened. */
export interface PowerLossFindings {
  readonly imageCount: number;
  /** Images from which something is missing that had been acknowledged, or that are not sound; with what is wrong. */
  readonly losses: readonly string[];
}

/**
 * Cuts the power after some of the records, and opens what is left.
 *
 * @param options.everyNth after every so many records, each time in another way; 1: after each of them, in ways by turns
 * @param options.ignoresSyncs for a control: files whose syncs do nothing
 */
export async function cutPower(
  records: readonly DiskRecord[],
  run: PoweredRun,
  options: { readonly everyNth: number; readonly ignoresSyncs?: (path: string) => boolean },
): Promise<PowerLossFindings> {
  const { everyNth, ignoresSyncs } = options;
  const image = new DiskImage(ignoresSyncs);
  run.noteAcknowledged(undefined);
  const losses: string[] = [];
  let imageCount = 0;
  for (const [index, record] of records.entries()) {
    if (record.path === run.acknowledgedName) run.noteAcknowledged(record);
    else image.add(record);
    if (index % everyNth !== 0 || !run.hasBegun) continue;
    const loss = waysToLose(index)[imageCount++ % 4]!;
    const fault = await findFault(image, loss, run);
    if (fault === undefined) continue;
    losses.push(`After record ${index} of ${records.length}, keeping ${loss.keeps}: ${fault}`);
  }
  return { imageCount, losses };
}

function waysToLose(seed: number): Loss[] {
  const random = new SeededRandom(seed);
  return [
    { keeps: 'nothing' },
    { keeps: 'some', random, sectorBytes: 512 },
    { keeps: 'all' },
    { keeps: 'some', random, sectorBytes: 4096 },
  ];
}

async function findFault(
  image: DiskImage,
  loss: Loss,
  run: PoweredRun,
): Promise<string | undefined> {
  const dataDirectory = makeDirectory();
  try {
    image.save(dataDirectory, loss);
    return await run.findFault(dataDirectory);
  } catch (error) {
    return String(error);
  } finally {
    removeDirectory(dataDirectory);
  }
}

function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'reprise-power-'));
}

function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** An image at each write of each run, for `npm run check:full`. */
async function runWhole(): Promise<void> {
  const { makeMigrationRun, makeScriptsRun } = await import('./powered-runs.ts');
  const runs = { scripts: makeScriptsRun(), migration: makeMigrationRun() };
  for (const [name, run] of Object.entries(runs)) {
    const records = await recordRun(run);
    console.log(`# ${name}: ${records.length} writes and syncs`);
    const { imageCount, losses } = await cutPower(records, run, { everyNth: 1 });
    for (const loss of losses) console.log(loss);
    console.log(`# ${imageCount} images, ${losses.length} with a loss`);
    if (losses.length > 0) process.exitCode = 1;
  }
}

if (process.argv[1] === import.meta.filename) await runWhole();
