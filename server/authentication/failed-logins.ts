import { type Clock, hashBytes, makeHashSeed, steadyClock } from '../../tls/index.ts';
import {
  accountDelays,
  type DelayPolicy,
  failureCellCount,
  groupDelays,
  maxFailuresOfQuickLogins,
} from './limits.ts';

/** Who tries to log in, as far as it matters for shares and delays. Plain data, which can be sent to another thread. */
export interface LoginAttempt {
  /** The address group of the client (`addressGroup`); clients without an address share the empty one. */
  readonly group: string;
  /** The name of the account, or the name that was given if there is no such account. */
  readonly account: string;
  /** 32 bits of a keyed hash of account and password: the same password again is no further guess. */
  readonly passwordMark: number;
}

/** Memory of {@link FailedLogins}: plain data; threads that it is sent to share it. */
export interface FailedLoginsMemory {
  /** Two, so that an attempt has two counters, of which the lower one counts. */
  readonly seeds: readonly [number, number];
  /** When it was allocated, by the steady clock. Times in the buffer count from here. */
  readonly startedAtMs: number;
  /** No delay is longer, in milliseconds; 0: there are none. */
  readonly maxDelayMs: number;
  readonly buffer: SharedArrayBuffer;
}

/** The unit of time in the shared memory: a 32-bit number of them is 6.8 years. */
const tickMs = 100;

const rowCount = 2;
const tableLength = rowCount * failureCellCount;

/**
 * Counts failed logins by address group, and by account and address group, and says how long the next login must
 * wait. One thread counts; all threads that have the memory may ask.
 *
 * The counters are a fixed number, so a flood from many addresses takes no memory. A counter holds the time when
 * its last failure will be forgotten, which tells their number: nothing has to be swept. Each key falls on two
 * counters by seeded hashes and the lower one counts (a count-min sketch): nobody outside can choose a
 * neighbour, and one that falls on another's counters by chance rarely does so on both.
 */
export class FailedLogins {
  readonly memory: FailedLoginsMemory;
  readonly #clock: Clock;
  readonly #accounts: DecayingCounters;
  readonly #groups: DecayingCounters;
  /** The mark of the last wrong password, for each counter of an account and group. */
  readonly #lastMarks: Int32Array;

  constructor(memory: FailedLoginsMemory, clock: Clock = steadyClock) {
    const { buffer } = memory;
    this.memory = memory;
    this.#clock = clock;
    const table = (index: number) =>
      new Int32Array(buffer, index * tableLength * Int32Array.BYTES_PER_ELEMENT, tableLength);
    this.#accounts = new DecayingCounters(table(0), accountDelays);
    this.#groups = new DecayingCounters(table(1), groupDelays);
    this.#lastMarks = table(2);
  }

  /** @param maxDelayMs - no delay is longer, in milliseconds; 0: there are none */
  static allocate(maxDelayMs: number, clock: Clock = steadyClock): FailedLoginsMemory {
    return {
      seeds: [makeHashSeed(), makeHashSeed()],
      startedAtMs: clock(),
      maxDelayMs,
      buffer: new SharedArrayBuffer(3 * tableLength * Int32Array.BYTES_PER_ELEMENT),
    };
  }

  /** Counts a wrong password, unless it is the same as the last one for that account from that group. */
  record(attempt: LoginAttempt): void {
    const cells = this.#accountCells(attempt);
    if (cells.every((cell) => Atomics.load(this.#lastMarks, cell) === attempt.passwordMark)) return;
    for (const cell of cells) Atomics.store(this.#lastMarks, cell, attempt.passwordMark);
    this.#accounts.add(cells, this.#ticks);
    this.#groups.add(this.#groupCells(attempt.group), this.#ticks);
  }

  /** The password was right: forgets the failures of that account from that group. */
  forgive(attempt: LoginAttempt): void {
    this.#accounts.clear(this.#accountCells(attempt));
  }

  /** How long the next login for that account from that group waits, in milliseconds. */
  accountDelayMs(attempt: LoginAttempt): number {
    return this.#delayMs(accountDelays, this.#accountFailures(attempt));
  }

  /** How long the next login from that group waits, in milliseconds. */
  groupDelayMs(group: string): number {
    const failures = this.#groups.count(this.#groupCells(group), this.#ticks);
    return this.#delayMs(groupDelays, failures);
  }

  /** Whether so much has failed for that account from that group that even a right password waits for its turn. */
  isGuessing(attempt: LoginAttempt): boolean {
    return this.memory.maxDelayMs > 0 && this.#accountFailures(attempt) > maxFailuresOfQuickLogins;
  }

  #accountFailures(attempt: LoginAttempt): number {
    return this.#accounts.count(this.#accountCells(attempt), this.#ticks);
  }

  #delayMs(policy: DelayPolicy, failures: number): number {
    const { freeFailures, firstDelayMs, maxDelayMs } = policy;
    if (failures <= freeFailures) return 0;
    const delayMs = firstDelayMs * 2 ** (failures - freeFailures - 1);
    return Math.min(delayMs, maxDelayMs, this.memory.maxDelayMs);
  }

  get #ticks(): number {
    return Math.floor((this.#clock() - this.memory.startedAtMs) / tickMs);
  }

  #accountCells({ group, account }: LoginAttempt): readonly number[] {
    // No address holds a space.
    return this.#cells(`${group} ${account}`);
  }

  #groupCells(group: string): readonly number[] {
    return this.#cells(group);
  }

  #cells(key: string): readonly number[] {
    const bytes = Buffer.from(key);
    return this.memory.seeds.map(
      (seed, row) => row * failureCellCount + (hashBytes(bytes, seed) % failureCellCount),
    );
  }
}

/** Numbers that go down by one in a fixed time. A key has several counters, of which the lowest counts. */
class DecayingCounters {
  readonly #zeroAt: Int32Array;
  readonly #stepTicks: number;
  readonly #max: number;

  /** @param zeroAt - for each counter the tick at which it will be zero */
  constructor(zeroAt: Int32Array, { forgetMs, maxFailures }: DelayPolicy) {
    this.#zeroAt = zeroAt;
    this.#stepTicks = forgetMs / tickMs;
    this.#max = maxFailures;
  }

  count(cells: readonly number[], nowTicks: number): number {
    const leftTicks = cells.map((cell) => Atomics.load(this.#zeroAt, cell) - nowTicks);
    return Math.max(0, Math.ceil(Math.min(...leftTicks) / this.#stepTicks));
  }

  add(cells: readonly number[], nowTicks: number): void {
    const latest = nowTicks + this.#max * this.#stepTicks;
    for (const cell of cells) {
      const zeroAt = Math.max(Atomics.load(this.#zeroAt, cell), nowTicks) + this.#stepTicks;
      Atomics.store(this.#zeroAt, cell, Math.min(zeroAt, latest));
    }
  }

  clear(cells: readonly number[]): void {
    for (const cell of cells) Atomics.store(this.#zeroAt, cell, 0);
  }
}
