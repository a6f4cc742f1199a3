import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type DataDirectoryLock, lockDataDirectory } from '../data-directory-lock.ts';
import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import {
  type MigrationEvent,
  type ProblemListener,
  StoreOpenError,
  type StoreProblem,
} from '../opened-store.ts';
import { Database, sqliteCodeOf, sqliteCodes } from './database.ts';
import { takeOverOldJournal } from './imports.ts';
import { problemAtStart } from './writer/disk.ts';
import { expectNewestSchema, migrate } from './schema/migration.ts';
import { SqliteMailStore, type SqliteLink } from './store.ts';
import type { WriteBackBounds } from './writer/checkpoints.ts';
import type { SliceBounds } from './writer/write-context.ts';
import { expectStoreFile, markStoreFile } from './store-files.ts';
import { Writer } from './writer/writer.ts';

/** How a store in a directory is opened. */
export interface SqliteStoreOptions {
  /** Made where it is missing, mode 0700. One process at a time has it. */
  readonly dataDirectory: string;
  /** Milliseconds since 1970; the time by default. */
  readonly clock?: () => number;
  /** How often what nobody can reach is deleted; a minute by default, 0 for never. */
  readonly collectIntervalMs?: number;
  /** How long claims of \Recent messages may stay in memory; `limits.recentFlushMs` by default. */
  readonly recentFlushMs?: number;
  /** How long large changes keep others waiting; `limits.stepMessages` and `limits.sliceMs` by default. */
  readonly slices?: SliceBounds;
  /** When the log is written back to the file; those of `limits` by default. */
  readonly writeBack?: WriteBackBounds;
  /** Told if the writer thread dies: every change is refused from then on. By default nobody is. */
  readonly onFailure?: (error: Error) => void;
  /**
   * Told if nothing can be stored any more, and why, and (undefined) when it can again; both at most every
   * `limits.diskProbeMs`. A store that could not be opened for writing says so before it is open, and stays so. By default
   * nobody is told.
   */
  readonly onProblem?: ProblemListener;
  /** False: the file is not copied before it is migrated. True by default. */
  readonly backsUp?: boolean;
  /** Told once this thread only waits for the writer's, so that it can do other work. By default nobody is. */
  readonly onWait?: () => void;
  /** Told of a migration as it goes on. By default nobody is. */
  readonly onMigration?: (event: MigrationEvent) => void;
}

/**
 * Opens the store of a data directory, which it locks, makes and migrates as needed. The process keeps it
 * until `close`.
 *
 * @throws {DataDirectoryInUseError} where another store has the directory
 * @throws {StoreMissingError} if there was a store, and its file is gone or empty
 * @throws {StoreOpenError} if the file cannot be opened
 * @throws {StoreVersionError} where a newer version wrote it
 * @throws {StoreSpaceError} if it is to be migrated, and the file system has not the space for that
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteMailStore> {
  const { dataDirectory, clock = Date.now, collectIntervalMs = limits.collectIntervalMs } = options;
  const lock = lockDataDirectory(dataDirectory);
  try {
    const path = join(dataDirectory, 'mail.db');
    expectStoreFile(path);
    const problem = await prepareFile(path, options);
    const { recentFlushMs = limits.recentFlushMs, slices, writeBack } = options;
    const { onFailure = ignore, onProblem = ignore } = options;
    if (problem !== undefined) {
      onProblem(problem, { isUntilRestart: true });
      return await openReadOnly({ path, problem, lock, clock });
    }
    const started = Writer.start(
      { path, recentFlushMs, slices, writeBack },
      { onFailure, onProblem },
    );
    options.onWait?.();
    const writer = await started.catch((error: Error) => {
      throw new StoreOpenError(path, error);
    });
    return new SqliteMailStore({
      link: { path, ...writer.connect() },
      clock,
      owned: { writer, lock, collectIntervalMs },
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

function ignore(): void {}

/**
 * Makes or migrates the file as needed. Resolves to why it can only be read, if the disk is full or read-only; undefined if
 * it can be written.
 */
async function prepareFile(
  path: string,
  options: SqliteStoreOptions,
): Promise<StoreProblem | undefined> {
  try {
    await migrateFile(path, options);
    markStoreFile(path);
    return undefined;
  } catch (error) {
    if (sqliteCodeOf(error) === undefined) throw error;
    const problem = problemAtStart(error, path);
    if (problem === 'tryAgain') return prepareFile(path, options);
    if (problem === undefined) throw new StoreOpenError(path, error as Error);
    return problem;
  }
}

/** A store whose disk is full or read-only. @throws {StoreOpenError} if it cannot even be read */
async function openReadOnly(parts: {
  readonly path: string;
  readonly problem: StoreProblem;
  readonly lock: DataDirectoryLock;
  readonly clock: () => number;
}): Promise<SqliteMailStore> {
  // Few servers ever need it, and it brings all that the writer does.
  const { ReadOnlyWriter } = await import('./writer/read-only-writer.ts');
  const { problem, lock, clock } = parts;
  const path = readOnlyPath(parts.path);
  try {
    const database = new Database(path, 'reader');
    expectNewestSchema(database);
    const writer = new ReadOnlyWriter(database, problem);
    return new SqliteMailStore({
      link: { path, ...writer.connect() },
      clock,
      owned: { writer, lock, collectIntervalMs: 0 },
    });
  } catch (error) {
    throw new StoreOpenError(parts.path, missingIndexOf(parts.path, error) ?? (error as Error));
  }
}

/**
 * How SQLite opens a file that it cannot write. Without a log it takes it for immutable, since it could not make the files
 * that it reads the log with; a log has to be read, or what it has is lost.
 */
function readOnlyPath(path: string): string {
  return hasLog(path) ? path : `${pathToFileURL(path).href}?immutable=1`;
}

function hasLog(path: string): boolean {
  const logBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return logBytes > 0;
}

/**
 * What is wrong if a file with a log cannot be opened for want of the index of the log, which SQLite makes beside it, and
 * which copies of a directory often lack; undefined for other errors.
 */
function missingIndexOf(path: string, error: unknown): Error | undefined {
  const cause = error instanceof StoreError ? error.cause : error;
  const index = `${path}-shm`;
  const isMissing = hasLog(path) && !existsSync(index);
  if (!isMissing || sqliteCodeOf(cause) !== sqliteCodes.cannotOpen) return undefined;
  return new Error(
    `Its log "${path}-wal" cannot be read without "${index}", which is missing and cannot be made. ` +
      `Make "${dirname(path)}" writable for one start, or start with a copy of it that is`,
    { cause: error },
  );
}

/** In the caller's thread, so that its errors are what they are. */
async function migrateFile(
  path: string,
  { dataDirectory, backsUp = true, onMigration }: SqliteStoreOptions,
): Promise<void> {
  const database = new Database(path, 'writer');
  try {
    await migrate(database, {
      ...(backsUp && { backupDirectory: dataDirectory }),
      ...(onMigration !== undefined && { onEvent: onMigration }),
    });
    takeOverOldJournal(database, dataDirectory);
  } finally {
    database.close();
  }
}

/**
 * A second client of a store that another thread has opened: the thread that opened it makes the link with
 * {@link SqliteMailStore.createLink} and passes it on. Closing the client leaves the store open.
 */
export function connectSqliteStore(
  link: SqliteLink,
  clock: () => number = Date.now,
): SqliteMailStore {
  return new SqliteMailStore({ link, clock });
}
