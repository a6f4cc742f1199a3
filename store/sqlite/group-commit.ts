import { limits } from '../limits.ts';
import type { MailboxEvent, MailboxKey } from '../mail-store.ts';
import { changeCredentials, createAccount, removeAccount } from './accounts.ts';
import { dropStagings, findOrphanedStagings, stageChunks } from './bodies.ts';
import { collect } from './collector.ts';
import { copyMessages, expungeMessages, moveMessages } from './copy-and-expunge.ts';
import type { Database } from './database.ts';
import { Disk } from './disk.ts';
import { forgetExpunged } from './expunged.ts';
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
  /** 0: nobody, the writer asks itself. */
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
 *
 * What nobody needs to find after a crash is written in groups of its own that do not wait for the disk. The log
 * keeps the order: a later commit that does wait has what it builds on.
 */
export class GroupCommit {
  readonly #database: Database;
  readonly #onGroup: GroupListener;
  readonly #disk: Disk;
  readonly #queue: QueuedRequest[] = [];
  /** Those of {@link isTransient}. */
  readonly #transientQueue: QueuedRequest[] = [];
  readonly #claims = new RecentClaims();
  /** Bodies that drafts are writing, with the client whose draft it is. */
  readonly stagings = new Map<number, number>();

  /** @param disk told of the file's disk; absent: one that nobody listens to */
  constructor(database: Database, onGroup: GroupListener, disk?: Disk) {
    this.#database = database;
    this.#onGroup = onGroup;
    this.#disk = disk ?? new Disk({ path: database.path, onProblem: () => undefined });
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#transientQueue.length === 0;
  }

  /** True if there are claims of \Recent messages that are not written. */
  get hasClaims(): boolean {
    return !this.#claims.isEmpty;
  }

  add(queued: QueuedRequest): void {
    const { operation } = queued.request;
    (isTransient(operation) ? this.#transientQueue : this.#queue).push(queued);
  }

  /** The client is gone: nobody can finish what its drafts have staged, or are about to. */
  forget(clientId: number): void {
    const kept = this.#transientQueue.filter((queued) => queued.clientId !== clientId);
    this.#transientQueue.splice(0, Infinity, ...kept);
    const owned = [...this.stagings].filter(([, owner]) => owner === clientId);
    const bodyIds = owned.map(([bodyId]) => bodyId);
    if (bodyIds.length > 0) this.#addOwn('dropStagings', { bodyIds }, 0);
  }

  /** Finds out whether the disk can be written again. */
  probeDisk(): void {
    // Only then is what was freed in the file, and is still in the log, the system's again.
    if (this.#disk.problem === 'full') this.#database.checkpoint();
    this.#addOwn('probeDisk', undefined, 0);
  }

  /** Takes the next group of each queue, runs it and answers. */
  runNext(): void {
    const group = takeGroup(this.#queue, limits.maxGroupBytes);
    const writes = group.filter(({ request }) => !isInMemory(request.operation));
    if (writes.length > 0) this.#runGroup(writes, { writesClaims: true });
    const others = group.filter(({ request }) => isInMemory(request.operation));
    // After the commit, so that nothing is claimed that a failure takes back.
    if (others.length > 0) this.#answer(others, (request) => this.#runInMemory(request));
    this.#runTransient(takeGroup(this.#transientQueue, limits.maxTransientGroupBytes));
  }

  #runTransient(group: readonly QueuedRequest[]): void {
    if (group.length === 0) return;
    this.#database.setDurable(false);
    let answers: readonly WriteAnswer[];
    try {
      answers = this.#runGroup(group, { writesClaims: false });
    } finally {
      this.#database.setDurable(true);
    }
    // The space of what was dropped is there for others at once, and not only when the collector comes.
    const leftover = group.find(({ clientId, request: { operation } }, index) => {
      const answer = answers[index]!;
      if ('failure' in answer) return false;
      return operation === 'dropStagings' || (clientId === 0 && answer.value === true);
    });
    if (leftover !== undefined) this.#addOwn('collect', undefined, leftover.request.nowMs);
  }

  #addOwn(operation: OperationName, argument: unknown, nowMs: number): void {
    this.add({ clientId: 0, request: { id: 0, operation, argument, nowMs, payloadBytes: 0 } });
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

  /** The answers, which are given too. */
  #runGroup(
    group: readonly QueuedRequest[],
    { writesClaims }: { writesClaims: boolean },
  ): readonly WriteAnswer[] {
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
      return hasWrittenClaims
        ? this.#runGroup(group, { writesClaims: false })
        : this.#runAlone(group, error);
    }
    if (hasWrittenClaims) this.#claims.clear();
    if (group.some(({ request }) => request.operation === 'probeDisk')) this.#disk.noteSuccess();
    this.#onGroup(
      group.map(({ clientId }, index) => ({ clientId, answer: answers[index]! })),
      events.all,
    );
    return answers;
  }

  /** A fault took the whole transaction (a full disk, say): the requests that can do without the others may. */
  #runAlone(group: readonly QueuedRequest[], error: unknown): readonly WriteAnswer[] {
    if (group.length > 1) {
      return group.flatMap((queued) => this.#runGroup([queued], { writesClaims: false }));
    }
    const failure = this.#disk.noteFailure(error);
    const operation = group[0]!.request.operation;
    if (this.#disk.problem === 'full' && this.#disk.releaseReserve(operation)) {
      return this.#runGroup(group, { writesClaims: false });
    }
    return this.#answer(group, () => {
      throw failure;
    });
  }

  #runRequest({ clientId, request }: QueuedRequest, events: GroupEvents): WriteAnswer {
    const { id, operation, argument, nowMs, payloadBytes } = request;
    const context = new WriteContext(this.#database, { clientId, nowMs, stagings: this.stagings });
    this.#database.run('SAVEPOINT request');
    try {
      this.#disk.admit(operation, payloadBytes);
      const value = runOperation(operation, context, argument);
      this.#database.run('RELEASE request');
      for (const commit of context.events) events.add(commit);
      return { id, value };
    } catch (error) {
      // Without a transaction SQLite has rolled back the whole group already.
      if (!this.#database.isTransaction) throw error;
      this.#database.execute('ROLLBACK TO request; RELEASE request');
      return { id, failure: toFailure(this.#disk.noteFailure(error)) };
    }
  }

  #runInMemory({ operation, argument }: WriteRequest): unknown {
    return runInMemory(operation, { database: this.#database, claims: this.#claims }, argument);
  }

  #answer(
    group: readonly QueuedRequest[],
    run: (request: WriteRequest) => unknown,
  ): readonly WriteAnswer[] {
    const answers = group.map(({ request }): WriteAnswer => {
      const { id } = request;
      try {
        return { id, value: run(request) };
      } catch (error) {
        return { id, failure: toFailure(error) };
      }
    });
    this.#onGroup(
      group.map(({ clientId }, index) => ({ clientId, answer: answers[index]! })),
      [],
    );
    return answers;
  }
}

/** Takes the next group from a queue: at least one request, if there is one. */
function takeGroup(queue: QueuedRequest[], maxBytes: number): QueuedRequest[] {
  let payloadBytes = 0;
  const end = queue.findIndex(({ request }, index) => {
    payloadBytes += request.payloadBytes;
    return index >= limits.maxGroupRequests || (index > 0 && payloadBytes > maxBytes);
  });
  return queue.splice(0, end === -1 ? queue.length : end);
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

/** Changes nothing, but writes a page: SQLite leaves out what would be as before. */
function probeDisk({ database }: WriteContext): void {
  database.run('INSERT INTO uid_validity VALUES (0)');
  database.run('DELETE FROM uid_validity WHERE rowid = last_insert_rowid()');
}

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
  forgetExpunged,
  expungeMessages,
  moveMessages,
  probeDisk,
  removeAccount,
  renameMailbox,
  stageChunks,
  storeFlags,
  subscribe,
  unsubscribe,
};

/** True for an operation of which nothing has to be there after a crash. */
function isTransient(name: OperationName): boolean {
  return name === 'stageChunks' || name === 'dropStagings' || name === 'collect';
}

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
