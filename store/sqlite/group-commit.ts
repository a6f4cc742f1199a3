import { limits } from '../limits.ts';
import type { Database } from './database.ts';
import { WriteContext, type MailboxChange } from './write-context.ts';
import { runOperation } from './write-operations.ts';
import { toFailure, type WriteAnswer, type WriteRequest } from './writer-messages.ts';

/** A request, and the client that waits for the answer. */
export interface QueuedRequest {
  readonly clientId: number;
  readonly request: WriteRequest;
}

/** What a committed group has to tell: each answer to its client, the changes to all. */
export type GroupListener = (
  answers: readonly { readonly clientId: number; readonly answer: WriteAnswer }[],
  changes: readonly MailboxChange[],
) => void;

/**
 * Runs queued requests as groups, each group one transaction and one wait for the disk. A request that fails
 * is rolled back alone. Answers are given only after the commit.
 */
export class GroupCommit {
  readonly #database: Database;
  readonly #onGroup: GroupListener;
  readonly #queue: QueuedRequest[] = [];
  /** Bodies that drafts are writing, with the client whose draft it is. */
  readonly stagings = new Map<number, number>();

  constructor(database: Database, onGroup: GroupListener) {
    this.#database = database;
    this.#onGroup = onGroup;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  add(request: QueuedRequest): void {
    this.#queue.push(request);
  }

  /** Takes the next group from the queue, runs it and answers. */
  runNext(): void {
    const group = this.#queue.splice(0, this.#nextGroupLength());
    if (group.length > 0) this.#runGroup(group);
  }

  #nextGroupLength(): number {
    let payloadBytes = 0;
    const end = this.#queue.findIndex(({ request }, index) => {
      payloadBytes += request.payloadBytes;
      return index >= limits.maxGroupRequests || (index > 0 && payloadBytes > limits.maxGroupBytes);
    });
    return end === -1 ? this.#queue.length : end;
  }

  #runGroup(group: readonly QueuedRequest[]): void {
    const changes = new Map<number, MailboxChange>();
    let answers: WriteAnswer[];
    try {
      this.#database.run('BEGIN IMMEDIATE');
      answers = group.map((queued) => this.#runRequest(queued, changes));
      this.#database.run('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.execute('ROLLBACK');
      this.#runAlone(group, error);
      return;
    }
    this.#onGroup(
      group.map(({ clientId }, index) => ({ clientId, answer: answers[index] as WriteAnswer })),
      [...changes.values()],
    );
  }

  /** A fault took the whole transaction (a full disk, say): the requests that can do without the others may. */
  #runAlone(group: readonly QueuedRequest[], error: unknown): void {
    if (group.length > 1) {
      for (const queued of group) this.#runGroup([queued]);
      return;
    }
    const answers = group.map(({ clientId, request }) => ({
      clientId,
      answer: { id: request.id, failure: toFailure(error) },
    }));
    this.#onGroup(answers, []);
  }

  #runRequest(
    { clientId, request }: QueuedRequest,
    changes: Map<number, MailboxChange>,
  ): WriteAnswer {
    const { id, operation, argument, nowMs } = request;
    const context = new WriteContext(this.#database, { clientId, nowMs, stagings: this.stagings });
    this.#database.run('SAVEPOINT request');
    try {
      const value = runOperation(operation, context, argument);
      this.#database.run('RELEASE request');
      for (const change of context.changes) changes.set(change.mailboxId, change);
      return { id, value };
    } catch (error) {
      // Without a transaction SQLite has rolled back the whole group already.
      if (!this.#database.isTransaction) throw error;
      this.#database.execute('ROLLBACK TO request; RELEASE request');
      return { id, failure: toFailure(error) };
    }
  }
}
