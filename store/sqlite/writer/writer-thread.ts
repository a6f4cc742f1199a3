import { dirname } from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { limits } from '../../limits.ts';
import type { StoreProblem } from '../../opened-store.ts';
import { dropOrphanedStagings } from '../collector.ts';
import { Database } from '../database.ts';
import { Checkpoints, type WriteBackBounds } from './checkpoints.ts';
import { Disk, readFreeBytes } from './disk.ts';
import { GroupCommit, type GroupListener } from './group-commit.ts';
import { StoreFiles } from '../store-files.ts';
import { isWatched, toWatchCounters, type WatchCounters } from './watches.ts';
import { type Commit, type SliceBounds, WriteContext } from './write-context.ts';
import { toFailure, type WriterControl, type WriterNews, type WriteRequest } from './writer.ts';

/** What the thread is started with. */
export interface WriterOptions {
  readonly path: string;
  /** How long claims of \Recent messages stay in memory; `limits.recentFlushMs`. */
  readonly recentFlushMs: number;
  /** `limits.stepMessages` and `limits.sliceMs` by default. */
  readonly slices: SliceBounds | undefined;
  /** When the log is written back; those of `limits` by default. */
  readonly writeBack: WriteBackBounds | undefined;
}

interface Client {
  readonly port: MessagePort;
  readonly watchCounters: WatchCounters;
}

/** The thread that makes every change of the store, for any number of clients. */
class WriterThread {
  readonly #database: Database;
  readonly #groups: GroupCommit;
  readonly #clients = new Map<number, Client>();
  readonly #recentFlushMs: number;
  readonly #disk: Disk;
  readonly #files: StoreFiles;
  readonly #checkpoints: Checkpoints;
  readonly #filesTimer: NodeJS.Timeout;
  readonly #tell: (news: WriterNews) => void;
  readonly #onEnd: () => void;
  /** Runs while there are claims of \Recent messages that are not written. */
  #claimTimer: NodeJS.Timeout | undefined;
  /** Runs while nothing can be stored. */
  #probeTimer: NodeJS.Timeout | undefined;
  #lastClientId = 0;
  #isScheduled = false;
  #isClosing = false;

  /** @param opener the thread that opened the store: what it is told, and what is done at the end */
  constructor(
    { path, recentFlushMs, slices, writeBack }: WriterOptions,
    opener: { readonly tell: (news: WriterNews) => void; readonly onEnd: () => void },
  ) {
    this.#recentFlushMs = recentFlushMs;
    this.#tell = opener.tell;
    this.#onEnd = opener.onEnd;
    this.#database = new Database(path, 'writer');
    this.#disk = new Disk({
      path,
      freeBytes: () => readFreeBytes(dirname(path)) + freePageBytes(this.#database),
      onProblem: (problem) => this.#tellProblem(problem),
    });
    this.#files = new StoreFiles(path);
    this.#checkpoints = new Checkpoints(this.#database, {
      bounds: writeBack,
      onEnd: (error) => this.#endWriteBack(error),
    });
    this.#disk.keepReserve();
    const report: GroupListener = (...group) => this.#report(...group);
    this.#groups = new GroupCommit(this.#database, report, {
      disk: this.#disk,
      slices,
      holdsTransient: () => this.#checkpoints.holdsLarge,
    });
    try {
      this.#recover();
    } catch (error) {
      // Lets the thread end.
      clearInterval(this.#probeTimer);
      this.#database.close();
      throw error;
    }
    this.#filesTimer = setInterval(() => this.#files.expectPresent(), limits.presenceCheckMs);
    this.#schedule();
  }

  /**
   * Goes on where a process before this one ended.
   *
   * @throws if the file cannot be read: a mailbox with copies that are not deleted would take no message
   */
  #recover(): void {
    this.#groups.recover();
    const context = { nowMs: 0, clientId: 0, stagings: this.#groups.stagings };
    try {
      dropOrphanedStagings(new WriteContext(this.#database, context));
    } catch (error) {
      this.#disk.noteFailure(error);
      const { problem } = this.#disk;
      // Then it costs nothing: the collector comes again.
      if (problem !== 'full' && problem !== 'read-only') throw error;
    }
  }

  /** Serves a client until its port closes. */
  connect(port: MessagePort, watchCounters: SharedArrayBuffer): void {
    const clientId = ++this.#lastClientId;
    const client = { port, watchCounters: toWatchCounters(watchCounters) };
    this.#clients.set(clientId, client);
    forgetAccounts(client);
    port.on('message', (requests: readonly WriteRequest[]) => {
      for (const request of requests) this.#groups.add({ clientId, request });
      this.#schedule();
    });
    port.once('close', () => this.#disconnect(clientId));
  }

  /** Runs what is queued, then ends the thread. */
  close(): void {
    this.#isClosing = true;
    this.#schedule();
  }

  #disconnect(clientId: number): void {
    this.#clients.delete(clientId);
    if (this.#isClosing) return;
    this.#groups.forget(clientId);
    if (!this.#groups.isEmpty) this.#schedule();
  }

  /** Not at once: everything that has arrived in this turn of the loop joins the group. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#runGroup());
  }

  /** If it is to wait until the log is written back, it goes on then. */
  #runGroup(): void {
    this.#isScheduled = false;
    if (!this.#checkpoints.holdsAll) {
      this.#groups.runNext();
      this.#checkpoints.noteCommit();
    }
    if (this.#groups.isEmpty && this.#isClosing) this.#end();
    else if (this.#groups.canRun && !this.#checkpoints.holdsAll) this.#schedule();
    if (!this.#isClosing) this.#scheduleClaims();
  }

  /** What has waited for it goes on. */
  #endWriteBack(error: unknown): void {
    this.#disk.noteWriteBack(error);
    this.#schedule();
  }

  /** A change that comes meanwhile writes the claims too; then the timer finds nothing to do. */
  #scheduleClaims(): void {
    if (this.#claimTimer !== undefined || !this.#groups.hasClaims) return;
    this.#claimTimer = setTimeout(() => {
      this.#claimTimer = undefined;
      this.#groups.writeClaims();
      this.#scheduleClaims();
    }, this.#recentFlushMs);
  }

  #tellProblem(problem: StoreProblem | undefined): void {
    clearInterval(this.#probeTimer);
    if (problem === undefined) this.#disk.keepReserve();
    else this.#probeTimer = setInterval(() => this.#probeDisk(), limits.diskProbeMs);
    this.#tell({ kind: 'problem', problem });
  }

  #probeDisk(): void {
    if (this.#disk.isLogStuck) this.#checkpoints.begin();
    this.#groups.probeDisk();
    this.#schedule();
  }

  /** After the commit, so that {@link isWatched} misses nobody. */
  readonly #report: GroupListener = (answers, events) => {
    // Nothing is acknowledged that was written to files that nobody will find. The thread ends with this error.
    this.#files.expectPresent();
    if (events.some(changesAccount)) this.#clients.forEach(forgetAccounts);
    for (const [clientId, { port, watchCounters }] of this.#clients) {
      const own = answers.filter((answer) => answer.clientId === clientId);
      const watched = events.filter((commit) => isTold(watchCounters, commit));
      if (own.length === 0 && watched.length === 0) continue;
      port.postMessage({ answers: own.map(({ answer }) => answer), events: watched });
    }
  };

  #end(): void {
    clearTimeout(this.#claimTimer);
    clearInterval(this.#probeTimer);
    clearInterval(this.#filesTimer);
    this.#groups.writeClaims();
    for (const { port } of this.#clients.values()) port.close();
    // The last connection that is closed writes the rest of the log back.
    void this.#checkpoints.close().then(() => {
      this.#database.close();
      this.#onEnd();
    });
  }
}

function isTold({ mailboxes, accounts }: WatchCounters, commit: Commit): boolean {
  return 'mailboxId' in commit
    ? isWatched(mailboxes, commit.mailboxId)
    : isWatched(accounts, commit.accountId);
}

/** True if what a client has read of the account no longer counts. */
function changesAccount(commit: Commit): boolean {
  if ('mailboxId' in commit) return false;
  return commit.event.kind === 'credentials' || commit.event.kind === 'gone';
}

/** Before anybody is told of the commit, so that nobody who was told finds the account as it was. */
function forgetAccounts({ watchCounters }: Client): void {
  Atomics.add(watchCounters.accountsVersion, 0, 1);
}

/** Bytes of the file that new mail is written to before the file grows. */
function freePageBytes(database: Database): number {
  const [pages] = database.row<[number]>('PRAGMA freelist_count')!;
  const [pageBytes] = database.row<[number]>('PRAGMA page_size')!;
  return pages * pageBytes;
}

function start(port: MessagePort): void {
  const tell = (news: WriterNews) => port.postMessage(news);
  let writer: WriterThread;
  try {
    writer = new WriterThread(workerData as WriterOptions, { tell, onEnd: () => port.close() });
  } catch (error) {
    tell({ kind: 'failed', text: toFailure(error).text });
    return;
  }
  port.on('message', (control: WriterControl) => {
    if (control.kind === 'connect') writer.connect(control.port, control.watchCounters);
    else writer.close();
  });
  tell({ kind: 'ready' });
}

if (parentPort) start(parentPort);
