import { setTimeout as delay } from 'node:timers/promises';
import type { SentCommand } from './client-command.ts';
import { ClientMirror } from './client-mirror.ts';
import type { ModelSession } from './model-session.ts';
import type { Operation, Step } from './random-commands.ts';
import { resolveCommand } from './resolve-command.ts';
import { RoundExchange, type RoundClients, type RoundSettings } from './round-exchange.ts';
import { harmlessRules, type Problem, type Rule } from './rules.ts';
import { compareContexts } from './context-check.ts';
import { compareMailboxes } from './step-check.ts';
import { compareView, findUntold, learnObservation } from './view-check.ts';
import { NoAnswerError } from './wire-client.ts';

/**
 * How long a change may travel from one worker to another, as waits between looks in milliseconds. A change
 * that does not arrive is a fault; one that is late is none.
 */
export const networkPatienceMs: readonly number[] = [0, 0, 1, 2, 5, 10, 20, 50, 100, 200, 400];

/** A wait that is longer is not spent on what is ignored. */
const ignoredPatienceMs = 2;

/** Sessions on fresh mailboxes, step by step, with what is right. */
export class ModelRound {
  /** How often each rule was broken that is ignored. */
  readonly ignored = new Map<Rule, number>();
  #isSpoilt = false;
  readonly #patienceMs: readonly number[];
  readonly #isIgnored: (rule: Rule) => boolean;
  readonly #exchange: RoundExchange;
  #bodyCount = 0;
  #selectionCount = 0;

  constructor(clients: RoundClients, settings: RoundSettings, isIgnored: (rule: Rule) => boolean) {
    this.#patienceMs = clients.patienceMs;
    this.#isIgnored = isIgnored;
    this.#exchange = new RoundExchange(clients, settings, isIgnored);
  }

  /** True if an ignored fault has left the round in a state that the model does not know. */
  get isSpoilt(): boolean {
    return this.#isSpoilt || this.undecidedCount > 0;
  }

  /** Races with too many orders to try them all: 0 or 1, since the round ends there. */
  get undecidedCount(): number {
    return this.#exchange.undecidedCount;
  }

  /** Makes the mailboxes that stay, and connects the sessions. */
  begin(): Promise<void> {
    return this.#exchange.begin();
  }

  /** Ends the connections and deletes the mailboxes. */
  end(): Promise<void> {
    return this.#exchange.end();
  }

  /** Does one step. The problems are those that are not ignored. */
  async run(step: Step): Promise<readonly Problem[]> {
    try {
      const problems =
        step === 'settle' ? await this.#settle() : await this.#runBursts(step.bursts);
      return this.#filter(problems);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      return this.#filter([{ rule: 'no-answer', detail: error.message }]);
    }
  }

  #filter(problems: readonly Problem[]): readonly Problem[] {
    const serious = problems.filter(({ rule }) => !this.#isIgnored(rule));
    for (const { rule } of problems) {
      if (!this.#isIgnored(rule)) continue;
      this.ignored.set(rule, (this.ignored.get(rule) ?? 0) + 1);
      if (!harmlessRules.has(rule)) this.#isSpoilt = true;
    }
    return serious;
  }

  async #runBursts(bursts: readonly (readonly Operation[])[]): Promise<Problem[]> {
    const problems: Problem[] = [];
    const ready: { session: ModelSession; operations: readonly Operation[] }[] = [];
    for (const operations of bursts) {
      const session = await this.#exchange.awake(operations[0]?.session ?? 0);
      if (session === undefined) continue;
      if (operations[0]?.name === 'drop') {
        session.drop();
        continue;
      }
      ready.push({ session, operations });
      if (needsNumbers(operations)) problems.push(...(await this.#fill(session)));
    }
    const sent = ready.map(({ session, operations }) => ({
      session,
      commands: this.#resolve(session, operations, ready.length > 1),
    }));
    problems.push(...(await this.#exchange.exchange(sent)));
    const [only] = sent;
    if (sent.length !== 1 || only === undefined || problems.length > 0) return problems;
    if (only.commands.some(({ action }) => action.kind === 'select')) {
      return this.#fill(only.session);
    }
    if (only.commands.at(-1)?.usesNumbers !== true) return problems;
    return this.#checkHeldBack(only.session);
  }

  #resolve(
    session: ModelSession,
    operations: readonly Operation[],
    isRace: boolean,
  ): SentCommand[] {
    const { mirror, isCondstore, isUidOnly, isIdle } = session;
    const commands: SentCommand[] = [];
    let canUseNumbers = !isIdle;
    const resolve = (operation: Operation): SentCommand =>
      resolveCommand(operation, {
        mirror,
        isCondstore,
        isUidOnly,
        cacheOf: (name) => session.cacheOf(name),
        canUseNumbers,
        isFirst: commands.length === 0,
        isRace,
        mailboxName: (index) => this.#exchange.mailboxName(index),
        newBody: () => `Subject: message ${++this.#bodyCount}`,
        newMirror: (isReadOnly, cache) =>
          new ClientMirror(++this.#selectionCount, isReadOnly, {
            ...(cache && { cache }),
            isUidOnly,
          }),
      });
    if (isIdle) {
      const noop = resolve({ session: session.index, name: 'noop' });
      commands.push({ ...noop, text: 'DONE', action: { kind: 'done' } });
    }
    for (const operation of operations) {
      if (isIdle && (operation.name === 'done' || operation.name === 'idle')) break;
      const command = resolve(operation);
      commands.push(command);
      canUseNumbers &&= command.usesNumbers;
      if (endsBurst.has(command.action.kind)) break;
    }
    return commands;
  }

  /** Fetches what the client does not know of the messages it was told of. */
  async #fill(session: ModelSession): Promise<Problem[]> {
    const { mirror } = session;
    if (mirror?.mailbox === undefined || mirror.mailbox.isDeleted || session.isIdle) return [];
    const first = mirror.entries.findIndex(({ uid }) => uid === undefined);
    if (first < 0) return [];
    const items = session.isCondstore ? '(UID FLAGS MODSEQ)' : '(UID FLAGS)';
    const command: SentCommand = {
      text: session.isUidOnly
        ? `UID FETCH 1:* ${items}`
        : `FETCH ${first + 1}:${mirror.entries.length} ${items}`,
      action: { kind: 'fetch', named: [], setsSeen: false, asksFlags: true },
      mirror,
      usesNumbers: !session.isUidOnly,
      isBeyond: false,
      view: [...mirror.entries],
      isCondstore: session.isCondstore,
    };
    return this.#exchange.exchange([{ session, commands: [command] }]);
  }

  /** After a command that forbids only EXPUNGE the client has been told of new mail and flags. */
  async #checkHeldBack(session: ModelSession): Promise<Problem[]> {
    let untold: string | undefined;
    for (const waitMs of this.#patienceMs) {
      const { mirror } = session;
      if (mirror?.mailbox === undefined || mirror.mailbox.isDeleted) return [];
      untold = findUntold(mirror, mirror.mailbox);
      if (untold === undefined) return [];
      if (this.#isIgnored('held-back') && waitMs > ignoredPatienceMs) break;
      if (waitMs > 0) await delay(waitMs);
      const problems = await this.#exchange.exchange([
        { session, commands: [plainCommand(session, 'SEARCH ALL')] },
      ]);
      if (problems.length > 0) return problems;
    }
    return [{ rule: 'held-back', detail: `session ${session.index} was not told of ${untold}` }];
  }

  /** Compares all there is: the model, fresh clients, and what each session believes after NOOP. */
  async #settle(): Promise<Problem[]> {
    const problems = await this.#compareTruth();
    if (problems.length > 0) return problems;
    const { sessions } = this.#exchange;
    const awake = sessions.filter(({ mirror, isIdle }) => mirror !== undefined && !isIdle);
    const told = await this.#exchange.exchange(
      awake.map((session) => ({ session, commands: [plainCommand(session, 'NOOP')] })),
    );
    if (told.length > 0) return told;
    for (const session of sessions) {
      const found = [...(await this.#fill(session)), ...(await this.#compareView(session))];
      if (found.length > 0) return found;
    }
    return [];
  }

  async #compareTruth(): Promise<Problem[]> {
    let problems: Problem[] = [];
    for (const waitMs of this.#patienceMs) {
      if (waitMs > 0) await delay(waitMs);
      problems = [];
      for (const account of this.#exchange.accounts) {
        const observations = await this.#exchange.observeAll(account);
        problems.push(...compareMailboxes(account, observations));
        for (const mailbox of account.mailboxes) {
          const observation = observations.get(mailbox.name);
          if (observation === undefined || problems.length > 0) continue;
          problems.push(...learnObservation(account, mailbox, observation));
        }
      }
      this.#exchange.commit();
      if (problems.length === 0 || this.#isIgnorable(problems, waitMs)) break;
    }
    return problems;
  }

  async #compareView(session: ModelSession): Promise<Problem[]> {
    let found = this.#differences(session);
    for (const waitMs of this.#patienceMs) {
      if (found.length === 0 || this.#isIgnorable(found, waitMs)) break;
      const problems = await this.#tellAll(session, waitMs);
      if (problems.length > 0) return problems;
      found = this.#differences(session);
    }
    return found;
  }

  #differences({ mirror, index, isIdle, isCondstore }: ModelSession): Problem[] {
    if (mirror?.mailbox === undefined) return [];
    if (mirror.mailbox.isDeleted) {
      return [{ rule: 'deleted-untold', detail: `session ${index}: ${mirror.mailbox.name}` }];
    }
    const found = compareView(mirror, mirror.mailbox, isCondstore);
    if (found.length === 0) return compareContexts(mirror, mirror.mailbox);
    return isIdle ? found.map(({ detail }) => ({ rule: 'idle-deaf', detail })) : found;
  }

  /** True if it is not worth to wait whether the problems go away. */
  #isIgnorable(problems: readonly Problem[], waitMs: number): boolean {
    return waitMs > ignoredPatienceMs && problems.every(({ rule }) => this.#isIgnored(rule));
  }

  /** Lets the server tell the client all there is. */
  async #tellAll(session: ModelSession, waitMs: number): Promise<Problem[]> {
    if (session.isIdle) {
      if (waitMs > 0) await session.client.arrival(waitMs);
      return this.#exchange.exchange([]);
    }
    if (waitMs > 0) await delay(waitMs);
    const noop = plainCommand(session, 'NOOP');
    const problems = await this.#exchange.exchange([{ session, commands: [noop] }]);
    if (problems.length > 0) return problems;
    return this.#fill(session);
  }
}

/** After these a burst ends, since what the client has selected may change, or it waits. */
const endsBurst: ReadonlySet<string> = new Set(
  'select close unselect idle create delete rename'.split(' '),
);

/** Whether one of the operations names messages, whose UIDs the client then must know. */
function needsNumbers(operations: readonly Operation[]): boolean {
  return operations.some(({ name }) =>
    ['store', 'fetch', 'copy', 'move', 'search', 'expunge'].includes(name),
  );
}

/** A command without effect on the model. */
function plainCommand(session: ModelSession, text: 'NOOP' | 'SEARCH ALL'): SentCommand {
  const { mirror, isCondstore } = session;
  const isSearch = text === 'SEARCH ALL';
  return {
    text,
    action: isSearch
      ? { kind: 'search', criterion: { key: 'all' }, isUid: false, isSaving: false }
      : { kind: 'other' },
    mirror,
    usesNumbers: isSearch,
    isBeyond: false,
    view: [...(mirror?.entries ?? [])],
    isCondstore,
  };
}
