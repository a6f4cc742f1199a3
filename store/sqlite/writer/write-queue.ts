import { limits } from '../../limits.ts';
import type { Database } from '../database.ts';
import {
  beginSliced,
  claimsOf,
  type MailboxClaim,
  type OperationArgument,
  weigh,
} from './operations.ts';
import type { SlicedWork, WriteContext } from './write-context.ts';
import type { WriteRequest } from './writer.ts';

/** A request, and the client that waits for the answer. */
export interface QueuedRequest {
  /** 0: nobody, the writer asks itself. */
  readonly clientId: number;
  readonly request: WriteRequest;
}

/** How a slice has ended: with the result of the work, or with what tells how much is done by then. */
export type SliceEnd = IteratorResult<(() => unknown) | undefined, unknown>;

/** A request of so much work that it is done in slices, between which the writer serves others. */
export class Job {
  readonly queued: QueuedRequest;
  #work: SlicedWork<unknown> | undefined;
  #readDone: (() => unknown) | undefined;
  /** Slices that are committed. */
  sliceCount = 0;
  /** True: it waits until somebody wants what it holds. */
  isSuspended = false;

  constructor(queued: QueuedRequest) {
    this.queued = queued;
  }

  /** Runs the next slice. If it throws, the job is at its end. */
  runSlice(context: WriteContext): SliceEnd {
    this.#work ??= beginSliced(context, this.queued.request);
    return this.#work.next(context);
  }

  /** The slice is committed. */
  noteCommitted(slice: SliceEnd): void {
    this.sliceCount++;
    this.#readDone = slice.done === true ? undefined : slice.value;
  }

  /** What the committed slices have done, as the result would tell it; undefined if nobody ever sees it. */
  get done(): unknown {
    return this.#readDone?.();
  }

  /** The next slice is the first one. */
  restart(): void {
    this.#work = undefined;
  }

  /** To begin anew once somebody wants what it holds. */
  suspend(): void {
    this.restart();
    this.isSuspended = true;
  }
}

/** What cannot go on in a mailbox at the same time. */
const excluded: Readonly<Record<MailboxClaim['access'], readonly MailboxClaim['access'][]>> = {
  add: ['all'],
  read: ['change', 'all'],
  change: ['read', 'change', 'all'],
  all: ['add', 'read', 'change', 'all'],
};

/** What the work that is under way, or stands before a request, does in mailboxes. */
class HeldMailboxes {
  readonly #accesses = new Map<number, Set<MailboxClaim['access']>>();

  get isEmpty(): boolean {
    return this.#accesses.size === 0;
  }

  add(claims: readonly MailboxClaim[]): void {
    for (const { mailboxId, access } of claims) {
      const accesses = this.#accesses.get(mailboxId) ?? new Set();
      this.#accesses.set(mailboxId, accesses.add(access));
    }
  }

  /** True if work with these claims has to wait. */
  excludes(claims: readonly MailboxClaim[]): boolean {
    return claims.some(({ mailboxId, access }) => {
      const held = this.#accesses.get(mailboxId);
      return held !== undefined && excluded[access].some((other) => held.has(other));
    });
  }
}

/**
 * The requests that wait for the writer. Short ones are taken in groups. Those of very much work become jobs, which all
 * get their turns. A job holds its mailboxes: requests for these wait until it has ended, and those behind them in the
 * queue for the same mailboxes do too, so that no request of a mailbox overtakes another; requests for other mailboxes pass by.
 * A job has all that it holds before it begins, so that no two of them wait for each other.
 */
export class WriteQueue {
  readonly #database: Database;
  readonly #maxGroupMessages: number;
  #waiting: QueuedRequest[] = [];
  /**
   * Those that came before all of these and have to wait for a job. Until one ends they are not looked at again, however
   * many they are.
   */
  #blocked: QueuedRequest[] = [];
  /** What the blocked ones will do. */
  #heldByBlocked = new HeldMailboxes();
  /** In the order of their turns. */
  #jobs: Job[] = [];

  /** @param maxGroupMessages a request that may change more messages becomes a job */
  constructor(database: Database, maxGroupMessages: number) {
    this.#database = database;
    this.#maxGroupMessages = maxGroupMessages;
  }

  /** True if there is nothing to run. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#blocked.length === 0 && !this.hasJob;
  }

  get hasJob(): boolean {
    return this.#jobs.some(({ isSuspended }) => !isSuspended);
  }

  add(queued: QueuedRequest): void {
    this.#waiting.push(queued);
  }

  /** Takes short requests for one transaction, in their order, and makes jobs of those between them that are not short. */
  takeGroup(): QueuedRequest[] {
    const group: QueuedRequest[] = [];
    const held = new HeldMailboxes();
    for (const job of this.#jobs) held.add(this.#claimsOf(job));
    let [payloadBytes, messageCount, index] = [0, 0, 0];
    for (; index < this.#waiting.length && group.length < limits.maxGroupRequests; index++) {
      const queued = this.#waiting[index]!;
      const { request } = queued;
      const isAnyHeld = !held.isEmpty || this.#blocked.length > 0;
      if (isAnyHeld && this.#mustWait(request, held)) {
        this.#blocked.push(queued);
        continue;
      }
      const weight = weigh(this.#database, request);
      if (weight > this.#maxGroupMessages) {
        held.add(this.#claimsOf(this.#addJob(queued)));
        continue;
      }
      payloadBytes += request.payloadBytes;
      messageCount += weight;
      const isFull = payloadBytes > limits.maxGroupBytes || messageCount > this.#maxGroupMessages;
      if (isFull && group.length > 0) break;
      group.push(queued);
    }
    this.#waiting = this.#waiting.slice(index);
    return group;
  }

  /** The job whose turn it is, if there is one; its next turn comes after those of all others. */
  nextJob(): Job | undefined {
    const job = this.#jobs.find(({ isSuspended }) => !isSuspended);
    if (job === undefined) return undefined;
    this.#jobs = [...this.#jobs.filter((other) => other !== job), job];
    return job;
  }

  endJob(job: Job): void {
    this.#jobs = this.#jobs.filter((other) => other !== job);
    this.#unblock();
  }

  /** Adds a job that deletes the copies behind the end of a mailbox, see `discardCopies`. It holds the mailbox at once. */
  addDiscard(argument: OperationArgument<'discardCopies'>, nowMs: number): Job {
    const request = {
      id: 0,
      operation: 'discardCopies',
      argument,
      nowMs,
      payloadBytes: 0,
    } as const;
    return this.#addJob({ clientId: 0, request });
  }

  /** Takes the requests that wait for a job. */
  takeWaitingFor(job: Job): QueuedRequest[] {
    const held = new HeldMailboxes();
    held.add(this.#claimsOf(job));
    this.#unblock();
    const taken: QueuedRequest[] = [];
    const left: QueuedRequest[] = [];
    for (const queued of this.#waiting) {
      const isTaken = held.excludes(claimsOf(this.#database, queued.request));
      (isTaken ? taken : left).push(queued);
    }
    this.#waiting = left;
    return taken;
  }

  /** Has all requests looked at again, in their order. */
  #unblock(): void {
    this.#waiting = [...this.#blocked, ...this.#waiting];
    this.#blocked = [];
    this.#heldByBlocked = new HeldMailboxes();
  }

  #addJob(queued: QueuedRequest): Job {
    const job = new Job(queued);
    this.#jobs.push(job);
    return job;
  }

  /** As they are now: a job may make a mailbox. */
  #claimsOf({ queued }: Job): readonly MailboxClaim[] {
    return claimsOf(this.#database, queued.request);
  }

  #mustWait(request: WriteRequest, held: HeldMailboxes): boolean {
    const claims = claimsOf(this.#database, request);
    if (!held.excludes(claims) && !this.#heldByBlocked.excludes(claims)) return false;
    for (const job of this.#jobs) if (job.isSuspended) this.#wake(job, claims);
    // Those behind it must not overtake it.
    this.#heldByBlocked.add(claims);
    return true;
  }

  #wake(job: Job, claims: readonly MailboxClaim[]): void {
    const held = new HeldMailboxes();
    held.add(this.#claimsOf(job));
    if (held.excludes(claims)) job.isSuspended = false;
  }
}
