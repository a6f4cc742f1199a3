import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { limits } from '../../limits.ts';
import {
  type MigrationEvent,
  type StoreBackup,
  StoreSpaceError,
  StoreVersionError,
} from '../../opened-store.ts';
import type { Database } from '../database.ts';
import { readFreeBytes } from '../writer/disk.ts';
import { type LongStep, type SchemaStep, schemaSteps } from './schema.ts';

interface MigrationOptions {
  /** `schemaSteps` unless told. */
  readonly steps?: readonly SchemaStep[];
  /** Where the file is copied before it is changed; absent: it is not. A migration that goes on makes no copy. */
  readonly backupDirectory?: string;
  /** Bytes that can be written to the file system of the data directory; absent: the system is asked. */
  readonly freeBytes?: () => number;
  /** Must be quick, and may throw, which ends the migration as a crash would. */
  readonly onEvent?: (event: MigrationEvent) => void;
}

/**
 * Exists from the first transaction of a migration to its last, and has one row: where the long step is that led to the file's
 * version, or {@link betweenSteps}.
 */
const positionTable = 'migration';

/** The position when no step has been begun and not ended. */
const betweenSteps = -1;

/**
 * Brings the file to the newest schema, step by step, with turns of the event loop in between. It may be ended at any
 * time, by a fault, a signal or a loss of power: a short step is one transaction, a long step goes on where it was. From
 * the first transaction of a step the file has its version, so that an older program leaves it alone.
 *
 * @throws {StoreVersionError} if the file is newer than the steps
 * @throws {StoreSpaceError} if the file system has too little space for the backup and the growth of the file
 */
export async function migrate(database: Database, options: MigrationOptions = {}): Promise<void> {
  const { steps = schemaSteps, onEvent } = options;
  const version = schemaVersion(database);
  if (version > steps.length) throw new StoreVersionError(version, steps.length);
  const position = readPosition(database);
  const isResumed = position !== undefined;
  const isWithinStep = isResumed && position !== betweenSteps;
  if (version === steps.length && !isWithinStep) {
    // It was on the way to a newer version, which will want a backup of what comes to it from now on.
    if (isResumed) setPosition(database, undefined);
    return;
  }
  if (version === 0) return createSchema(database, steps);
  const fromVersion = isWithinStep ? version - 1 : version;
  const growthBytes = growthOf(database, steps.slice(fromVersion));
  const { backupDirectory } = options;
  if (backupDirectory !== undefined) removePartialBackup(backupDirectory, fromVersion);
  checkSpace(database, growthBytes, { isResumed, ...options });
  onEvent?.({ kind: 'began', fromVersion, toVersion: steps.length, isResumed });
  if (backupDirectory !== undefined && !isResumed) {
    const onProgress = (share: number) => onEvent?.({ kind: 'progress', phase: 'backup', share });
    const backup = await backUp(database, { backupDirectory, version, onProgress });
    onEvent?.({ kind: 'backedUp', ...backup });
  }
  // Each page is read once.
  database.execute(`PRAGMA cache_size = ${-limits.migrationCacheKib}`);
  const stepCount = steps.length - fromVersion;
  for (let index = fromVersion; index < steps.length; index++) {
    const begin = index - fromVersion;
    await runStep(database, steps[index]!, {
      version: index + 1,
      isLast: index + 1 === steps.length,
      onShare: (share) =>
        onEvent?.({ kind: 'progress', phase: 'migration', share: (begin + share) / stepCount }),
    });
  }
  onEvent?.({ kind: 'ended', version: steps.length });
}

/** @throws {Error} if the file would have to be migrated */
export function expectNewestSchema(database: Database): void {
  const version = schemaVersion(database);
  if (version > schemaSteps.length) throw new StoreVersionError(version, schemaSteps.length);
  const isWithinStep = (readPosition(database) ?? betweenSteps) !== betweenSteps;
  if (version === schemaSteps.length && !isWithinStep) return;
  throw new Error(
    `it has version ${version}, and cannot be migrated on a disk that cannot be written`,
  );
}

/** The version of the file's schema; 0 for a new file. */
export function schemaVersion(database: Database): number {
  return database.row<[number]>('PRAGMA user_version')?.[0] ?? 0;
}

/** Makes the newest schema in an empty file, which has no rows for long steps to work on. */
export function createSchema(database: Database, steps: readonly SchemaStep[] = schemaSteps): void {
  for (const [index, step] of steps.entries()) {
    transact(database, () => {
      database.execute(typeof step === 'string' ? step : `${step.sql};${step.endSql ?? ''}`);
      setVersion(database, index + 1);
    });
  }
}

async function runStep(
  database: Database,
  step: SchemaStep,
  options: {
    /** To which it leads. */
    readonly version: number;
    readonly isLast: boolean;
    readonly onShare: (share: number) => void;
  },
): Promise<void> {
  const { version, isLast, onShare } = options;
  const positionBehind = isLast ? undefined : betweenSteps;
  if (typeof step === 'string') {
    transact(database, () => {
      database.execute(step);
      setVersion(database, version);
      setPosition(database, positionBehind);
    });
    return onShare(1);
  }
  if (schemaVersion(database) < version) {
    transact(database, () => {
      database.execute(step.sql);
      setVersion(database, version);
      setPosition(database, 0);
    });
  }
  const end = step.end(database);
  let position = readPosition(database);
  // Ends: each round moves the position up, until nothing is left to do.
  while (position !== positionBehind) {
    position = transact(database, () => advance(database, step, positionBehind));
    onShare(position === positionBehind || end === 0 ? 1 : Math.min(position! / end, 1));
    await setImmediate();
  }
}

/** One transaction of a long step; its new position, at its end the one behind it. */
function advance(
  database: Database,
  step: LongStep,
  positionBehind: number | undefined,
): number | undefined {
  const position = step.advance(database, readPosition(database)!);
  if (position === undefined && step.endSql !== undefined) database.execute(step.endSql);
  setPosition(database, position ?? positionBehind);
  return position ?? positionBehind;
}

function transact<T>(database: Database, change: () => T): T {
  database.execute('BEGIN IMMEDIATE');
  try {
    const result = change();
    database.execute('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.execute('ROLLBACK');
    throw error;
  }
}

function setVersion(database: Database, version: number): void {
  database.execute(`PRAGMA user_version = ${version}`);
}

/** Undefined if no migration is under way. */
function readPosition(database: Database): number | undefined {
  const sql = 'SELECT 1 FROM sqlite_schema WHERE name = ?';
  if (database.row(sql, positionTable) === undefined) return undefined;
  return database.row<[number]>(`SELECT position FROM ${positionTable}`)![0];
}

/** @param position - undefined: the migration is at its end */
function setPosition(database: Database, position: number | undefined): void {
  if (position === undefined) return database.execute(`DROP TABLE IF EXISTS ${positionTable}`);
  database.execute(
    `CREATE TABLE IF NOT EXISTS ${positionTable} (position INTEGER NOT NULL) STRICT`,
  );
  if (database.run(`UPDATE ${positionTable} SET position = ?`, position) > 0) return;
  database.run(`INSERT INTO ${positionTable} VALUES (?)`, position);
}

function growthOf(database: Database, steps: readonly SchemaStep[]): number {
  let bytes = 0;
  for (const step of steps) if (typeof step !== 'string') bytes += step.growthBytes(database);
  return bytes;
}

/**
 * Sees that the file system has space for a backup, the growth of the file and its log.
 *
 * @throws {StoreSpaceError}
 */
function checkSpace(
  database: Database,
  growthBytes: number,
  options: {
    readonly isResumed: boolean;
    readonly backupDirectory?: string;
    readonly freeBytes?: () => number;
  },
): void {
  const { path } = database;
  const isForBackup = options.backupDirectory !== undefined && !options.isResumed;
  const backupBytes = isForBackup ? sizeOf(database) : 0;
  const neededBytes = backupBytes + growthBytes + limits.migrationReserveBytes;
  const freeBytes = (options.freeBytes ?? (() => readFreeBytes(dirname(path))))();
  if (freeBytes >= neededBytes) return;
  throw new StoreSpaceError({ neededBytes, freeBytes, path, isForBackup });
}

/**
 * Copies the file to `mail-version-N.db` in the directory, in place of an earlier copy of that version. The copy has this
 * name only once it is whole and on disk.
 */
async function backUp(
  database: Database,
  options: {
    readonly backupDirectory: string;
    readonly version: number;
    readonly onProgress: (share: number) => void;
  },
): Promise<StoreBackup> {
  const { backupDirectory, version, onProgress } = options;
  const path = join(backupDirectory, `mail-version-${version}.db`);
  const partialPath = partialPathOf(backupDirectory, version);
  // Made by us, so that it is nobody else's to read.
  closeSync(openSync(partialPath, 'w', 0o600));
  try {
    await database.copyTo(partialPath, limits.backupPages, onProgress);
    synchronize(partialPath);
    renameSync(partialPath, path);
  } catch (error) {
    removePartialBackup(backupDirectory, version);
    throw error;
  }
  synchronize(backupDirectory);
  return { path, sizeBytes: sizeOf(database) };
}

/** Removes what a backup that was cut off has left: it takes the space that the next one needs. */
function removePartialBackup(backupDirectory: string, version: number): void {
  for (const end of ['', '-journal']) {
    rmSync(`${partialPathOf(backupDirectory, version)}${end}`, { force: true });
  }
}

function partialPathOf(backupDirectory: string, version: number): string {
  return join(backupDirectory, `mail-version-${version}.db.partial`);
}

function synchronize(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(database: Database): number {
  const [pages] = database.row<[number]>('PRAGMA page_count')!;
  const [pageBytes] = database.row<[number]>('PRAGMA page_size')!;
  return pages * pageBytes;
}
