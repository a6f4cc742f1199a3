// What a loss of power at each write of a store would leave, opened and compared with what had been acknowledged.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { DiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { DiskImage, type Loss } from '../fixtures/disk-faults/disk-image.ts';
import { readDiskLog, type DiskRecord } from '../fixtures/disk-faults/disk-log.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { describeAccount } from './mailbox-script.ts';
import { acknowledgedName, makeScripts } from './script-program.ts';

const program = fileURLToPath(new URL('script-program.ts', import.meta.url));

/** How large a run is. */
export interface PowerLossRun {
  readonly scriptCount: number;
  /** Of each script. */
  readonly stepCount: number;
}

/** Runs the scripts to their end; everything that they did to their disk, in order. */
export async function recordScripts({
  scriptCount,
  stepCount,
}: PowerLossRun): Promise<DiskRecord[]> {
  const dataDirectory = makeDirectory();
  using faults = new DiskFaults(dataDirectory, { isLogging: true });
  try {
    const argv = [program, dataDirectory, `${scriptCount}`, `${stepCount}`];
    const { environment } = faults;
    const { code, stderr } = await runProgram(process.execPath, argv, { environment });
    if (code !== 0) throw new Error(`The scripts ended with ${code}: ${stderr}`);
    return readDiskLog(faults.logPath);
  } finally {
    removeDirectory(dataDirectory);
  }
}

/** What was found when the images were opened. */
export interface PowerLossFindings {
  readonly imageCount: number;
  /** Images from which a step is missing that had been acknowledged, or that are not sound; with what is wrong. */
  readonly losses: readonly string[];
}

/**
 * Cuts the power after some of the records, and opens what is left.
 *
 * @param options.everyNth after every so many records, each time in another way; 1: after each of them in each way
 * @param options.ignoresSyncs for a control: files whose syncs do nothing
 */
export async function cutPower(
  records: readonly DiskRecord[],
  run: PowerLossRun,
  options: { readonly everyNth: number; readonly ignoresSyncs?: (path: string) => boolean },
): Promise<PowerLossFindings> {
  const { everyNth, ignoresSyncs } = options;
  const expected = describeSteps(run);
  const image = new DiskImage(ignoresSyncs);
  const acknowledged = new Map<string, number>();
  const losses: string[] = [];
  let imageCount = 0;
  for (const [index, record] of records.entries()) {
    if (record.path === acknowledgedName) noteAcknowledged(acknowledged, record);
    else image.add(record);
    if (index % everyNth !== 0) continue;
    const loss = waysToLose(index)[imageCount++ % 4]!;
    const fault = await findFault(image, loss, { expected, acknowledged });
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

/** What the account of each script holds, at first and after each of its steps. */
function describeSteps({ scriptCount, stepCount }: PowerLossRun): Map<string, string[]> {
  const scripts = makeScripts(scriptCount).map((script) => {
    const states = ['no account', script.describe()];
    for (let index = 0; index < stepCount; index++) {
      script.apply(script.next());
      states.push(script.describe());
    }
    return [script.name, states] as const;
  });
  return new Map(scripts);
}

function noteAcknowledged(counts: Map<string, number>, record: DiskRecord): void {
  if (record.kind !== 'write') return;
  const name = record.data.toString('utf8').trim();
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

async function findFault(
  image: DiskImage,
  loss: Loss,
  known: { expected: Map<string, string[]>; acknowledged: Map<string, number> },
): Promise<string | undefined> {
  const dataDirectory = makeDirectory();
  try {
    image.save(dataDirectory, loss);
    return await findFaultOfStore(dataDirectory, known);
  } catch (error) {
    return String(error);
  } finally {
    removeDirectory(dataDirectory);
  }
}

/** Each account must be as after the last step that was acknowledged, or the one behind it. */
async function findFaultOfStore(
  dataDirectory: string,
  {
    expected,
    acknowledged,
  }: { expected: Map<string, string[]>; acknowledged: Map<string, number> },
): Promise<string | undefined> {
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  try {
    const [fault] = await store.checkIntegrity();
    if (fault !== undefined) return fault;
    for (const [name, states] of expected) {
      const count = acknowledged.get(name) ?? 0;
      const found = await describeAccount(store, name);
      if (found === states[count] || found === states[count + 1]) continue;
      const step = states.lastIndexOf(found);
      return `${name} is as after step ${step} of ${count} that are acknowledged:\n${found}`;
    }
    return undefined;
  } finally {
    await store.close();
  }
}

function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'reprise-power-'));
}

function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** An image at each write, for `npm run check:full`. */
async function runWhole(): Promise<void> {
  const run = { scriptCount: 4, stepCount: 60 };
  const records = await recordScripts(run);
  console.log(`# ${records.length} writes and syncs`);
  const { imageCount, losses } = await cutPower(records, run, { everyNth: 1 });
  for (const loss of losses) console.log(loss);
  console.log(`# ${imageCount} images, ${losses.length} with a loss`);
  if (losses.length > 0) process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) await runWhole();
