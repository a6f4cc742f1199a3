import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { limits } from '../limits.ts';
import type { Database } from './database.ts';

/** The file system has not the space that a migration needs. Nothing was changed. */
export class StoreSpaceError extends Error {
  readonly code = 'STORE_SPACE';
  readonly neededBytes: number;
  readonly freeBytes: number;
  /** True if a backup is part of what is needed. */
  readonly isForBackup: boolean;

  constructor(space: {
    neededBytes: number;
    freeBytes: number;
    path: string;
    isForBackup: boolean;
  }) {
    const { neededBytes, freeBytes, path, isForBackup } = space;
    const purpose = isForBackup ? 'back up and migrate' : 'migrate';
    super(
      `Cannot ${purpose} mail store "${path}": it needs ${neededBytes} bytes, ${freeBytes} are free`,
    );
    this.name = 'StoreSpaceError';
    this.neededBytes = neededBytes;
    this.freeBytes = freeBytes;
    this.isForBackup = isForBackup;
  }
}

/** A copy of the file as it was before a migration. */
export interface Backup {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Sees that the file system has space for a backup, the growth of the file and its log.
 *
 * @throws {StoreSpaceError}
 */
export function checkSpace(
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
export async function backUp(
  database: Database,
  options: {
    readonly backupDirectory: string;
    readonly version: number;
    readonly onProgress: (share: number) => void;
  },
): Promise<Backup> {
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
export function removePartialBackup(backupDirectory: string, version: number): void {
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

/** What is free for this user, who may not have all that is free. */
function readFreeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
