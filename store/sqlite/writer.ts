import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { makeWatchCounters } from './mailbox-watches.ts';
import type { WriterControl, WriterStart } from './writer-messages.ts';
import type { WriterOptions } from './writer-thread.ts';

/** A client's way to the writer. */
export interface WriterLink {
  /** To transfer with the message if the client is in another thread. */
  readonly port: MessagePort;
  /** Which mailboxes the client watches; shared with the writer. */
  readonly watchCounters: SharedArrayBuffer;
}

/** A running writer thread, and what starts and ends it. */
export class Writer {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => resolve());
    });
  }

  /**
   * Starts a writer on a file of the newest schema. Rejects if that fails. `onFailure` is told if the
   * thread dies later: its clients' ports close then, and every request is refused.
   */
  static async start(options: WriterOptions, onFailure: (error: Error) => void): Promise<Writer> {
    const worker = startThread('writer-thread', options);
    const writer = new Writer(worker);
    const start = await new Promise<WriterStart>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if (start.kind === 'failed') {
      await writer.#ended;
      throw new Error(start.text);
    }
    worker.removeAllListeners('error');
    worker.on('error', onFailure);
    // A client keeps the process running while it awaits an answer; the thread alone does not.
    worker.unref();
    return writer;
  }

  /** What one more client needs, in this thread or another. */
  connect(): WriterLink {
    const { port1, port2 } = new MessageChannel();
    const watchCounters = makeWatchCounters();
    this.#send({ kind: 'connect', port: port1, watchCounters }, [port1]);
    return { port: port2, watchCounters };
  }

  /** Lets the thread finish what is queued and waits for its end. */
  async close(): Promise<void> {
    this.#worker.ref();
    this.#send({ kind: 'close' });
    await this.#ended;
  }

  #send(control: WriterControl, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(control, transfer);
  }
}

/** Starts a thread whose file is beside this one: `.ts` in a clone, `.js` in the package. */
export function startThread(name: string, workerData: unknown): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const url = new URL(`./${name}.${extension}`, import.meta.url);
  // Not the flags of the process: some of them, like --input-type, make a thread of a file fail.
  return new Worker(url, { workerData, execArgv: [] });
}
