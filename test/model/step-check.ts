import type { DoneCommand } from './client-command.ts';
import type { ClientMirror, ToldFact } from './client-mirror.ts';
import { applyCommand, type Effect } from './command-effects.ts';
import { searchOrders } from './command-order.ts';
import { checkFacts, learnModseqs, recheckModseqs } from './fact-check.ts';
import type { Journal, ModelAccount, ModelMailbox } from './mailbox-model.ts';
import { RaceStates } from './race-states.ts';
import { harmlessRules, type Problem, type Rule } from './rules.ts';
import type { FlagText } from './server-responses.ts';

/** A mailbox as a fresh client finds it. */
export interface Observation {
  readonly messages: ReadonlyMap<number, { readonly flags: FlagText; readonly modseq: number }>;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModseq: number;
}

/** What one client was told in a step about one selected mailbox. */
export interface ToldMirror {
  /** Index of its burst; -1 for a client that sent nothing, as one in IDLE. */
  readonly burst: number;
  readonly mirror: ClientMirror;
  readonly isCondstore: boolean;
  readonly facts: readonly ToldFact[];
}

/** What one session sent in a step, and what came of it. */
export interface DoneBurst {
  readonly account: ModelAccount;
  readonly commands: readonly DoneCommand[];
}

/** What fresh clients found in the mailboxes of an account, by name; undefined if there is none of a name. */
export type Observations = ReadonlyMap<string, Observation | undefined>;

/** A step after all its answers have come. */
export interface StepRecord {
  readonly bursts: readonly DoneBurst[];
  readonly told: readonly ToldMirror[];
  /** The mailboxes that the step can have changed; empty if the model knows what became of them. */
  readonly observed: ReadonlyMap<ModelAccount, Observations>;
}

export interface StepVerdict {
  readonly problems: readonly Problem[];
  /** True if there were too many orders to try them all. */
  readonly isUndecided: boolean;
  /** Mailboxes with messages of which no answer told. */
  readonly uncertain: ReadonlySet<ModelMailbox>;
}

/** More orders are not tried. With bursts of the generator's length there are at most 2,520. */
const maxOrders = 3_000;

/**
 * Finds an order of the step's commands in which all answers, all that was told, and what a fresh client
 * finds are right, and leaves the model so. If there is none, the model is left in the best order found.
 *
 * @param isLast false if the fresh client can look again: undefined then says that no order fits, and the
 *   model is as it was
 */
export function checkStep(
  journal: Journal,
  record: StepRecord,
  isIgnored: (rule: Rule) => boolean,
  isLast: boolean,
): StepVerdict | undefined {
  return new OrderSearch(journal, record, isIgnored).run(isLast);
}

interface Attempt {
  readonly order: readonly number[];
  readonly problems: readonly Problem[];
}

class OrderSearch {
  readonly #journal: Journal;
  readonly #record: StepRecord;
  readonly #isIgnored: (rule: Rule) => boolean;
  readonly #effects: { effect: Effect; burst: number; command: number; mark: number }[] = [];
  readonly #uncertain = new Set<ModelMailbox>();
  #best: Attempt | undefined;
  #orderCount = 0;
  readonly #uncertainFrom = new Map<ModelMailbox, number>();

  constructor(journal: Journal, record: StepRecord, isIgnored: (rule: Rule) => boolean) {
    this.#journal = journal;
    this.#record = record;
    this.#isIgnored = isIgnored;
    for (const mailbox of record.bursts.flatMap(({ account }) => account.mailboxes)) {
      this.#uncertainFrom.set(mailbox, mailbox.uidNext);
    }
  }

  run(isLast: boolean): StepVerdict | undefined {
    const sent = this.#record.bursts.map(({ commands }) => commands.map((done) => done.sent));
    const raceStates = new RaceStates(sent);
    const isFound = searchOrders(sent, {
      enter: (burst, command) => this.#enter(burst, command),
      leave: () => this.#leave(),
      end: () => this.#end(),
    });
    const isUndecided = this.#orderCount > maxOrders;
    const isIgnorable = this.#best?.problems.every(({ rule }) => this.#isIgnored(rule)) === true;
    if (!isFound && !isLast && !isIgnorable) return undefined;
    if (!isFound || isUndecided) this.#replayBest();
    raceStates.keep();
    const problems = isUndecided ? [] : (this.#best?.problems ?? []);
    return { problems, isUndecided, uncertain: this.#uncertain };
  }

  #enter(burst: number, command: number): boolean {
    const mark = this.#journal.mark();
    const { account, commands } = this.#record.bursts[burst]!;
    const effect = applyCommand(commands[command]!, {
      account,
      isIgnored: this.#isIgnored,
      observations: this.#record.observed.get(account),
      uncertain: this.#uncertain,
    });
    this.#effects.push({ effect, burst, command, mark });
    if (effect.problems.every(({ rule }) => this.#isIgnored(rule))) return true;
    this.#keep(this.#effects.flatMap((each) => each.effect.problems));
    return false;
  }

  #leave(): void {
    const last = this.#effects.pop();
    if (last !== undefined) this.#journal.rollBack(last.mark);
  }

  #end(): boolean {
    this.#orderCount += 1;
    const mark = this.#journal.mark();
    const problems = this.#check();
    this.#keep(problems);
    if (this.#weigh(problems) === 0) return true;
    this.#journal.rollBack(mark);
    return this.#orderCount > maxOrders;
  }

  #check(): Problem[] {
    const problems = this.#effects.flatMap(({ effect }) => effect.problems);
    for (const [account, observations] of this.#record.observed) {
      problems.push(
        ...compareMailboxes(account, observations, (mailbox) => this.#newUidsFrom(mailbox)),
      );
    }
    problems.push(...this.#unexcusedEnds());
    for (const told of this.#record.told) learnModseqs(told);
    for (const told of this.#record.told) {
      const effects = this.#effects.filter(({ burst }) => burst === told.burst);
      const commands = this.#record.bursts[told.burst]?.commands ?? [];
      const own = new Map(effects.map(({ command, effect }) => [command, effect.ownChanges]));
      const { mailbox } = told.mirror;
      const isUncertain = mailbox !== undefined && this.#uncertain.has(mailbox);
      const journal = this.#journal;
      problems.push(...checkFacts(told, commands, own, { journal, isUncertain }));
    }
    for (const told of this.#record.told) problems.push(...recheckModseqs(told));
    return problems;
  }

  /** Connections that ended although the mailbox that the client had selected, or asked for, still exists. */
  #unexcusedEnds(): Problem[] {
    const done = this.#record.bursts.flatMap(({ commands }) => commands);
    const isDeleting = done.some(({ sent }) => sent.action.kind === 'delete');
    return done.flatMap(({ sent, outcome }): Problem[] => {
      const isExcused =
        sent.mirror?.mailbox?.isDeleted === true || (isDeleting && sent.action.kind === 'select');
      if (outcome.status !== 'none' || isExcused) return [];
      return [{ rule: 'bye', detail: `${sent.text}: the connection ended` }];
    });
  }

  /** From which UID on unknown messages may have come; undefined if none may. */
  #newUidsFrom(mailbox: ModelMailbox): number | undefined {
    if (!this.#uncertain.has(mailbox)) return undefined;
    return this.#uncertainFrom.get(mailbox) ?? 1;
  }

  /**
   * How bad an order is: an ignored rule counts a little, so that an order without it is found, unless it is
   * one that no order can help.
   */
  #weigh(problems: readonly Problem[]): number {
    return problems.reduce((sum, { rule }) => {
      if (!this.#isIgnored(rule)) return sum + 1000;
      return sum + (harmlessRules.has(rule) ? 0 : 1);
    }, 0);
  }

  /** Keeps the order that went furthest, and of those the best. */
  #keep(problems: readonly Problem[]): void {
    const order = this.#effects.map(({ burst }) => burst);
    const best = this.#best;
    const isBetter =
      best === undefined ||
      order.length > best.order.length ||
      (order.length === best.order.length && this.#weigh(problems) < this.#weigh(best.problems));
    if (isBetter) this.#best = { order, problems };
  }

  /** Puts the model into the best order, so that a run that ignores the problem can go on. */
  #replayBest(): void {
    this.#journal.rollBack(0);
    this.#effects.length = 0;
    const at = this.#record.bursts.map(() => 0);
    for (const burst of this.#best?.order ?? []) this.#enter(burst, at[burst]!++);
    this.#check();
  }
}

/**
 * What differs between the mailboxes of the model and those that a fresh client finds.
 *
 * @param newUidsFrom messages of a mailbox from this UID on may be unknown to the model
 */
export function compareMailboxes(
  account: ModelAccount,
  observations: Observations,
  newUidsFrom: (mailbox: ModelMailbox) => number | undefined = () => undefined,
): Problem[] {
  return [...observations].flatMap(([name, observation]) => {
    const mailbox = account.find(name);
    if (mailbox !== undefined && observation !== undefined) {
      return compareTruth(mailbox, observation, newUidsFrom(mailbox));
    }
    if (mailbox === undefined && observation === undefined) return [];
    const detail = `mailbox ${name} ${mailbox === undefined ? 'should not exist' : 'is missing'}`;
    return [{ rule: 'lost-message', detail }];
  });
}

/**
 * What differs between a mailbox of the model and what a fresh client finds in it; modseqs are learned.
 *
 * @param newUidsFrom messages from this UID on may be unknown to the model
 */
function compareTruth(
  mailbox: ModelMailbox,
  { messages }: Observation,
  newUidsFrom?: number,
): Problem[] {
  const problems: Problem[] = [];
  const expected = new Map(mailbox.alive.map((message) => [message.uid, message]));
  for (const [uid, { flags, modseq }] of messages) {
    const message = expected.get(uid);
    const where = `UID ${uid} of ${mailbox.name}`;
    if (message !== undefined && message.flags !== flags) {
      const detail = `${where} has (${flags}), expected (${message.flags})`;
      problems.push({ rule: 'lost-change', detail });
    } else if (message !== undefined) {
      if (!message.hasState(message.states.length - 1, { modseq })) {
        const { after, modseq: known = `more than ${after}` } = message.state;
        problems.push({ rule: 'modseq-wrong', detail: `${where} has ${modseq}, known ${known}` });
      }
      mailbox.learnModseq(message.state, modseq);
    }
    if (message !== undefined || uid >= (newUidsFrom ?? Infinity)) continue;
    problems.push({ rule: 'lost-message', detail: `${where} should not be there` });
  }
  for (const uid of expected.keys()) {
    if (messages.has(uid)) continue;
    problems.push({ rule: 'lost-message', detail: `UID ${uid} of ${mailbox.name} is missing` });
  }
  return problems;
}
