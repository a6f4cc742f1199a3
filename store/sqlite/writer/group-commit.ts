import { limits } from '../../limits.ts';
import type { Database } from '../database.ts';
import { Disk } from './disk.ts';
import { GroupEvents } from './group-events.ts';
import { RecentClaims } from '../mailbox-counters.ts';
import {
  isInMemory,
  isTransient,
  type OperationArgument,
  type OperationName,
  runInMemory,
  runWhole,
} from './operations.ts';
import { type Commit, type SliceBounds, WriteContext } from './write-context.ts';
import { type Job, type QueuedRequest, type SliceEnd, WriteQueue } from './write-queue.ts';
import { toFailure, type WriteAnswer, type WriteRequest } from './writer.ts';

/** An answer, and the client that waits for it. */
interface ClientAnswer {
  readonly clientId: number;
  readonly answer: WriteAnswer;
}

/**
 * What a committed group has to tell: each answer to its client, and the events, in the order of the requests, to
 * those who watch.
 */
export type GroupListener = (answers: readonly ClientAnswer[], events: readonly Commit[]) => void;

interface GroupCommitOptions {
  /** Told of the file's disk; absent: one that nobody listens to. */
  readonly disk?: Disk;
  /** `limits.stepMessages` and `limits.sliceMs` by default. */
  readonly slices?: SliceBounds | undefined;
  /** True while what is {@link isTransient} is to wait; by default it never does. */
  readonly holdsTransient?: () => boolean;
  /** In milliseconds; by default the process's. */
  readonly steadyClock?: () => number;
}

const usualSlices: SliceBounds = { stepMessages: limits.stepMessages, sliceMs: limits.sliceMs };

/**
 * Runs queued requests as groups, each group one transaction and one wait for the disk. A request that fails
 * is rolled back alone. Answers are given only after the commit. A request of very much work is a job of slices, each slice
 * a transaction of its own; groups and slices take turns.
 *
 * What nobody needs to find after a crash is written in groups of its own that do not wait for the disk. The log
 * keeps the order: a later commit that does wait has what it builds on.
 */
export class GroupCommit {
  readonly #database: Database;
  readonly #onGroup: GroupListener;
  readonly #disk: Disk;
  readonly #bounds: SliceBounds;
  readonly #steadyClock: () => number;
  readonly #queue: WriteQueue;
  readonly #holdsTransient: () => boolean;
  /** Those that are {@link isTransient}. */
  readonly #transientQueue: QueuedRequest[] = [];
  /** What failed, by the job that takes back what is written of it. */
  readonly #failed = new Map<Job, ClientAnswer>();
  #isJobsTurn = false;
  readonly #claims = new RecentClaims();
  /** Bodies that drafts are writing, with the client whose draft it is. */
  readonly stagings = new Map<number, number>();

  constructor(database: Database, onGroup: GroupListener, options: GroupCommitOptions = {}) {
    this.#database = database;
    this.#onGroup = onGroup;
    const { disk, slices = usualSlices, steadyClock = () => performance.now() } = options;
    this.#holdsTransient = options.holdsTransient ?? (() => false);
    this.#disk = disk ?? new Disk({ path: database.path, onProblem: () => undefined });
    this.#bounds = slices;
    this.#steadyClock = steadyClock;
    const maxGroupMessages = Math.min(limits.maxGroupMessages, slices.stepMessages);
    this.#queue = new WriteQueue(database, maxGroupMessages);
  }

  /** At start: has the copies deleted that an earlier process did not finish. Nobody gets to these mailboxes before. */
  recover(): void {
    const rows = this.#database.rows<[number]>('SELECT mailbox_id FROM unpublished_copies');
    for (const [mailboxId] of rows) this.#queue.addDiscard({ mailboxId }, 0);
  }

  /** True if there is nothing to run. */
  get isEmpty(): boolean {
    return this.#queue.isEmpty && this.#transientQueue.length === 0;
  }

  /** True if {@link runNext} has something to do. */
  get canRun(): boolean {
    return !this.#queue.isEmpty || (!this.#holdsTransient() && this.#transientQueue.length > 0);
  }

  /** True if there are claims of \Recent messages that are not written. */
  get hasClaims(): boolean {
    return !this.#claims.isEmpty;
  }

  add(queued: QueuedRequest): void {
    if (isTransient(queued.request)) this.#transientQueue.push(queued);
    else this.#queue.add(queued);
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

  /** Runs the next group of each queue, or a slice of the next job if it is its turn or they are empty, and answers. */
  runNext(): void {
    const isJobsTurn = this.#isJobsTurn && this.#queue.hasJob;
    const groups = isJobsTurn ? 0 : this.#runGroups();
    this.#isJobsTurn = groups > 0;
    const job = groups === 0 ? this.#queue.nextJob() : undefined;
    if (job !== undefined) this.#runSlice(job);
  }

  /** How many groups there were. */
  #runGroups(): number {
    const group = this.#queue.takeGroup();
    if (group.length > 0) this.#runRequests(group);
    const transient = this.#holdsTransient() ? [] : takeTransient(this.#transientQueue);
    if (transient.length > 0) this.#runTransient(transient);
    return Math.sign(group.length) + Math.sign(transient.length);
  }

  #runTransient(group: readonly QueuedRequest[]): void {
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

  #runRequests(group: readonly QueuedRequest[]): void {
    const writes = group.filter(({ request }) => !isInMemory(request));
    if (writes.length > 0) this.#runGroup(writes, { writesClaims: true });
    const others = group.filter(({ request }) => isInMemory(request));
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

  /**
   * The answers, which are given too.
   *
   * @param options.isCareful false: as if no request failed, which is quicker; if one does, nothing was done, and it begins anew
   */
  #runGroup(
    group: readonly QueuedRequest[],
    { writesClaims, isCareful = false }: { writesClaims: boolean; isCareful?: boolean },
  ): readonly WriteAnswer[] {
    const events = new GroupEvents();
    let answers: WriteAnswer[];
    let hasWrittenClaims = false;
    try {
      this.#database.run('BEGIN IMMEDIATE');
      answers = group.map((queued) =>
        isCareful ? this.#runApart(queued, events) : this.#runRequest(queued, events),
      );
      if (writesClaims && events.hasMailbox && this.hasClaims) {
        hasWrittenClaims = true;
        this.#claims.write(this.#database);
      }
      this.#database.run('COMMIT');
      this.#disk.noteCommit();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.execute('ROLLBACK');
      this.#disk.noteRollback();
      // There may be room for the requests, but not for the claims.
      if (hasWrittenClaims) return this.#runGroup(group, { writesClaims: false, isCareful });
      if (isCareful || group.length === 1) return this.#runAlone(group, error);
      return this.#runGroup(group, { writesClaims, isCareful: true });
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
    if (this.#disk.releaseReserve(operation, error, failure)) {
      return this.#runGroup(group, { writesClaims: false });
    }
    return this.#answer(group, () => {
      throw failure;
    });
  }

  /** If it fails nothing of it is left, and the others of the group go on. */
  #runApart(queued: QueuedRequest, events: GroupEvents): WriteAnswer {
    this.#database.run('SAVEPOINT request');
    try {
      const answer = this.#runRequest(queued, events);
      this.#database.run('RELEASE request');
      return answer;
    } catch (error) {
      // Without a transaction SQLite has rolled back the whole group already.
      if (!this.#database.isTransaction) throw error;
      this.#database.execute('ROLLBACK TO request; RELEASE request');
      const { id } = queued.request;
      return { id, failure: toFailure(this.#disk.noteFailure(error)) };
    }
  }

  #runRequest({ clientId, request }: QueuedRequest, events: GroupEvents): WriteAnswer {
    const { id, operation, payloadBytes } = request;
    const context = this.#contextOf({ clientId, request });
    this.#disk.admit(operation, payloadBytes);
    const value = runWhole(context, request);
    for (const commit of context.readEvents()) events.add(commit);
    return { id, value };
  }

  #contextOf({ clientId, request }: QueuedRequest, isSliceOver = () => false): WriteContext {
    const { stepMessages } = this.#bounds;
    const { nowMs } = request;
    const options = { clientId, nowMs, stagings: this.stagings, stepMessages, isSliceOver };
    return new WriteContext(this.#database, options);
  }

  #runInMemory(request: WriteRequest): unknown {
    return runInMemory({ database: this.#database, claims: this.#claims }, request);
  }

  /** Claims are not written with slices, which cannot be tried again without them. */
  #runSlice(job: Job): void {
    const endMs = this.#steadyClock() + this.#bounds.sliceMs;
    const context = this.#contextOf(job.queued, () => this.#steadyClock() >= endMs);
    let step: SliceEnd;
    let events: readonly Commit[];
    try {
      this.#database.run('BEGIN IMMEDIATE');
      this.#disk.admit(job.queued.request.operation, 0);
      step = job.runSlice(context);
      events = context.readEvents();
      this.#database.run('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.execute('ROLLBACK');
      this.#failJob(job, error);
      return;
    }
    job.noteCommitted(step);
    if (step.done === true) this.#queue.endJob(job);
    this.#onGroup(step.done === true ? this.#answersAtEnd(job, step.value) : [], events);
  }

  /** A job that takes back what another has written answers for that one. */
  #answersAtEnd(job: Job, value: unknown): readonly ClientAnswer[] {
    const failed = this.#failed.get(job);
    this.#failed.delete(job);
    if (failed !== undefined) return [failed];
    const { clientId, request } = job.queued;
    return [{ clientId, answer: { id: request.id, value } }];
  }

  /** What the slices before have changed stays, and is told; but for copies, of which nobody has seen any. */
  #failJob(job: Job, error: unknown): void {
    const { request } = job.queued;
    const failure = this.#disk.noteFailure(error);
    const isDiscard = request.operation === 'discardCopies';
    if (this.#disk.releaseReserve(request.operation, error, failure)) {
      // The next slice is the first one again.
      if (isDiscard || job.sliceCount === 0) return job.restart();
    }
    if (isDiscard) {
      this.#suspendDiscard(job, failure);
      return;
    }
    this.#queue.endJob(job);
    const answer = failureOf(job.queued, failure, job.done);
    if (request.operation === 'copyMessages' && job.sliceCount > 0) {
      const { target } = request.argument as OperationArgument<'copyMessages'>;
      const { mailboxId } = target;
      this.#failed.set(this.#queue.addDiscard({ mailboxId }, request.nowMs), answer);
      return;
    }
    this.#onGroup([answer], []);
  }

  /** Nobody can use the mailbox before its copies are gone: who wants to is refused, and the next one has it tried again. */
  #suspendDiscard(job: Job, error: unknown): void {
    const failed = this.#failed.get(job);
    this.#failed.delete(job);
    job.suspend();
    const refused = this.#queue.takeWaitingFor(job).map((queued) => failureOf(queued, error));
    this.#onGroup([...(failed === undefined ? [] : [failed]), ...refused], []);
  }

  #answer(
    group: readonly QueuedRequest[],
    run: (request: WriteRequest) => unknown,
  ): readonly WriteAnswer[] {
    const answers = group.map((queued): ClientAnswer => {
      const { clientId, request } = queued;
      try {
        return { clientId, answer: { id: request.id, value: run(request) } };
      } catch (error) {
        return failureOf(queued, error);
      }
    });
    this.#onGroup(answers, []);
    return answers.map(({ answer }) => answer);
  }
}

/** Takes the next group of requests that need no wait for the disk: at least one, if there is one. */
function takeTransient(queue: QueuedRequest[]): QueuedRequest[] {
  let payloadBytes = 0;
  const end = queue.findIndex(({ request }, index) => {
    payloadBytes += request.payloadBytes;
    const isFull = index >= limits.maxGroupRequests || payloadBytes > limits.maxTransientGroupBytes;
    return index > 0 && isFull;
  });
  return queue.splice(0, end === -1 ? queue.length : end);
}

/** @param done what is changed all the same */
function failureOf(
  { clientId, request }: QueuedRequest,
  error: unknown,
  done?: unknown,
): ClientAnswer {
  const failure = toFailure(error);
  const isPartlyDone = typeof done === 'object' && done !== null;
  return { clientId, answer: { id: request.id, failure, ...(isPartlyDone && { done }) } };
}
