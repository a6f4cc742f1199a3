import { type Clock, DetachedTimer, steadyClock } from '../../tls/index.ts';
import { FailedLogins, type LoginAttempt } from './failed-logins.ts';
import {
  defaultLoginLimits,
  groupShare,
  type LoginLimits,
  maxWaitingPerAccount,
  maxWaitMs,
} from './limits.ts';

/** The login was not looked at, since too many wait from the same address or the server stops. Try again later. */
export class LoginBusyError extends Error {
  /** The response code for the client (RFC 5530). */
  readonly code = 'UNAVAILABLE';

  constructor() {
    super('Too many logins at once, try again later');
    this.name = 'LoginBusyError';
  }
}

/** Checks of passwords, one after the other: {@link PasswordCheckQueue} itself, or the way to it from another thread. */
export interface PasswordChecks {
  readonly failedLogins: Pick<FailedLogins, 'isGuessing'>;
  /**
   * Waits for the turn of the attempt, runs the check and resolves to what it says. Rejects with a
   * {@link LoginBusyError}, or as the check does.
   *
   * @param gone - aborts if nobody waits for the answer any more: an attempt that waits leaves, and this rejects with
   *   the signal's reason; a check that runs goes on, and counts
   */
  run(attempt: LoginAttempt, check: () => Promise<boolean>, gone?: AbortSignal): Promise<boolean>;
  /** Refuses all that wait, and all that come. */
  close(): void;
}

/** Bounds and time of a {@link PasswordCheckQueue}. */
export interface PasswordCheckQueueOptions {
  readonly limits?: LoginLimits;
  readonly clock?: Clock;
  /** Makes the queue's one timer, which calls `task` when it fires; default: a {@link DetachedTimer}. */
  readonly makeTimer?: (task: () => void) => Pick<DetachedTimer, 'arm' | 'clear'>;
}

/**
 * Decides which login is checked next, for all threads together: a few run at a time, and each address group has its
 * turn, in it each account. So whoever sends many logins waits behind its own ones only, and fills only its own
 * share. Wrong passwords make the next login for that account from that group wait, and for a shorter time the
 * next one from that group at all; logins that wait out a delay take none of the places of those that run.
 *
 * Of one account from one group one check runs at a time, since its result decides how long the next one waits.
 *
 * A login whose client has gone leaves at once, and what was not checked was no guess. Nobody guesses faster by
 * hanging up: the failures that make the next login wait were counted when their checks ended.
 */
export class PasswordCheckQueue implements PasswordChecks {
  readonly failedLogins: FailedLogins;
  readonly #limits: LoginLimits;
  readonly #clock: Clock;
  readonly #timer: Pick<DetachedTimer, 'arm' | 'clear'>;
  /** Those with waiting or running checks; the one whose turn is next comes first. */
  readonly #groups = new Map<string, Group>();
  /** In order of arrival. */
  readonly #waiting = new Set<WaitingLogin>();
  #runningCount = 0;
  #joinedCount = 0;
  /** When the timer fires; infinite if it is not set. */
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: PasswordCheckQueueOptions = {}) {
    const { limits = defaultLoginLimits, clock = steadyClock } = options;
    this.#limits = limits;
    this.#clock = clock;
    this.failedLogins = new FailedLogins(FailedLogins.allocate(limits.maxDelayMs, clock), clock);
    const makeTimer = options.makeTimer ?? ((task) => new DetachedTimer(task));
    this.#timer = makeTimer(() => this.#startAll());
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  async run(
    attempt: LoginAttempt,
    check: () => Promise<boolean>,
    gone?: AbortSignal,
  ): Promise<boolean> {
    gone?.throwIfAborted();
    const login = this.#join(attempt);
    return checkInTurn({
      turn: login.turn.promise,
      gone,
      onGone: () => this.#abandon(login, gone?.reason),
      check,
      onEnd: (isRight) => this.#end(login, isRight),
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.clear();
    for (const login of this.#waiting) this.#refuse(login);
  }

  /** Puts an attempt into its place, and starts it if it need not wait. */
  #join(attempt: LoginAttempt): WaitingLogin {
    if (this.#isClosed) throw new LoginBusyError();
    const nowMs = this.#clock();
    const group = this.#groupOf(attempt, nowMs);
    const account = this.#accountOf(group, attempt, nowMs);
    const order = (this.#joinedCount += 1);
    const login = { attempt, group, account, order, joinedAtMs: nowMs, turn: makeTurn() };
    account.waiting.push(login);
    group.waitingCount += 1;
    this.#waiting.add(login);
    const surplus = this.#findSurplus(login);
    if (surplus !== undefined) this.#refuseAsGuess(surplus);
    if (surplus === login) return login;
    // All others have had their chance: only this account's oldest login may start, which is mostly the newcomer.
    const startMs = this.#hasFreePlace ? startMsOf(account) : Number.POSITIVE_INFINITY;
    if (startMs <= nowMs) this.#start(account.waiting[0] ?? login);
    else this.#wakeAt(Math.min(startMs, nowMs + maxWaitMs), nowMs);
    return login;
  }

  /** The login that is one too many: the newcomer, if its account or group has no room; else one of the longest group. */
  #findSurplus(newcomer: WaitingLogin): WaitingLogin | undefined {
    const { maxWaiting } = this.#limits;
    const { group, account } = newcomer;
    if (account.waiting.length > maxWaitingPerAccount) return newcomer;
    if (group.waitingCount > Math.ceil(maxWaiting * groupShare)) return newcomer;
    if (this.#waiting.size <= maxWaiting) return undefined;
    return newestOf(longestOf(this.#groups.values(), group));
  }

  #groupOf({ group: name }: LoginAttempt, nowMs: number): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const notBeforeMs = nowMs + this.failedLogins.groupDelayMs(name);
    const group: Group = { name, accounts: new Map(), waitingCount: 0, notBeforeMs };
    this.#groups.set(name, group);
    return group;
  }

  #accountOf(group: Group, attempt: LoginAttempt, nowMs: number): Account {
    const known = group.accounts.get(attempt.account);
    if (known !== undefined) return known;
    const notBeforeMs = nowMs + this.failedLogins.accountDelayMs(attempt);
    const { account: name } = attempt;
    const account: Account = { name, group, waiting: [], isRunning: false, notBeforeMs };
    group.accounts.set(attempt.account, account);
    return account;
  }

  /** Starts what can be started, and sets the timer for the rest. */
  #startAll(): void {
    if (this.#isClosed) return;
    const nowMs = this.#clock();
    this.#timer.clear();
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.#refuseExpired(nowMs);
    while (this.#hasFreePlace) {
      const found = this.#findNext(nowMs);
      if (typeof found === 'number') {
        this.#wakeAt(found, nowMs);
        break;
      }
      this.#start(found);
    }
    const [oldest] = this.#waiting;
    if (oldest !== undefined) this.#wakeAt(oldest.joinedAtMs + maxWaitMs, nowMs);
  }

  get #hasFreePlace(): boolean {
    return this.#runningCount < this.#limits.maxConcurrentChecks;
  }

  /** The login whose turn is next; if none may start yet, the time when one may, infinite if none waits. */
  #findNext(nowMs: number): WaitingLogin | number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const group of this.#groups.values()) {
      if (group.notBeforeMs > nowMs) {
        if (group.waitingCount > 0) nextMs = Math.min(nextMs, group.notBeforeMs);
        continue;
      }
      for (const account of group.accounts.values()) {
        const startMs = startMsOf(account);
        const [login] = account.waiting;
        if (login !== undefined && startMs <= nowMs) return login;
        nextMs = Math.min(nextMs, startMs);
      }
    }
    return nextMs;
  }

  #start(login: WaitingLogin): void {
    const { group, account } = login;
    this.#leave(login);
    account.isRunning = true;
    this.#runningCount += 1;
    // The next turn is another's.
    moveToEnd(group.accounts, account);
    moveToEnd(this.#groups, group);
    login.turn.resolve();
  }

  /** @param isRight - undefined if the check failed */
  #end({ attempt, group, account }: WaitingLogin, isRight: boolean | undefined): void {
    this.#runningCount -= 1;
    account.isRunning = false;
    if (isRight === true) this.failedLogins.forgive(attempt);
    if (isRight === false) this.failedLogins.record(attempt);
    const nowMs = this.#clock();
    account.notBeforeMs = nowMs + this.failedLogins.accountDelayMs(attempt);
    if (isRight === false) {
      group.notBeforeMs = nowMs + this.failedLogins.groupDelayMs(group.name);
    }
    this.#dropIfIdle(group, account);
    this.#startAll();
  }

  #refuseExpired(nowMs: number): void {
    for (const login of this.#waiting) {
      if (nowMs < login.joinedAtMs + maxWaitMs) return;
      this.#refuse(login);
    }
  }

  /** Refuses a login that has no room. Only a group that sends very many comes so far, so it counts as a guess. */
  #refuseAsGuess(login: WaitingLogin): void {
    this.failedLogins.record(login.attempt);
    this.#refuse(login);
  }

  #refuse(login: WaitingLogin, reason: unknown = new LoginBusyError()): void {
    this.#leave(login);
    this.#dropIfIdle(login.group, login.account);
    login.turn.reject(reason);
  }

  /** The client of a login has gone. If its turn has come, in this very step perhaps, its check goes on. */
  #abandon(login: WaitingLogin, reason: unknown): void {
    if (!this.#waiting.has(login)) return;
    this.#refuse(login, reason);
    if (this.#waiting.size > 0) return;
    this.#timer.clear();
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  /** The login waits no longer. */
  #leave(login: WaitingLogin): void {
    const { group, account } = login;
    account.waiting.splice(account.waiting.indexOf(login), 1);
    group.waitingCount -= 1;
    this.#waiting.delete(login);
  }

  #dropIfIdle(group: Group, account: Account): void {
    if (account.isRunning || account.waiting.length > 0) return;
    group.accounts.delete(account.name);
    if (group.accounts.size === 0) this.#groups.delete(group.name);
  }

  /** Looks again at this time, unless it does so earlier. */
  #wakeAt(timeMs: number, nowMs: number): void {
    if (timeMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = timeMs;
    this.#timer.arm(Math.max(1, Math.ceil(timeMs - nowMs)));
  }
}

/** Clients of one address group. */
interface Group {
  readonly name: string;
  /** The one whose turn is next comes first. */
  readonly accounts: Map<string, Account>;
  waitingCount: number;
  /** No check starts earlier. */
  notBeforeMs: number;
}

/** An account that clients of one group log in to. */
interface Account {
  readonly name: string;
  readonly group: Group;
  /** In order of arrival; at most {@link maxWaitingPerAccount}. */
  readonly waiting: WaitingLogin[];
  isRunning: boolean;
  /** No check starts earlier. */
  notBeforeMs: number;
}

interface WaitingLogin {
  readonly attempt: LoginAttempt;
  readonly group: Group;
  readonly account: Account;
  /** A number that is higher than those of all earlier ones. */
  readonly order: number;
  readonly joinedAtMs: number;
  /** Resolves when the check may run. */
  readonly turn: PromiseWithResolvers<void>;
}

function makeTurn(): PromiseWithResolvers<void> {
  const turn = Promise.withResolvers<void>();
  // It may be refused before anybody waits for it.
  turn.promise.catch(() => undefined);
  return turn;
}

function moveToEnd<Item extends { readonly name: string }>(items: Map<string, Item>, item: Item) {
  items.delete(item.name);
  items.set(item.name, item);
}

/** When the oldest waiting login of an account may start; infinite if none waits or one runs. */
function startMsOf({ group, waiting, isRunning, notBeforeMs }: Account): number {
  if (isRunning || waiting.length === 0) return Number.POSITIVE_INFINITY;
  return Math.max(group.notBeforeMs, notBeforeMs);
}

/** The group with the most waiting logins; `group` if no other has more. */
function longestOf(groups: Iterable<Group>, group: Group): Group {
  let longest = group;
  for (const other of groups) {
    if (other.waitingCount > longest.waitingCount) longest = other;
  }
  return longest;
}

function newestOf(group: Group): WaitingLogin | undefined {
  let newest: WaitingLogin | undefined;
  for (const { waiting } of group.accounts.values()) {
    const login = waiting.at(-1);
    if (login !== undefined && login.order > (newest?.order ?? 0)) newest = login;
  }
  return newest;
}

/** How a login comes to its check, and what is told of it. */
interface CheckInTurn {
  readonly turn: Promise<void>;
  readonly gone: AbortSignal | undefined;
  /** Called if nobody waits for the login any more; sees that the turn rejects. */
  readonly onGone: () => void;
  readonly check: () => Promise<boolean>;
  /** Called once the turn is over; undefined if the check has failed. */
  readonly onEnd: (isRight: boolean | undefined) => void;
}

/** Waits for a turn, and checks the password then. */
export async function checkInTurn(login: CheckInTurn): Promise<boolean> {
  const { turn, gone, onGone, check, onEnd } = login;
  gone?.addEventListener('abort', onGone);
  try {
    await turn;
  } finally {
    gone?.removeEventListener('abort', onGone);
  }
  let isRight: boolean | undefined;
  try {
    isRight = await check();
    return isRight;
  } finally {
    onEnd(isRight);
  }
}
