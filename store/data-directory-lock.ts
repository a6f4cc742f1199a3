import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isSpaceError } from './space-error.ts';

/** Another process, or another store of this one, has the data directory open. */
export class DataDirectoryInUseError extends Error {
  readonly code = 'DATA_DIRECTORY_IN_USE';
  readonly dataDirectory: string;
  /** Of the process that has it; undefined where that is not known. */
  readonly pid: number | undefined;

  constructor(dataDirectory: string, pid: number | undefined) {
    const owner = pid === undefined ? 'another process' : `the process with id ${pid}`;
    super(`Data directory "${dataDirectory}" is in use by ${owner}`);
    this.name = 'DataDirectoryInUseError';
    this.dataDirectory = dataDirectory;
    this.pid = pid;
  }
}

/** A held lock. Ends with `release`, or with the process, however that dies. */
export interface DataDirectoryLock {
  release(): void;
}

const sqliteBusy = 5;

/** Without this a lock whose owner forgot it would end when the garbage collector finds its connection. */
const heldConnections = new Set<DatabaseSync>();

/**
 * Makes the data directory (mode 0700, also where it exists) and locks it for this process.
 *
 * Node has no flock, so the lock is an exclusive transaction on a database of its own, which the operating
 * system ends with the process.
 *
 * A directory on a read-only disk needs no lock.
 *
 * @throws {DataDirectoryInUseError} where it is locked already
 */
export function lockDataDirectory(dataDirectory: string): DataDirectoryLock {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, 'lock.db');
  // Nothing there can be changed, by this process or another.
  if (isDirectoryReadOnly(dataDirectory)) return { release: () => undefined };
  if ((statSync(dataDirectory).mode & 0o777) !== 0o700) chmodSync(dataDirectory, 0o700);
  const pidPath = join(dataDirectory, 'lock.pid');
  const connection = new DatabaseSync(path);
  try {
    // With a journal in a file, which is never needed, a full disk would refuse the lock.
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
    throw new DataDirectoryInUseError(dataDirectory, readPid(pidPath));
  }
  writePid(pidPath);
  heldConnections.add(connection);
  return {
    release: () => {
      if (heldConnections.delete(connection)) connection.close();
    },
  };
}

/** True if the disk of a data directory that was locked before is read-only. SQLite does not tell that from one that fails. */
export function isDirectoryReadOnly(dataDirectory: string): boolean {
  try {
    // Not one of SQLite's files: closing it would end the locks that this process has on it.
    closeSync(openSync(join(dataDirectory, 'lock.pid'), 'r+'));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}

/** For the message of another process, which does without it if the disk is full. */
function writePid(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    if (!isSpaceError(error)) throw error;
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'latin1').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    // The owner has taken the lock and not yet written its id.
    return undefined;
  }
}
