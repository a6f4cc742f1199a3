import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
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
 * A directory that this process cannot write to, since its disk is read-only, may be another's by way of a mount that can be
 * written. So it is locked too, together with others that only read; whoever could change it is refused meanwhile.
 *
 * @throws {DataDirectoryInUseError} where it is locked already
 */
export function lockDataDirectory(dataDirectory: string): DataDirectoryLock {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, 'lock.db');
  if (isDirectoryReadOnly(dataDirectory)) return lockForReading(dataDirectory, path);
  if ((statSync(dataDirectory).mode & 0o777) !== 0o700) chmodSync(dataDirectory, 0o700);
  const pidPath = join(dataDirectory, 'lock.pid');
  const connection = new DatabaseSync(path);
  try {
    // With a journal in a file, which is never needed, a full disk would refuse the lock.
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    const isOfReaders = hasOnlyReaders(connection);
    connection.close();
    if (!isBusy(error)) throw error;
    throw new DataDirectoryInUseError(dataDirectory, isOfReaders ? undefined : readPid(pidPath));
  }
  writePid(pidPath);
  return hold(connection, () => clearPid(pidPath));
}

/** @param onRelease - called once, before others can have the lock */
function hold(connection: DatabaseSync, onRelease = (): void => {}): DataDirectoryLock {
  heldConnections.add(connection);
  return {
    release: () => {
      if (!heldConnections.delete(connection)) return;
      onRelease();
      connection.close();
    },
  };
}

/** A lock that others can have too who only read. */
function lockForReading(dataDirectory: string, path: string): DataDirectoryLock {
  let connection: DatabaseSync | undefined;
  try {
    connection = new DatabaseSync(path, { readOnly: true });
    connection.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
  } catch (error) {
    connection?.close();
    // Without the file, or on a file system without locks, nobody else has one.
    if (!isBusy(error)) return { release: () => undefined };
    throw new DataDirectoryInUseError(dataDirectory, readPid(join(dataDirectory, 'lock.pid')));
  }
  return hold(connection);
}

/** True if those who have the lock only read: they leave no id. */
function hasOnlyReaders(connection: DatabaseSync): boolean {
  try {
    connection.exec('BEGIN IMMEDIATE');
    return true;
  } catch {
    return false;
  }
}

function isBusy(error: unknown): boolean {
  return (error as { readonly errcode?: number }).errcode === sqliteBusy;
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

/** Later the id may be that of another process, which nobody should send a signal to. */
function clearPid(path: string): void {
  try {
    truncateSync(path);
  } catch {
    // The directory may be gone, or its disk read-only since.
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
