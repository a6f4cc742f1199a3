import { join } from 'node:path';
import { lockDataDirectory } from '../data-directory-lock.ts';
import { limits } from '../limits.ts';
import { type MigrationEvent, StoreOpenError, type StoreProblem } from '../opened-store.ts';
import { Database, sqliteCodeOf } from './database.ts';
import { takeOverOldJournal } from './imports.ts';
import { migrate } from './migration.ts';
import { SqliteMailStore, type SqliteLink } from './store.ts';
import type { SliceBounds } from './write-context.ts';
import { expectStoreFile, markStoreFile } from './store-files.ts';
import { Writer } from './writer.ts';

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
  /** Told if the writer thread dies: every change is refused from then on. By default nobody is. */
  readonly onFailure?: (error: Error) => void;
  /**
   * Told if nothing can be stored any more, and why, and (undefined) when it can again; both at most every
   * `limits.diskProbeMs`. By default nobody is.
   */
  readonly onProblem?: (problem: StoreProblem | undefined) => void;
  /** False: the file is not copied before it is migrated. True by default. */
  readonly backsUp?: boolean;
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
    await migrateFile(path, options).catch((error: unknown) => {
      throw sqliteCodeOf(error) === undefined ? error : new StoreOpenError(path, error as Error);
    });
    markStoreFile(path);
    const { recentFlushMs = limits.recentFlushMs, slices } = options;
    const { onFailure = ignore, onProblem = ignore } = options;
    const writer = await Writer.start({ path, recentFlushMs, slices }, { onFailure, onProblem });
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
