import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDirectoryReadOnly } from '../../data-directory-lock.ts';
import { limits } from '../../limits.ts';
import { StoreError } from '../../mail-store.ts';
import type { StoreProblem } from '../../opened-store.ts';
import { isSpaceError } from '../../space-error.ts';
import { damageOf, sqliteCodeOf, sqliteCodes } from '../database.ts';
import type { OperationName } from './operations.ts';

/** What a client is told while nothing can be stored. */
const problemTexts: Readonly<Record<StoreProblem, string>> = {
  full: 'The disk of the server is full, nothing can be stored until there is space',
  'read-only': 'The disk of the server is read-only, nothing can be stored',
  failing: 'The disk of the server fails, nothing can be stored',
};

/** What takes space for good: refused before the last of it is used. */
const takesSpace: ReadonlySet<OperationName> = new Set([
  'addMessage',
  'addMessages',
  'changeMetadata',
  'copyMessages',
  'createAccount',
  'createMailbox',
  'stageBody',
  'stageChunks',
]);

export interface DiskOptions {
  /** Of the store's file. */
  readonly path: string;
  /** Bytes that can be written to its file system; absent: the system is asked. */
  readonly freeBytes?: () => number;
  /** Milliseconds of a steady clock; absent: the process's. */
  readonly clock?: () => number;
  /** Told when writing becomes impossible, when the reason changes, and (undefined) when it is possible again. */
  readonly onProblem: (problem: StoreProblem | undefined) => void;
}

/**
 * What the writer knows of its disk: whether it can be written, and how much space there is. What takes space is refused
 * while some is left, without which nothing could be deleted either. If others than the store use up even that, a file that
 * was kept for it gives its space to what deletes.
 */
export class Disk {
  readonly #path: string;
  readonly #reservePath: string;
  readonly #freeBytes: () => number;
  readonly #clock: () => number;
  readonly #onProblem: (problem: StoreProblem | undefined) => void;
  #problem: StoreProblem | undefined;
  #isLogStuck = false;
  /** As it was when the system was asked, less what was committed since. */
  #knownFreeBytes = 0;
  /** Admitted to the transaction that is under way. */
  #admittedBytes = 0;
  #askedAt = -Infinity;

  constructor(options: DiskOptions) {
    const { path, onProblem } = options;
    this.#path = path;
    this.#reservePath = reservePathOf(path);
    this.#onProblem = onProblem;
    this.#freeBytes = options.freeBytes ?? (() => readFreeBytes(dirname(path)));
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Why nothing can be stored; undefined if it can, as far as is known. */
  get problem(): StoreProblem | undefined {
    return this.#problem;
  }

  /**
   * Refuses an operation that would take the space without which nothing can be deleted, besides what was admitted to the same
   * transaction before. The caller says how the transaction ends: {@link noteCommit}, {@link noteRollback}.
   *
   * @param bytes of messages that it stores
   * @throws {StoreError} `OVERQUOTA`
   */
  admit(operation: OperationName, bytes: number): void {
    if (!takesSpace.has(operation)) return;
    if (this.#hasSpace(bytes)) {
      this.#admittedBytes += bytes;
      return;
    }
    this.#setProblem('full');
    throw refusalOf('full');
  }

  /** What was admitted is in the file. */
  noteCommit(): void {
    this.#knownFreeBytes -= this.#admittedBytes;
    this.#admittedBytes = 0;
  }

  /** What was admitted takes no space. */
  noteRollback(): void {
    this.#admittedBytes = 0;
  }

  /** Takes note of a failure of SQLite, and returns what the caller is told instead; others come back as they are. */
  noteFailure(error: unknown): unknown {
    const problem = problemOf(error, this.#path, () => this.#hasSpace(0));
    if (problem === undefined) return damageOf(error) ?? error;
    this.#setProblem(problem);
    return refusalOf(problem, error);
  }

  /** True while the log could not be written back to the file the last time. What is stored is safe in the log, which grows. */
  get isLogStuck(): boolean {
    return this.#isLogStuck;
  }

  /** Takes note of how it went to write the log back. @param error of SQLite; undefined if it went well */
  noteWriteBack(error: unknown): void {
    this.#isLogStuck = error !== undefined;
    if (error !== undefined) this.noteFailure(error);
  }

  /** Takes note that a probe is on disk. A disk that is nearly full stays so until there is space. */
  noteSuccess(): void {
    if (this.#isLogStuck) return;
    if (this.#problem === 'full' && !(this.#hasSpace(0) && canGrow(this.#path))) return;
    this.#setProblem(undefined);
  }

  /**
   * Gives up the reserve for an operation that frees space, if the want of space is what it failed of; returns whether there
   * was one.
   *
   * @param error what it failed with
   * @param failure what {@link noteFailure} made of that
   */
  releaseReserve(operation: OperationName, error: unknown, failure: unknown): boolean {
    const isFull = failure instanceof StoreError && failure.code === 'OVERQUOTA';
    if (failure === error || !isFull) return false;
    if (takesSpace.has(operation) || sizeOf(this.#reservePath) === 0) return false;
    rmSync(this.#reservePath, { force: true });
    return true;
  }

  /** Makes the reserve if it is missing and there is plenty of space. */
  keepReserve(): void {
    if (sizeOf(this.#reservePath) >= limits.reserveFileBytes) return;
    if (!this.#hasSpace(2 * limits.reserveBytes)) return;
    // A reserve is worth having, but nothing is lost without it. Half of one would be the last of somebody's quota.
    if (tryWrite(this.#reservePath, limits.reserveFileBytes) !== undefined) {
      tryRemove(this.#reservePath);
    }
  }

  #hasSpace(bytes: number): boolean {
    const now = this.#clock();
    const wantedBytes = limits.reserveBytes + this.#admittedBytes + bytes;
    const isEnough = () => this.#knownFreeBytes >= wantedBytes;
    // Asked again before anything is refused.
    if (now - this.#askedAt >= limits.freeBytesAgeMs || !isEnough()) {
      this.#knownFreeBytes = this.#askFreeBytes();
      this.#askedAt = now;
    }
    return isEnough();
  }

  /** A file system that does not say has space until a write fails. */
  #askFreeBytes(): number {
    try {
      return this.#freeBytes();
    } catch {
      return Infinity;
    }
  }

  #setProblem(problem: StoreProblem | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#onProblem(problem);
  }
}

/** What a change is refused with. @param cause for the log */
export function refusalOf(problem: StoreProblem, cause?: unknown): StoreError {
  const code = problem === 'full' ? 'OVERQUOTA' : 'UNAVAILABLE';
  return new StoreError(code, problemTexts[problem], cause === undefined ? undefined : { cause });
}

/** Why the disk of a file cannot be written, if an error of SQLite says so; undefined for other errors. */
function problemOf(
  error: unknown,
  path: string,
  hasSpace: () => boolean,
): StoreProblem | undefined {
  const code = sqliteCodeOf(error);
  if (code === sqliteCodes.full) return 'full';
  if (code === sqliteCodes.readOnly) return 'read-only';
  if (code !== sqliteCodes.ioError && code !== sqliteCodes.cannotOpen) return undefined;
  if (isDirectoryReadOnly(dirname(path))) return 'read-only';
  // Some file systems only say so when they are to sync.
  return hasSpace() && canGrow(path) ? 'failing' : 'full';
}

/**
 * False if the system says that there is no space for a small file beside the store's. Its word on free space knows nothing
 * of quotas, and SQLite reports a quota that is used up as a disk that fails.
 */
function canGrow(path: string): boolean {
  const probePath = join(dirname(path), 'space-probe');
  const error = tryWrite(probePath, limits.spaceProbeBytes);
  tryRemove(probePath);
  return error === undefined || !isSpaceError(error);
}

/** Writes a file; the error if that fails. It has random bytes, since others take no space where the system compresses. */
function tryWrite(path: string, sizeBytes: number): unknown {
  try {
    // Some systems only find at the end that there is no space.
    writeFileSync(path, randomBytes(sizeBytes), { mode: 0o600, flush: true });
    return undefined;
  } catch (error) {
    return error;
  }
}

function tryRemove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is written over the next time.
  }
}

/**
 * Why a file that exists cannot be opened for writing, if the disk is full or read-only; undefined for other reasons. A
 * full disk is first given the space of the reserve.
 */
export function problemAtStart(
  error: unknown,
  path: string,
): StoreProblem | 'tryAgain' | undefined {
  const hasSpace = () => readFreeBytes(dirname(path)) >= limits.reserveBytes;
  const problem = problemOf(error, path, hasSpace);
  if (problem === 'failing') return undefined;
  const reservePath = reservePathOf(path);
  if (problem !== 'full' || sizeOf(reservePath) === 0) return problem;
  rmSync(reservePath, { force: true });
  return 'tryAgain';
}

function reservePathOf(path: string): string {
  return join(dirname(path), 'reserve');
}

/** 0 if there is no such file. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What is free for this user, who may not have all that is free. */
export function readFreeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
