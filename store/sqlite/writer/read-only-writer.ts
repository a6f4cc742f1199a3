import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { StoreProblem } from '../../opened-store.ts';
import type { Database } from '../database.ts';
import { refusalOf } from './disk.ts';
import { RecentClaims } from '../mailbox-counters.ts';
import { isInMemory, runInMemory } from './operations.ts';
import { makeWatchCounters } from './watches.ts';
import { toFailure, type WriteAnswer, type WriteRequest, type WriterLink } from './writer.ts';

/** Stands in for the writer of a store that could not be opened for writing: every change is refused, with the reason. */
export class ReadOnlyWriter {
  readonly #database: Database;
  readonly #problem: StoreProblem;
  readonly #claims = new RecentClaims();
  readonly #ports = new Set<MessagePort>();

  /** @param database a reader; closed with the writer */
  constructor(database: Database, problem: StoreProblem) {
    this.#database = database;
    this.#problem = problem;
  }

  /** What one more client needs, in this thread or another. */
  connect(): WriterLink {
    const { port1, port2 } = new MessageChannel();
    this.#ports.add(port1);
    port1.on('message', (requests: readonly WriteRequest[]) => {
      const answers = requests.map((request) => this.#answer(request));
      port1.postMessage({ answers, events: [] });
    });
    port1.once('close', () => this.#ports.delete(port1));
    // A client keeps the process running while it awaits an answer; the port alone does not.
    port1.unref();
    return { port: port2, watchCounters: makeWatchCounters() };
  }

  async close(): Promise<void> {
    for (const port of this.#ports) port.close();
    this.#database.close();
  }

  #answer(request: WriteRequest): WriteAnswer {
    const { id } = request;
    try {
      if (!isInMemory(request)) throw refusalOf(this.#problem);
      const context = { database: this.#database, claims: this.#claims };
      return { id, value: runInMemory(context, request) };
    } catch (error) {
      return { id, failure: toFailure(error) };
    }
  }
}
