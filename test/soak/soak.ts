// npm run soak -- --connections 300000 --cache memory
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Allocator, allocatorEnvironment, allocators } from './allocator.ts';
import { describeLine, drawSoak } from './draw-soak.ts';
import { isUndecided, judgeSoak } from './judge-soak.ts';
import { defaultMix, formatMix, type LoadMix, parseMix } from './load-mix.ts';
import { type QuietPoint, runSoak } from './run-soak.ts';
import { type SoakCacheKind, soakCacheKinds } from './soak-cache.ts';
import type { SoakOptions } from './soak-options.ts';

interface Arguments {
  readonly connections: number;
  readonly cache: SoakCacheKind;
  readonly allocator: Allocator;
  readonly mix: LoadMix;
  readonly cycles: number;
  readonly warmUp?: number;
  readonly workers: number;
  readonly lifetime?: number;
  readonly concurrency: number;
  readonly settle: number;
  readonly maxSlope: number;
  readonly halfWidth: number;
  readonly minutes: number;
  readonly seed: number;
  readonly output: string;
}

/** Upper end of the interval; a session itself has about 130 bytes, and a leak of one in eight is seen. */
const defaultMaxSlopeBytes = 16;

/** A leak of twice as much is seen for certain. */
const defaultHalfWidthBytes = 8;

const program = new Command('soak')
  .description('Loads a server with short TLS connections and looks at what its memory does')
  .addOption(
    new Option('--cache <kind>', 'where it keeps sessions; map and never-frees are controls')
      .choices(soakCacheKinds)
      .default('memory'),
  )
  .addOption(
    new Option('--allocator <name>', 'what the server allocates memory with')
      .choices(allocators)
      .default('jemalloc'),
  )
  .option(
    '--connections <count>',
    'connections after the warm-up; more follow where they leave too much open',
    wholeNumber,
    300_000,
  )
  .option('--mix <shares>', 'kinds of clients, in percent', parseMixArgument, defaultMix)
  .option(
    '--cycles <count>',
    'cycles after the warm-up, each ends in a quiet point',
    wholeNumber,
    12,
  )
  .option(
    '--warm-up <count>',
    'connections of the warm-up (default: a fifth of --connections)',
    wholeNumber,
  )
  .option('--workers <count>', 'threads of the server; 0: one does everything', wholeNumber, 0)
  .option(
    '--lifetime <seconds>',
    'lifetime of a session; with workers it is waited for (default: 7200, with workers 60)',
    wholeNumber,
  )
  .option('--concurrency <count>', 'connections at one time', wholeNumber, 16)
  .option('--settle <seconds>', 'rest before memory is read', wholeNumber, 6)
  .option(
    '--max-slope <bytes>',
    'growth per connection that fails',
    wholeNumber,
    defaultMaxSlopeBytes,
  )
  .option(
    '--half-width <bytes>',
    'of the 95 % interval of the growth: the soak goes on until it is no wider, or growth is certain',
    wholeNumber,
    defaultHalfWidthBytes,
  )
  .option('--minutes <count>', 'after which it goes on no longer', wholeNumber, 120)
  .option('--seed <number>', 'the same seed makes the same choices', wholeNumber, 1)
  .option('--output <directory>', 'for CACHE-ALLOCATOR.json and CACHE-ALLOCATOR.svg', '.')
  .parse();
const given = program.opts<Arguments>();
const options: SoakOptions = {
  cacheKind: given.cache,
  allocator: given.allocator,
  mix: given.mix,
  connectionCount: given.connections,
  warmUpCount: given.warmUp ?? Math.round(given.connections / 5),
  cycleCount: given.cycles,
  workerCount: given.workers,
  lifetimeSeconds: given.lifetime ?? (given.workers > 0 ? 60 : 7200),
  concurrency: given.concurrency,
  settleMs: given.settle * 1000,
  sampleIntervalMs: 2000,
  seed: given.seed,
};

console.log(
  `Cache ${options.cacheKind}, allocator ${options.allocator}, mix ${formatMix(options.mix)}`,
);
const bounds = { maxSlopeBytes: given.maxSlope, maxHalfWidthBytes: given.halfWidth };
const result = await runSoak(options, {
  onQuietPoint: tell,
  wantsMore: (points, elapsedMs) =>
    elapsedMs < given.minutes * 60_000 && isUndecided(points, bounds),
});
const { line, collectedLine, faults } = judgeSoak(result, bounds);

await mkdir(given.output, { recursive: true });
const name = `${options.cacheKind}-${options.allocator}`;
const path = join(given.output, options.workerCount > 0 ? `${name}-workers` : name);
const environment = {
  node: process.version,
  system: `${process.platform} ${process.arch}`,
  cpuCount: availableParallelism(),
  allocator: allocatorEnvironment(options.allocator),
};
await writeFile(
  `${path}.json`,
  `${JSON.stringify({ environment, line, collectedLine, faults, ...result })}\n`,
);
await writeFile(`${path}.svg`, drawSoak(result, { line, collectedLine }));

console.log(JSON.stringify(result.counts));
console.log(`Resident memory at quiet points: ${describeLine(line)}`);
console.log(`After a forced collection: ${describeLine(collectedLine)}`);
for (const fault of faults) console.log(`FAULT: ${fault}`);
console.log(`${faults.length === 0 ? 'Passed' : 'Failed'}; see ${path}.svg and ${path}.json`);
process.exitCode = faults.length === 0 ? 0 : 1;

function tell(point: QuietPoint): void {
  console.log(
    [
      `${String(point.connectionCount).padStart(8)} connections`,
      `${mebibytes(point.residentBytes)} MiB resident`,
      `(${mebibytes(point.collectedResidentBytes)} after a collection)`,
      `${mebibytes(point.heldBytes)} MiB held by ${point.entryCount} sessions`,
      `of at most ${mebibytes(point.peakUsedBytes)}`,
      point.isWarmUp ? 'warm-up' : '',
    ].join('  '),
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1).padStart(6);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function parseMixArgument(text: string): LoadMix {
  try {
    return parseMix(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
