import { limits } from '../limits.ts';
import type { MailboxEvent, MailboxKey } from '../mail-store.ts';
import { changeCredentials, createAccount, removeAccount } from './accounts.ts';
import { dropStagings, findOrphanedStagings, stageChunks } from './bodies.ts';
import { collect } from './collector.ts';
import { copyMessages, expungeMessages, moveMessages } from './copy-and-expunge.ts';
import type { Database } from './database.ts';
import { storeFlags } from './flags.ts';
import { RecentClaims } from './mailbox-counters.ts';
import {
  createMailbox,
  deleteMailbox,
  renameMailbox,
  subscribe,
  unsubscribe,
} from './mailboxes.ts';
import { addMessage } from './messages.ts';
import { type MailboxCommit, WriteContext } from './write-context.ts';
import { toFailure, type WriteAnswer, type WriteRequest } from './writer.ts';

/** A request, and the client that waits for the answer. */
interface QueuedRequest {
  readonly clientId: number;
  readonly request: WriteRequest;
}

/**
 * What a committed group has to tell: each answer to its client, and the events, in the order of the requests, to
 * those who watch.
 */
export type GroupListener = (
  answers: readonly { readonly clientId: number; readonly answer: WriteAnswer }[],
  events: readonly MailboxCommit[],
) => void;

/**
 * Runs queued requests as groups, each group one transaction and one wait for the disk. A request that fails
 * is rolled back alone. Answers are given only after the commit.
 */
export class GroupCommit {
  readonly #database: Database;
  readonly #onGroup: GroupListener;
  readonly #queue: QueuedRequest[] = [];
  readonly #claims = new RecentClaims();
  /** Bodies that drafts are writing, with the client whose draft it is. */
  readonly stagings = new Map<number, number>();

  constructor(database: Database, onGroup: GroupListener) {
    this.#database = database;
    this.#onGroup = onGroup;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** True if there are claims of \Recent messages that are not written. */
  get hasClaims(): boolean {
    return !this.#claims.isEmpty;
  }

  add(request: QueuedRequest): void {
    this.#queue.push(request);
  }

  /** Takes the next group from the queue, runs it and answers. */
  runNext(): void {
    const group = this.#queue.splice(0, this.#nextGroupLength());
    const writes = group.filter(({ request }) => !isInMemory(request.operation));
    if (writes.length > 0) this.#runGroup(writes, { writesClaims: true });
    const others = group.filter(({ request }) => isInMemory(request.operation));
    // After the commit, so that nothing is claimed that a failure takes back.
    if (others.length > 0) this.#answer(others, (request) => this.#runInMemory(request));
  }

  /** Writes the claims by themselves. If that fails they stay: the next change, or the next call, may do it. */
  writeClaims(): void {
    if (this.#claims.isEmpty) return;
    try {
      this.#database.run('BEGIN IMMEDIATE');
      this.#claims.write(this.#database);
      this.#database.run('COMMIT');
      this.#claims.clear();
    } catch {
      if (this.#database.isTransaction) this.#database.execute('ROLLBACK');
    }
  }

  #nextGroupLength(): number {
    let payloadBytes = 0;
    const end = this.#queue.findIndex(({ request }, index) => {
      payloadBytes += request.payloadBytes;
      return index >= limits.maxGroupRequests || (index > 0 && payloadBytes > limits.maxGroupBytes);
    });
    return end === -1 ? this.#queue.length : end;
  }

  #runGroup(group: readonly QueuedRequest[], { writesClaims }: { writesClaims: boolean }): void {
    const events = new GroupEvents();
    let answers: WriteAnswer[];
    let hasWrittenClaims = false;
    try {
      this.#database.run('BEGIN IMMEDIATE');
      answers = group.map((queued) => this.#runRequest(queued, events));
      if (writesClaims && events.all.length > 0 && this.hasClaims) {
        hasWrittenClaims = true;
        this.#claims.write(this.#database);
      }
      this.#database.run('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.execute('ROLLBACK');
      // There may be room for the requests, but not for the claims.
      if (hasWrittenClaims) this.#runGroup(group, { writesClaims: false });
      else this.#runAlone(group, error);
      return;
    }
    if (hasWrittenClaims) this.#claims.clear();
    this.#onGroup(
      group.map(({ clientId }, index) => ({ clientId, answer: answers[index] as WriteAnswer })),
      events.all,
    );
  }

  /** A fault took the whole transaction (a full disk, say): the requests that can do without the others may. */
  #runAlone(group: readonly QueuedRequest[], error: unknown): void {
    if (group.length > 1) {
      for (const queued of group) this.#runGroup([queued], { writesClaims: false });
      return;
    }
    this.#answer(group, () => {
      throw error;
    });
  }

  #runRequest({ clientId, request }: QueuedRequest, events: GroupEvents): WriteAnswer {
    const { id, operation, argument, nowMs } = request;
    const context = new WriteContext(this.#database, { clientId, nowMs, stagings: this.stagings });
    this.#database.run('SAVEPOINT request');
    try {
      const value = runOperation(operation, context, argument);
      this.#database.run('RELEASE request');
      for (const commit of context.events) events.add(commit);
      return { id, value };
    } catch (error) {
      // Without a transaction SQLite has rolled back the whole group already.
      if (!this.#database.isTransaction) throw error;
      this.#database.execute('ROLLBACK TO request; RELEASE request');
      return { id, failure: toFailure(error) };
    }
  }

  #runInMemory({ operation, argument }: WriteRequest): unknown {
    return runInMemory(operation, { database: this.#database, claims: this.#claims }, argument);
  }

  #answer(group: readonly QueuedRequest[], run: (request: WriteRequest) => unknown): void {
    const answers = group.map(({ clientId, request }) => {
      const { id } = request;
      try {
        return { clientId, answer: { id, value: run(request) } };
      } catch (error) {
        return { clientId, answer: { id, failure: toFailure(error) } };
      }
    });
    this.#onGroup(answers, []);
  }
}

/** The events of a group: together they tell no more than one may, and past that only how far they go. */
class GroupEvents {
  readonly all: MailboxCommit[] = [];
  #messageCount = 0;
  #flagSetCount = 0;

  add({ mailboxId, event }: MailboxCommit): void {
    this.all.push({ mailboxId, event: event.kind === 'changed' ? this.#bound(event) : event });
  }

  #bound(event: ChangedEvent): MailboxEvent {
    const { messages, expungedUids, modseq } = event;
    const messageCount = this.#messageCount + messages.uids.length + expungedUids.length;
    const flagSetCount = this.#flagSetCount + messages.flagSets.length;
    if (messageCount > limits.maxEventMessages || flagSetCount > limits.maxEventFlagSets) {
      return { kind: 'changed-much', modseq };
    }
    this.#messageCount = messageCount;
    this.#flagSetCount = flagSetCount;
    return event;
  }
}

type ChangedEvent = Extract<MailboxEvent, { readonly kind: 'changed' }>;

/** Everything that the writer does in a transaction, by the name under which clients ask for it. */
const writeOperations = {
  addMessage,
  changeCredentials,
  collect,
  copyMessages,
  createAccount,
  createMailbox,
  deleteMailbox,
  dropStagings,
  findOrphanedStagings,
  expungeMessages,
  moveMessages,
  removeAccount,
  renameMailbox,
  stageChunks,
  storeFlags,
  subscribe,
  unsubscribe,
};

/** What an operation that needs no transaction has to work with. */
interface MemoryContext {
  readonly database: Database;
  readonly claims: RecentClaims;
}

/** What the writer does between two transactions, without a wait for the disk. */
const memoryOperations = {
  claimRecent: ({ database, claims }: MemoryContext, box: MailboxKey) =>
    claims.claim(database, box),
  /** The answer tells the client that the writer knows it, and its watches. */
  greet: (_context: MemoryContext, _argument: undefined) => undefined,
};

type Operations = typeof writeOperations & typeof memoryOperations;

export type OperationName = keyof Operations;

/** What an operation takes; undefined if it takes nothing. */
export type OperationArgument<Name extends OperationName> = Parameters<Operations[Name]>[1];

/** What it answers. */
export type OperationResult<Name extends OperationName> = ReturnType<Operations[Name]>;

/** True for an operation that needs no transaction. */
export function isInMemory(name: OperationName): name is keyof typeof memoryOperations {
  return Object.hasOwn(memoryOperations, name);
}

/** Runs an operation of which only the name is known. The client's types made sure of the argument. */
function runOperation(name: OperationName, context: WriteContext, argument: unknown): unknown {
  return find(writeOperations, name)(context, argument);
}

/** As {@link runOperation}, for one that is {@link isInMemory}. */
function runInMemory(name: OperationName, context: MemoryContext, argument: unknown): unknown {
  return find(memoryOperations, name)(context, argument);
}

function find(
  operations: object,
  name: OperationName,
): (context: WriteContext | MemoryContext, argument: unknown) => unknown {
  const operation = (operations as Record<string, ReturnType<typeof find>>)[name];
  if (operation === undefined) throw new Error(`There is no operation "${name}"`);
  return operation;
}
