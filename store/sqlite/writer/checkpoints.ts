import type { Worker } from 'node:worker_threads';
import { limits } from '../../limits.ts';
import type { Database, LogState } from '../database.ts';
import { startThread } from './writer.ts';

/**
 * From the writer to the thread that writes the log back: once, or so often that the file is synced too, which SQLite leaves out
 * if pages come meanwhile. After `end` it closes its connection and ends.
 */
export type WriteBackOrder = 'write-back' | 'write-back-all' | 'end';

/** What the thread answers when it has written back. */
export interface WriteBackReport {
  /** Why it could not, and SQLite's code for it; absent if it could, as far as no reader stood in the way. */
  readonly failure?: { readonly text: string; readonly errcode: number | undefined };
}

/** Those of `limits`, by default. */
export type WriteBackBounds = Readonly<
  Record<'writeBackPages' | 'longLogPages' | 'lastPages' | 'maxLogPages', number>
>;

export interface CheckpointOptions {
  /** Told how it went to write the log back: with the error, or undefined. What was held may go on. */
  readonly onEnd: (error: unknown) => void;
  readonly bounds?: WriteBackBounds | undefined;
  /** Starts the thread; absent: the real one. */
  readonly start?: () => CheckpointThread;
}

/** What is needed of the thread. */
export interface CheckpointThread {
  postMessage(order: WriteBackOrder, transfer: readonly []): void;
  on(event: 'message', listener: (report: WriteBackReport) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'exit', listener: () => void): unknown;
}

/**
 * Has the log written back to the file by a thread of its own, so that nobody's commit waits for that. It is safe at any time:
 * SQLite syncs the log before the file is written, and the file before the log begins anew; and what is in the log stays there
 * until all of it is in the file.
 *
 * The log begins anew with the next change after all of it was written back. If changes come all the time, some of them always
 * came meanwhile: of a log that is long the writer then writes back the last pages itself, between two commits.
 *
 * @see https://sqlite.org/wal.html#ckpt
 */
export class Checkpoints {
  readonly #database: Database;
  readonly #options: CheckpointOptions;
  readonly #bounds: WriteBackBounds;
  /** Started when it is first needed: many stores never have so much to write. */
  #thread: CheckpointThread | undefined;
  #isRunning = false;
  #isClosing = false;
  #pageCount = 0;
  #order: WriteBackOrder = 'write-back';
  /** What was to be written back when that began. */
  #pendingBefore = 0;
  /** How long the log is when it is tried again, after a time when a reader of an old state, or the disk, was in the way. */
  #nextPageCount = 0;

  /** @param database the writer's, which then no longer writes back by itself */
  constructor(database: Database, options: CheckpointOptions) {
    this.#database = database;
    this.#options = options;
    this.#bounds = options.bounds ?? limits;
    database.stopWritingBack();
  }

  /** True while large messages are to wait, until {@link CheckpointOptions.onEnd}. */
  get holdsLarge(): boolean {
    return this.#isRunning && this.#pageCount >= this.#bounds.longLogPages;
  }

  /** True while all changes are to wait. */
  get holdsAll(): boolean {
    return this.#isRunning && this.#pageCount >= this.#bounds.maxLogPages;
  }

  /** To be called after each commit. */
  noteCommit(): void {
    const { pageCount, pendingCount } = this.#look();
    if (pendingCount >= this.#bounds.writeBackPages && pageCount >= this.#nextPageCount)
      this.begin();
  }

  /** Has the log written back now. */
  begin(): void {
    if (this.#isRunning || this.#isClosing) return;
    const { pageCount, pendingCount } = this.#look();
    this.#pendingBefore = pendingCount;
    this.#order = pageCount < this.#bounds.longLogPages ? 'write-back' : 'write-back-all';
    this.#isRunning = true;
    this.#thread ??= this.#start();
    this.#thread.postMessage(this.#order, []);
  }

  /** Ends the thread, and waits for that; it may be at work. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    await new Promise<void>((resolve) => {
      thread.once('exit', () => resolve());
      thread.postMessage('end', []);
    });
  }

  #start(): CheckpointThread {
    const { start } = this.#options;
    const thread: CheckpointThread = start?.() ?? startCheckpointThread(this.#database.path);
    thread.on('message', ({ failure }: WriteBackReport) =>
      // Between threads an error keeps nothing but its text.
      this.#end(failure && Object.assign(new Error(failure.text), { errcode: failure.errcode })),
    );
    // It could not open the file, say. The next time another one tries.
    thread.on('error', () => this.#endWithout(thread));
    return thread;
  }

  #endWithout(thread: CheckpointThread): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    if (this.#isRunning && !this.#isClosing) this.#end(this.#writeBack());
  }

  /** A log that cannot be looked at is taken for an empty one: whoever writes to it is told of it. */
  #look(): LogState {
    let state: LogState = { pageCount: 0, pendingCount: 0 };
    try {
      state = this.#database.logState();
    } catch {
      // After the next commit it may be there again.
    }
    this.#pageCount = state.pageCount;
    return state;
  }

  /** In this thread; returns why it failed, if it did. */
  #writeBack(): unknown {
    try {
      this.#database.writeBack();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #end(error: unknown): void {
    this.#isRunning = false;
    if (this.#isClosing) return;
    const { pageCount, pendingCount } = this.#look();
    const { writeBackPages } = this.#bounds;
    this.#nextPageCount = pendingCount < writeBackPages ? 0 : pageCount + writeBackPages;
    this.#options.onEnd(error === undefined ? this.#shorten() : error);
  }

  /** Goes on with a log that is long; returns why that failed, if it did. */
  #shorten(): unknown {
    const { pageCount, pendingCount } = this.#look();
    if (pageCount < this.#bounds.longLogPages || pendingCount === 0) return undefined;
    const isSynced = this.#order === 'write-back-all';
    if (isSynced && pendingCount <= this.#bounds.lastPages) return this.#writeBack();
    // Without a reader in the way it is less each time, since large messages wait.
    if (!isSynced || pendingCount < this.#pendingBefore) this.begin();
    return undefined;
  }
}

function startCheckpointThread(path: string): Worker {
  return startThread(new URL('./checkpoint-thread', import.meta.url), { path }, 'reprise-log');
}
