import { setTimeout as delay } from 'node:timers/promises';
import type { SentCommand } from './client-command.ts';
import { inboxName, Journal, ModelAccount, type ModelMailbox } from './mailbox-model.ts';
import type { ModelClient } from './model-client.ts';
import { ModelSession } from './model-session.ts';
import type { Observer } from './observer.ts';
import { mailboxNames, stayingMailboxes } from './random-commands.ts';
import type { Problem, Rule } from './rules.ts';
import { checkStep, type DoneBurst, type Observations, type StepRecord } from './step-check.ts';
import { checkNumbers } from './view-check.ts';

/** Where a round gets its connections. */
export interface RoundClients {
  /** Connects and logs in; accounts are 0 and 1. */
  connect(account: number, session: number): Promise<ModelClient>;
  readonly observers: readonly Observer[];
  /** Waits between looks at something that may be late; {@link networkPatienceMs} for a real server. */
  readonly patienceMs: readonly number[];
}

export interface RoundSettings {
  readonly sessionCount: number;
  /** 0 or 1: the sessions with an even or an odd index know CONDSTORE. */
  readonly condstoreParity: number;
  /** 0 or 1: every second of these knows QRESYNC, too, from the first or the second on; absent: none. */
  readonly qresyncParity?: number;
  /** 0, 1 or 2: every third session knows UIDONLY, from the first, the second or the third on; absent: none. */
  readonly uidOnlyRemainder?: number;
  /** The last session of four or more has an account of its own with mailboxes of the same names. */
  readonly hasSecondAccount: boolean;
  /** Which mailbox is INBOX, by its index; absent: the last of those that stay. */
  readonly inbox?: number;
  /** Of the names of the mailboxes; no two rounds on one server share one. */
  readonly prefix: string;
}

/** Commands of one session that go out in one write. */
export interface SessionBurst {
  readonly session: ModelSession;
  readonly commands: readonly SentCommand[];
}

/** The sessions of a round and the model: it sends, takes all that comes, and has it checked. */
export class RoundExchange {
  /** Races with too many orders to try them all; the model does not know what became of them. */
  undecidedCount = 0;
  readonly accounts: readonly ModelAccount[];
  readonly #clients: RoundClients;
  readonly #settings: RoundSettings;
  readonly #isIgnored: (rule: Rule) => boolean;
  readonly #journal = new Journal();
  #sessions: ModelSession[] = [];

  constructor(clients: RoundClients, settings: RoundSettings, isIgnored: (rule: Rule) => boolean) {
    this.#clients = clients;
    this.#settings = settings;
    this.#isIgnored = isIgnored;
    const count = settings.hasSecondAccount ? 2 : 1;
    this.accounts = Array.from({ length: count }, () => new ModelAccount(this.#journal));
  }

  get sessions(): readonly ModelSession[] {
    return this.#sessions;
  }

  /** Makes the mailboxes that stay, and connects the sessions. */
  async begin(): Promise<void> {
    for (const account of this.accounts) {
      const names = [...stayingMailboxes, 2].map((mailbox) => this.mailboxName(mailbox));
      // INBOX may hold what the round before has left there
      const emptying = ['SELECT INBOX', 'UID STORE 1:* +FLAGS.SILENT (\\Deleted)', 'CLOSE'];
      const creating = names.filter(isOther).map((name) => `CREATE ${name}`);
      await this.#observerOf(account).send([...emptying, ...creating]);
      for (const name of names) account.create(name);
    }
    this.#journal.commit();
    const { sessionCount } = this.#settings;
    const indexes = Array.from({ length: sessionCount }, (_, index) => index);
    this.#sessions = await Promise.all(indexes.map((index) => this.#connect(index)));
  }

  /** Ends the connections and deletes the mailboxes. */
  async end(): Promise<void> {
    for (const { client } of this.#sessions) client.drop();
    for (const account of this.accounts) {
      const names = account.mailboxes.map(({ name }) => name).filter(isOther);
      await this.#observerOf(account).send(names.map((name) => `DELETE ${name}`));
    }
  }

  /** The name of one of the mailboxes that the generator knows by their indexes. */
  mailboxName(index: number): string {
    const { prefix, inbox = stayingMailboxes.at(-1) } = this.#settings;
    return index === inbox ? inboxName : `${prefix}${mailboxNames[index]}`;
  }

  #accountIndex(session: number): number {
    const { hasSecondAccount, sessionCount } = this.#settings;
    return hasSecondAccount && session === sessionCount - 1 ? 1 : 0;
  }

  async #connect(index: number, known?: ModelSession['known']): Promise<ModelSession> {
    const accountIndex = this.#accountIndex(index);
    const client = await this.#clients.connect(accountIndex, index);
    const { condstoreParity, qresyncParity, uidOnlyRemainder } = this.#settings;
    const isCondstore = index % 2 === condstoreParity;
    const isQresync = isCondstore && (index >> 1) % 2 === qresyncParity;
    const isUidOnly = index % 3 === uidOnlyRemainder;
    const enabled = [
      ...(isCondstore ? [isQresync ? 'QRESYNC' : 'CONDSTORE'] : []),
      ...(isUidOnly ? ['UIDONLY'] : []),
    ];
    if (enabled.length > 0) {
      await client.answered(client.send(`ENABLE ${enabled.join(' ')}`));
      client.take();
    }
    const kind = { isCondstore, isQresync, isUidOnly, ...(known && { known }) };
    return new ModelSession(index, this.accounts[accountIndex]!, client, kind);
  }

  /** The session, connected anew if its connection has ended. */
  async awake(index: number): Promise<ModelSession | undefined> {
    const session = this.#sessions[index % this.#sessions.length];
    if (session?.client.isClosed !== true) return session;
    const next = await this.#connect(session.index, session.known);
    this.#sessions[session.index] = next;
    return next;
  }

  /** What a fresh client finds in all mailboxes of an account. */
  observeAll(account: ModelAccount): Promise<Observations> {
    const names = account.mailboxes.map(({ name }) => name);
    return this.#observerOf(account).observe(names);
  }

  /** What was learned of the model stays. */
  commit(): void {
    this.#journal.commit();
  }

  /**
   * Sends bursts at the same time, waits for all answers, and checks them. A session that has ended meanwhile, for a reason
   * that was checked when it ended, sends nothing.
   */
  async exchange(wanted: readonly SessionBurst[]): Promise<Problem[]> {
    const sent = wanted.filter(({ session }) => !session.client.isClosed);
    const highest = this.#highestModseqs();
    for (const { session, commands } of sent) session.send(commands);
    await Promise.all(sent.map(({ session }) => session.answered()));
    for (const session of this.#sessions) session.take();
    const problems = this.#sessions.flatMap((session) => session.takeProblems());
    const bursts = sent.map(({ session }) => ({
      account: session.account,
      commands: session.takeDone(),
    }));
    const told = this.#sessions.flatMap((session) =>
      session.takeTold(sent.findIndex((each) => each.session === session)),
    );
    const touched = needsLook(bursts) ? touchedNames(bursts) : new Map();
    problems.push(...(await this.#check(bursts, told, touched)));
    for (const { account, commands } of bursts) {
      const isAlone = bursts.length === 1 && commands.length === 1;
      problems.push(...commands.flatMap((done) => checkNumbers(done, account, highest, isAlone)));
    }
    this.#journal.commit();
    problems.push(...this.#dropClosed());
    return problems;
  }

  async #check(
    bursts: readonly DoneBurst[],
    told: StepRecord['told'],
    touched: ReadonlyMap<ModelAccount, ReadonlySet<string>>,
  ): Promise<Problem[]> {
    for (const waitMs of this.#clients.patienceMs) {
      if (waitMs > 0) await delay(waitMs);
      const observed = await this.#observe(touched);
      const isLast = waitMs === this.#clients.patienceMs.at(-1) || touched.size === 0;
      const verdict = checkStep(this.#journal, { bursts, told, observed }, this.#isIgnored, isLast);
      if (verdict === undefined) continue;
      if (verdict.isUndecided) {
        this.undecidedCount += 1;
      }
      for (const [account, observations] of observed) {
        for (const mailbox of verdict.uncertain) adopt(mailbox, account, observations);
      }
      this.#journal.commit();
      return [...verdict.problems];
    }
    return [];
  }

  async #observe(
    touched: ReadonlyMap<ModelAccount, ReadonlySet<string>>,
  ): Promise<Map<ModelAccount, Observations>> {
    const observed = new Map<ModelAccount, Observations>();
    for (const [account, names] of touched) {
      const observer = this.#observerOf(account);
      if (names.size > 0) observed.set(account, await observer.observe([...names]));
    }
    return observed;
  }

  #observerOf(account: ModelAccount): Observer {
    return this.#clients.observers[this.accounts.indexOf(account)]!;
  }

  #highestModseqs(): ReadonlyMap<ModelMailbox, number> {
    return new Map(
      this.accounts.flatMap(({ mailboxes }) =>
        mailboxes.map((mailbox) => [mailbox, mailbox.highestModseq] as const),
      ),
    );
  }

  /** Connections that have ended; those whose mailbox was deleted had a reason. */
  #dropClosed(): Problem[] {
    const problems: Problem[] = [];
    for (const session of this.#sessions) {
      if (!session.client.isClosed) continue;
      const hasReason = session.mirror === undefined || session.mirror.mailbox?.isDeleted === true;
      if (!hasReason) problems.push({ rule: 'bye', detail: `session ${session.index} was ended` });
      session.mirror = undefined;
    }
    return problems;
  }
}

/** True for all but INBOX, which nobody creates or deletes. */
function isOther(name: string): boolean {
  return name !== inboxName;
}

/** Whether the answers leave open what became of the mailboxes. */
function needsLook(bursts: readonly DoneBurst[]): boolean {
  const all = bursts.flatMap(({ commands }) => commands);
  return (
    bursts.length > 1 ||
    all.some(
      ({ sent, outcome }) =>
        outcome.status === 'none' ||
        outcome.code === 'EXPUNGEISSUED' ||
        // No answer tells the UIDs that the messages of INBOX have in their new mailbox.
        (sent.action.kind === 'rename' && sent.action.name === inboxName),
    )
  );
}

/** Commands that change no mailbox. */
const harmless: ReadonlySet<string> = new Set(
  'other idle done unselect search cancel select status'.split(' '),
);

/** The names of the mailboxes that the commands can have changed. */
function touchedNames(bursts: readonly DoneBurst[]): Map<ModelAccount, Set<string>> {
  const touched = new Map<ModelAccount, Set<string>>();
  for (const { account, commands } of bursts) {
    const names = touched.get(account) ?? new Set<string>();
    touched.set(account, names);
    for (const { sent } of commands) {
      const { action, mirror } = sent;
      if (harmless.has(action.kind)) continue;
      if (mirror?.mailbox !== undefined && !mirror.mailbox.isDeleted)
        names.add(mirror.mailbox.name);
      if ('target' in action) names.add(action.target);
      if (action.kind === 'create' || action.kind === 'delete') names.add(action.name);
      if (action.kind === 'rename') names.add(action.name).add(action.newName);
    }
  }
  return touched;
}

/** Takes into the model what came of commands whose answer does not tell it. */
function adopt(mailbox: ModelMailbox, account: ModelAccount, observations: Observations): void {
  const observation = observations.get(mailbox.name);
  if (observation === undefined || account.find(mailbox.name) !== mailbox) return;
  for (const [uid, { flags }] of observation.messages) {
    if (!mailbox.messages.has(uid)) mailbox.add(uid, '', flags);
  }
  mailbox.sort();
}
