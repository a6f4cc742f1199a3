import { closeSync, fsyncSync, openSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreMissingError } from '../opened-store.ts';

/** Beside the store's file: says that there is a store, so that no new one is made in the place of one that is lost. */
const markerName = 'mail-store';

const markerText = `A mail store was made here: mail.db. While this file exists, no other is made in its place.\n`;

/**
 * Sees that a store that was made is still there.
 *
 * @param path of the store's file
 * @throws {StoreMissingError} if it is gone, or empty
 */
export function expectStoreFile(path: string): void {
  const markerPath = join(dirname(path), markerName);
  if (statSync(markerPath, { throwIfNoEntry: false }) === undefined) return;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) throw new StoreMissingError(path, markerPath);
}

/** Notes that the store is made. A disk that has no room for the note is none the worse. */
export function markStoreFile(path: string): void {
  const markerPath = join(dirname(path), markerName);
  if (statSync(markerPath, { throwIfNoEntry: false }) !== undefined) return;
  try {
    const descriptor = openSync(markerPath, 'w', 0o600);
    try {
      writeSync(descriptor, markerText);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // The next start makes it.
  }
}

/**
 * Whether the files of an open store are still in their place. SQLite goes on writing to files that were deleted, where
 * nobody will find what was acknowledged.
 */
export class StoreFiles {
  readonly #paths: readonly string[];
  /** Of those that were seen: device and inode. */
  readonly #identities = new Map<string, string>();

  /** @param path of the store's file, which is open */
  constructor(path: string) {
    this.#paths = [path, `${path}-wal`];
    this.expectPresent();
  }

  /** Costs two calls of the system. @throws {Error} if one of the files is gone, or another is in its place */
  expectPresent(): void {
    for (const path of this.#paths) {
      const state = statSync(path, { throwIfNoEntry: false });
      const known = this.#identities.get(path);
      const identity = state && `${state.dev}:${state.ino}`;
      if (known === undefined && identity !== undefined) this.#identities.set(path, identity);
      else if (identity !== known) throw new Error(`Mail store file "${path}" is gone`);
    }
  }
}
