import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { dropOrphanedStagings } from './collector.ts';
import { Database } from './database.ts';
import { GroupCommit, type GroupListener } from './group-commit.ts';
import { isWatched } from './mailbox-watches.ts';
import { temporaryTables } from './copy-and-expunge.ts';
import { WriteContext } from './write-context.ts';
import { toFailure, type WriterControl, type WriterStart, type WriteRequest } from './writer.ts';

/** What the thread is started with. */
export interface WriterOptions {
  readonly path: string;
  /** How long claims of \Recent messages stay in memory; `limits.recentFlushMs`. */
  readonly recentFlushMs: number;
}

interface Client {
  readonly port: MessagePort;
  readonly watchCounters: Int32Array;
}

/** The thread that makes every change of the store, for any number of clients. */
class WriterThread {
  readonly #database: Database;
  readonly #groups: GroupCommit;
  readonly #clients = new Map<number, Client>();
  readonly #recentFlushMs: number;
  readonly #onEnd: () => void;
  /** Runs while there are claims of \Recent messages that are not written. */
  #claimTimer: NodeJS.Timeout | undefined;
  #lastClientId = 0;
  #isScheduled = false;
  #isClosing = false;

  constructor({ path, recentFlushMs }: WriterOptions, onEnd: () => void) {
    this.#recentFlushMs = recentFlushMs;
    this.#onEnd = onEnd;
    this.#database = new Database(path, 'writer');
    this.#database.execute(temporaryTables);
    this.#groups = new GroupCommit(this.#database, (...group) => this.#report(...group));
    const context = { nowMs: 0, clientId: 0, stagings: this.#groups.stagings };
    dropOrphanedStagings(new WriteContext(this.#database, context));
  }

  /** Serves a client until its port closes. */
  connect(port: MessagePort, watchCounters: SharedArrayBuffer): void {
    const clientId = ++this.#lastClientId;
    this.#clients.set(clientId, { port, watchCounters: new Int32Array(watchCounters) });
    port.on('message', (request: WriteRequest) => {
      this.#groups.add({ clientId, request });
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

  #runGroup(): void {
    this.#isScheduled = false;
    this.#groups.runNext();
    if (!this.#groups.isEmpty) this.#schedule();
    else if (this.#isClosing) this.#end();
    if (!this.#isClosing) this.#scheduleClaims();
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

  /** After the commit, so that {@link isWatched} misses nobody. */
  readonly #report: GroupListener = (answers, events) => {
    for (const [clientId, { port, watchCounters }] of this.#clients) {
      const own = answers.filter((answer) => answer.clientId === clientId);
      const watched = events.filter(({ mailboxId }) => isWatched(watchCounters, mailboxId));
      if (own.length === 0 && watched.length === 0) continue;
      port.postMessage({ answers: own.map(({ answer }) => answer), events: watched });
    }
  };

  #end(): void {
    clearTimeout(this.#claimTimer);
    this.#groups.writeClaims();
    for (const { port } of this.#clients.values()) port.close();
    this.#database.close();
    this.#onEnd();
  }
}

function start(port: MessagePort): void {
  const report = (message: WriterStart) => port.postMessage(message);
  let writer: WriterThread;
  try {
    writer = new WriterThread(workerData as WriterOptions, () => port.close());
  } catch (error) {
    report({ kind: 'failed', text: toFailure(error).text });
    return;
  }
  port.on('message', (control: WriterControl) => {
    if (control.kind === 'connect') writer.connect(control.port, control.watchCounters);
    else writer.close();
  });
  report({ kind: 'ready' });
}

if (parentPort) start(parentPort);
