import { newOutcome, type DoneCommand, type SentCommand } from './client-command.ts';
import type { ClientMirror, MirrorEntry, ResponseContext } from './client-mirror.ts';
import { changedFlags, type ModelAccount } from './mailbox-model.ts';
import type { Problem, Rule } from './rules.ts';
import type { ServerResponse } from './server-responses.ts';
import type { ToldMirror } from './step-check.ts';
import type { ModelClient } from './model-client.ts';

/** One client with what it believes. */
export class ModelSession {
  readonly index: number;
  readonly account: ModelAccount;
  readonly isCondstore: boolean;
  readonly isQresync: boolean;
  readonly isUidOnly: boolean;
  /** What the client keeps of mailboxes that it has left, by their names; more than one connection long. */
  readonly known: Map<string, ClientMirror>;
  client: ModelClient;
  #mirror: ClientMirror | undefined;
  #idleTag: string | undefined;
  #done: DoneCommand[] = [];
  #tags: string[] = [];
  /** How many commands of the burst are answered. */
  #answered = 0;
  #problems: Problem[] = [];
  readonly #used = new Set<ClientMirror>();
  /** Entries whose flags the running command has told. */
  #toldEntries = new Set<MirrorEntry>();

  constructor(
    index: number,
    account: ModelAccount,
    client: ModelClient,
    kind: {
      readonly isCondstore: boolean;
      readonly isQresync: boolean;
      readonly isUidOnly: boolean;
      readonly known?: Map<string, ClientMirror>;
    },
  ) {
    this.index = index;
    this.account = account;
    this.client = client;
    this.isCondstore = kind.isCondstore;
    this.isQresync = kind.isQresync;
    this.isUidOnly = kind.isUidOnly;
    this.known = kind.known ?? new Map();
  }

  /** The selected mailbox, if there is one. */
  get mirror(): ClientMirror | undefined {
    return this.#mirror;
  }

  /** What the client knows of the mailbox before it keeps, under the name that this had last. */
  set mirror(next: ClientMirror | undefined) {
    const before = this.#mirror;
    this.#mirror = next;
    const name = before?.mailbox?.name;
    if (this.isQresync && name !== undefined && before !== next) this.known.set(name, before!);
  }

  /** What the client knows of the mailbox of a name, if it can come back to it. */
  cacheOf(name: string): ClientMirror | undefined {
    if (!this.isQresync) return undefined;
    return this.mirror?.mailbox?.name === name ? this.mirror : this.known.get(name);
  }

  /** The connection is lost, and what is on its way. */
  drop(): void {
    this.client.take();
    this.client.drop();
    this.#idleTag = undefined;
    this.mirror = undefined;
  }

  get isIdle(): boolean {
    return this.#idleTag !== undefined;
  }

  /** Sends a burst in one write. What has come before belongs to no command: take it first. */
  send(commands: readonly SentCommand[]): void {
    this.#done = commands.map((sent) => ({ sent, outcome: newOutcome() }));
    this.#answered = 0;
    for (const { action, mirror } of commands) {
      if (action.kind === 'cancel') mirror?.contexts.cancel(action.tag);
    }
    const tags = this.client.sendAll(commands.map(({ text }) => text));
    this.#tags = tags.map((tag) => (tag === '' ? (this.#idleTag ?? '') : tag));
    this.#idleTag = undefined;
  }

  /** Settles when all commands are answered; of IDLE the continuation request is the answer. */
  async answered(): Promise<void> {
    const tag = this.#tags.at(-1);
    if (tag === undefined) return;
    const isIdle = this.#done.at(-1)?.sent.action.kind === 'idle';
    await this.client.answered(...(isIdle ? ['+', tag] : [tag]));
  }

  /** Takes in all that has come. */
  take(): void {
    for (const response of this.client.take()) this.#takeResponse(response);
    if (!this.client.isClosed) return;
    this.#idleTag = undefined;
    // SELECT has left the mailbox before, so that its end is no reason.
    if (this.#done[this.#answered]?.sent.action.kind === 'select') this.mirror = undefined;
    if (this.mirror !== undefined) this.#used.add(this.mirror);
  }

  /** The commands of the last burst. */
  takeDone(): readonly DoneCommand[] {
    const done = this.#done;
    this.#done = [];
    this.#tags = [];
    this.#answered = 0;
    return done;
  }

  /** What was told since the last call. */
  takeTold(burst: number): ToldMirror[] {
    const told = [...this.#used].map((mirror) => ({
      burst,
      mirror,
      isCondstore: this.isCondstore,
      facts: mirror.takeFacts(),
    }));
    this.#used.clear();
    return told;
  }

  /** What was wrong in itself since the last call. */
  takeProblems(): Problem[] {
    const problems = this.#problems;
    this.#problems = [];
    return problems;
  }

  #takeResponse(response: ServerResponse): void {
    const done = this.#done[this.#answered];
    switch (response.kind) {
      case 'tagged':
        return this.#takeTagged(response);
      case 'continue':
        if (done?.sent.action.kind !== 'idle') return;
        done.outcome.status = 'OK';
        this.#idleTag = this.#tags[this.#answered];
        return;
      case 'status':
        if (done !== undefined) done.outcome.counters = response.values;
        return;
      case 'condition':
        return this.#takeCondition(response.status, response.code);
      default:
        this.#tell(response, done);
    }
  }

  #tell(response: ServerResponse, done: DoneCommand | undefined): void {
    const action = done?.sent.action;
    const isOpening = action?.kind === 'select';
    const mirror = isOpening ? action.next : this.mirror;
    if (done !== undefined && response.kind === 'exists') done.outcome.exists ??= response.count;
    if (mirror === undefined) return;
    const context: ResponseContext = {
      command: done === undefined ? -1 : this.#answered,
      isRunning: done !== undefined || this.isIdle,
      usesNumbers: done?.sent.usesNumbers === true,
      isOpening: isOpening && mirror.entries.length === 0,
      isUidSearch: action?.kind === 'search' && action.isUid,
      isSaving: action?.kind === 'search' && action.isSaving,
      followed: action?.kind === 'search' && action.isFollowed === true ? action : undefined,
    };
    this.#used.add(mirror);
    if (response.kind === (this.isQresync || this.isUidOnly ? 'expunge' : 'vanished')) {
      this.#fail('vanished-form', `${response.kind} to session ${this.index}`);
    }
    if (response.kind === 'fetch' && response.isByUid !== this.isUidOnly) {
      return this.#fail('uidonly-form', `FETCH ${response.number} to session ${this.index}`);
    }
    mirror.take(response, context);
    if (response.kind === 'fetch' && response.flags !== undefined) {
      const { number, isByUid } = response;
      const entry = isByUid ? mirror.find(number) : mirror.entries[number - 1];
      if (entry !== undefined) this.#toldEntries.add(entry);
    }
    this.#problems.push(...mirror.takeProblems());
  }

  #takeCondition(status: string, code: string): void {
    const done = this.#done[this.#answered];
    done?.outcome.conditions.push(code);
    const action = done?.sent.action;
    (action?.kind === 'select' ? action.next : this.mirror)?.takeCode(code);
    // Of SELECT it says that the mailbox before is closed; otherwise that none is selected any more.
    if (code === 'CLOSED' && done?.sent.action.kind !== 'select') this.mirror = undefined;
    if (code.startsWith('UNSEEN') && this.isUidOnly) this.#fail('uidonly-form', code);
    if (status === 'MALFORMED') this.#fail('malformed', code);
    if (code === 'SERVERBUG') this.#fail('serverbug', 'the server tells of an error of its own');
    if (status === 'BYE') this.client.drop();
  }

  #takeTagged({ tag, status, code }: Extract<ServerResponse, { kind: 'tagged' }>): void {
    const done = this.#done[this.#answered];
    if (done === undefined || this.#tags[this.#answered] !== tag) {
      this.#fail('malformed', `tag ${tag} is not that of a running command`);
      return;
    }
    if (code === 'SERVERBUG') this.#fail('serverbug', `${done.sent.text} answered SERVERBUG`);
    done.outcome.status = status;
    done.outcome.code = code;
    this.#answered += 1;
    const { action } = done.sent;
    const mirror = action.kind === 'select' && status === 'OK' ? action.next : this.mirror;
    mirror?.takeCode(code);
    mirror?.endCommand();
    this.#problems.push(...(mirror?.takeProblems() ?? []));
    this.#follow(done);
    this.#toldEntries = new Set();
  }

  /** Changes what the client believes, as the tagged answer lets it. */
  #follow({ sent, outcome }: DoneCommand): void {
    const { action } = sent;
    const isOk = outcome.status === 'OK';
    switch (action.kind) {
      case 'select':
        if (isOk) this.mirror = action.next;
        else if (outcome.status === 'NO') this.mirror = undefined;
        return;
      case 'close':
      case 'unselect':
        if (isOk) this.mirror = undefined;
        return;
      case 'delete':
        if (isOk && this.mirror?.mailbox?.name === action.name) this.mirror = undefined;
        return;
      case 'cancel':
        if (isOk) this.mirror?.contexts.end(action.tag);
        return;
      case 'store':
        if (!action.isSilent || (!isOk && outcome.code !== 'EXPUNGEISSUED')) return;
        this.#assume(sent, outcome.code);
        return;
      default:
    }
  }

  #assume({ action, view }: SentCommand, code: string): void {
    if (action.kind !== 'store') return;
    const set = /^MODIFIED (\S+)$/.exec(code)?.[1] ?? '';
    const modified = new Set(expand(set, action.isUid, view));
    for (const entry of action.named) {
      if (modified.has(entry)) continue;
      const change = (flags: string) => changedFlags(flags, action.mode, action.flags);
      this.mirror?.assume(entry, change, this.#toldEntries);
    }
  }

  #fail(rule: Rule, detail: string): void {
    this.#problems.push({ rule, detail });
  }
}

/** The entries that a sequence set names. */
function expand(
  set: string,
  isUid: boolean,
  view: readonly MirrorEntry[],
): (MirrorEntry | undefined)[] {
  const ranges = set.split(',').map((range) => range.split(':').map(Number));
  return view.filter((entry, index) =>
    ranges.some(([first = 0, last = first]) => {
      const number = isUid ? (entry.uid ?? 0) : index + 1;
      return number >= first && number <= last;
    }),
  );
}
