import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { dropAllStagings } from './collector.ts';
import { Database } from './database.ts';
import { GroupCommit, type GroupListener } from './group-commit.ts';
import { temporaryTables } from './schema.ts';
import { WriteContext } from './write-context.ts';
import {
  toFailure,
  type WriterControl,
  type WriterStart,
  type WriteRequest,
} from './writer-messages.ts';

/** The thread that makes every change of the store, for any number of clients. */
class WriterThread {
  readonly #database: Database;
  readonly #groups: GroupCommit;
  readonly #clients = new Map<number, MessagePort>();
  readonly #onEnd: () => void;
  #lastClientId = 0;
  #isScheduled = false;
  #isClosing = false;

  constructor(path: string, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#database = new Database(path, 'writer');
    this.#database.execute(temporaryTables);
    this.#groups = new GroupCommit(this.#database, (...group) => this.#report(...group));
    const context = { nowMs: 0, clientId: 0, stagings: this.#groups.stagings };
    dropAllStagings(new WriteContext(this.#database, context));
  }

  /** Serves a client until its port closes. */
  connect(port: MessagePort): void {
    const clientId = ++this.#lastClientId;
    this.#clients.set(clientId, port);
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

  /** What the client's drafts have staged nobody can finish. */
  #disconnect(clientId: number): void {
    this.#clients.delete(clientId);
    const staged = [...this.#groups.stagings].filter(([, owner]) => owner === clientId);
    if (staged.length === 0 || this.#isClosing) return;
    const bodyIds = staged.map(([bodyId]) => bodyId);
    this.#groups.add({
      clientId,
      request: {
        id: 0,
        operation: 'dropStagings',
        argument: { bodyIds },
        nowMs: 0,
        payloadBytes: 0,
      },
    });
    this.#schedule();
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
  }

  readonly #report: GroupListener = (answers, changes) => {
    for (const [clientId, port] of this.#clients) {
      const own = answers.filter((answer) => answer.clientId === clientId);
      if (own.length === 0 && changes.length === 0) continue;
      port.postMessage({ answers: own.map(({ answer }) => answer), changes });
    }
  };

  #end(): void {
    for (const port of this.#clients.values()) port.close();
    this.#database.close();
    this.#onEnd();
  }
}

function start(port: MessagePort): void {
  const report = (message: WriterStart) => port.postMessage(message);
  let writer: WriterThread;
  try {
    const { path } = workerData as { path: string };
    writer = new WriterThread(path, () => port.close());
  } catch (error) {
    report({ kind: 'failed', text: toFailure(error).text });
    return;
  }
  port.on('message', (control: WriterControl) => {
    if (control.kind === 'connect') writer.connect(control.port);
    else writer.close();
  });
  report({ kind: 'ready' });
}

if (parentPort) start(parentPort);
