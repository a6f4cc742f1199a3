import type { Transferable } from 'node:worker_threads';
import type { MailStore } from './mail-store.ts';

/**
 * A mail store that this process has opened, whatever the engine: what only its opener may do with it.
 */
export interface OpenedStore {
  /** The store, as the opener's thread sees it. */
  readonly store: MailStore;
  /**
   * What one more thread needs to be a client of the store; a new one for each thread. Undefined if the engine keeps
   * everything in the memory of the opener's thread.
   */
  link(): StoreLink | undefined;
  /** Adds up what is in the store; it takes several turns of the loop, more for more messages. */
  figures(): Promise<StoreFigures>;
  /** Ends the store, once the clients in other threads have closed theirs. Later calls wait for the same end. */
  close(): Promise<void>;
}

/** A way to an open store, to be posted to another thread, which gives it to `connectStore`. */
export interface StoreLink {
  readonly engine: 'sqlite';
  /** For the engine. */
  readonly value: unknown;
  /** Objects in `value` that are moved to the other thread: the list to post it with. */
  readonly transfer: readonly Transferable[];
}

/** Why nothing can be stored: there is no space, the file system is read-only, or the disk reports errors. */
export type StoreProblem = 'full' | 'read-only' | 'failing';

/**
 * Told why nothing can be stored, and (undefined) when it can again. `isUntilRestart`: the store could not be opened for
 * writing, and will not try again.
 */
export type ProblemListener = (
  problem: StoreProblem | undefined,
  options?: { readonly isUntilRestart: boolean },
) => void;

/** How much a store holds. */
export interface StoreFigures {
  readonly accountCount: number;
  readonly mailboxCount: number;
  /** In all mailboxes, each copy of a message counted. */
  readonly messageCount: number;
  /** Bytes of these. */
  readonly messageBytes: number;
  /** Bodies that messages share. */
  readonly bodyCount: number;
  /** Bytes of these. */
  readonly bodyBytes: number;
}

/**
 * How often a stored byte is in use: 2 if every message lies in two mailboxes and is stored once. 1 for
 * an empty store.
 */
export function singleInstanceRatio({ messageBytes, bodyBytes }: StoreFigures): number {
  return bodyBytes === 0 ? 1 : messageBytes / bodyBytes;
}

/** The file was written by a newer version, whose schema this one does not know. */
export class StoreVersionError extends Error {
  readonly code = 'STORE_VERSION';

  constructor(version: number, knownVersion: number) {
    super(
      `Cannot open mail store of version ${version}, this program knows versions up to ${knownVersion}`,
    );
    this.name = 'StoreVersionError';
  }
}

/** What a migration tells of itself. A new file, and one of the newest schema, tell nothing. */
export type MigrationEvent =
  | {
      readonly kind: 'began';
      readonly fromVersion: number;
      readonly toVersion: number;
      /** True if an earlier process began it, and was ended. */
      readonly isResumed: boolean;
    }
  | ({ readonly kind: 'backedUp' } & StoreBackup)
  | {
      readonly kind: 'progress';
      readonly phase: 'backup' | 'migration';
      /** Of the phase's work that is done, 0 to 1. The steps of a migration count alike. */
      readonly share: number;
    }
  | { readonly kind: 'ended'; readonly version: number };

/** A copy of the file as it was before a migration. */
export interface StoreBackup {
  readonly path: string;
  readonly sizeBytes: number;
}

/** There was a store, and its file is gone or empty. No new one is made in its place. */
export class StoreMissingError extends Error {
  readonly code = 'STORE_MISSING';
  /** Whoever wants a new store deletes this file. */
  readonly markerPath: string;

  constructor(path: string, markerPath: string) {
    super(`Cannot open mail store "${path}": it is missing or empty, although one was made`);
    this.name = 'StoreMissingError';
    this.markerPath = markerPath;
  }
}

/** The file cannot be opened: it is no store, or the disk fails. */
export class StoreOpenError extends Error {
  readonly code = 'STORE_OPEN';

  constructor(path: string, cause: Error) {
    super(`Cannot open mail store "${path}": ${cause.message}`, { cause });
    this.name = 'StoreOpenError';
  }
}

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
