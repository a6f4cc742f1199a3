import type { Action, Criterion, DoneCommand } from './client-command.ts';
import type { MirrorEntry, ToldFact } from './client-mirror.ts';
import type { OwnChange } from './command-effects.ts';
import type { Journal, MessageState, ModelMailbox, ModelMessage } from './mailbox-model.ts';
import type { Problem, Rule } from './rules.ts';
import { flagsOf } from './server-responses.ts';
import type { ToldMirror } from './step-check.ts';

/**
 * Checks what a client was told in a step against the model, which is already as the step has left it. A
 * client may be told an older state than the present one, since others' changes travel, but never one that
 * is older than what it was told before or has made itself.
 *
 * @param ownChanges by the index of the command that made them
 * @param isUncertain true if messages may have come to the mailbox of which no answer tells
 */
export function checkFacts(
  told: ToldMirror,
  commands: readonly DoneCommand[],
  ownChanges: ReadonlyMap<number, readonly OwnChange[]>,
  { journal, isUncertain }: { readonly journal: Journal; readonly isUncertain: boolean },
): readonly Problem[] {
  const { mailbox } = told.mirror;
  // Of a mailbox that was deleted meanwhile a client may have been told anything that was once true.
  if (mailbox === undefined || mailbox.isDeleted) return [];
  const check = new FactCheck(told, mailbox, ownChanges, journal);
  for (let command = -1; command < Math.max(commands.length, 0); command++) {
    const facts = told.facts.filter((fact) => fact.command === command);
    check.takeFacts(facts);
    const done = commands[command];
    if (done === undefined || done.sent.mirror !== told.mirror) continue;
    check.takeOwnChanges(facts, ownChanges.get(command) ?? []);
    if (done.sent.action.kind === 'fetch') check.checkFetched(facts, done);
    if (done.sent.action.kind === 'search') check.checkSearch(facts, done.sent.action);
    if (done.sent.action.kind === 'expunge') check.checkHighest(done.outcome.code);
  }
  if (!isUncertain) return check.problems;
  return check.problems.filter(({ rule }) => rule !== 'exists-wrong' && rule !== 'wrong-uid');
}

/**
 * Learns the modseqs of states from what leaves no doubt which state is meant, before anything is checked: of
 * several sessions one may tell the modseq alone, and another with the flags.
 */
export function learnModseqs({ mirror, facts }: ToldMirror): void {
  const { mailbox } = mirror;
  if (mailbox === undefined || mailbox.isDeleted) return;
  for (const fact of facts) {
    if (fact.kind !== 'fetch') continue;
    const { flags, modseq } = fact.response;
    const message = mailbox.messages.get(fact.entry.uid ?? 0);
    if (flags === undefined || modseq === undefined || message === undefined) continue;
    const candidates = message.findStates(fact.entry.seenState, { flags, modseq });
    if (candidates.length === 1) mailbox.learnModseq(message.states[candidates[0]!]!, modseq);
  }
}

/**
 * Whether each modseq that was told belongs to a state, once all that can be known of the states is known.
 */
export function recheckModseqs({ mirror, facts }: ToldMirror): readonly Problem[] {
  const { mailbox } = mirror;
  if (mailbox === undefined || mailbox.isDeleted) return [];
  return facts.flatMap((fact): readonly Problem[] => {
    if (fact.kind !== 'fetch' || fact.response.modseq === undefined) return [];
    const { flags, modseq } = fact.response;
    const message = mailbox.messages.get(fact.entry.uid ?? 0);
    const told = { modseq, ...(flags !== undefined && { flags }) };
    if (message === undefined || message.hasState(0, told)) return [];
    if (flags !== undefined && message.wasBetween(0, flags, modseq)) return [];
    return [{ rule: 'modseq-wrong', detail: `UID ${message.uid} never had MODSEQ ${modseq}` }];
  });
}

class FactCheck {
  readonly problems: Problem[] = [];
  readonly #told: ToldMirror;
  readonly #mailbox: ModelMailbox;
  readonly #ownChanges: ReadonlyMap<number, readonly OwnChange[]>;
  readonly #journal: Journal;
  /** What was known before this step: a message must have been told again only if it changed after that. */
  readonly #seenBefore = new Map<MirrorEntry, number>();

  constructor(
    told: ToldMirror,
    mailbox: ModelMailbox,
    ownChanges: ReadonlyMap<number, readonly OwnChange[]>,
    journal: Journal,
  ) {
    this.#told = told;
    this.#mailbox = mailbox;
    this.#ownChanges = ownChanges;
    this.#journal = journal;
  }

  takeFacts(facts: readonly ToldFact[]): void {
    for (const fact of facts) {
      if (fact.kind === 'fetch') this.#takeFetch(fact);
      if (fact.kind === 'expunged') this.#takeExpunged(fact.entry);
      if (fact.kind === 'exists') this.#takeExists(fact);
    }
  }

  /** The client's own changes are told with MODSEQ, and nothing older is told after them. */
  takeOwnChanges(facts: readonly ToldFact[], changes: readonly OwnChange[]): void {
    for (const { entry, message, stateIndex, isChange } of changes) {
      if (message.isExpunged) continue;
      const told = facts.flatMap((fact) =>
        fact.kind === 'fetch' && fact.entry === entry ? [fact.response] : [],
      );
      const last = told.findLast(({ flags }) => flags !== undefined);
      if (last !== undefined && !message.hasState(stateIndex, last)) {
        this.#fail(
          'flags-wrong',
          `UID ${message.uid} told as (${last.flags}) after its own change`,
        );
      }
      const hasModseq = told.some(({ modseq }) => modseq !== undefined);
      if (isChange && this.#told.isCondstore && !hasModseq) {
        this.#fail('modseq-missing', `UID ${message.uid} was changed to (${message.flags})`);
        this.#forgetModseq(entry);
      }
      this.#see(entry, stateIndex);
    }
  }

  /** Each message that exists and was asked for must have come. */
  checkFetched(facts: readonly ToldFact[], { sent, outcome }: DoneCommand): void {
    if (sent.action.kind !== 'fetch' || outcome.status !== 'OK') return;
    const { named, changedSince } = sent.action;
    const told = new Set(facts.map((fact) => (fact.kind === 'fetch' ? fact.entry : undefined)));
    for (const entry of named) {
      const message = this.#messageOf(entry);
      if (message === undefined || message.isExpunged || told.has(entry)) continue;
      const seen = message.states[this.#seenBefore.get(entry) ?? entry.seenState];
      if (changedSince !== undefined && !((seen?.modseq ?? 0) > changedSince)) continue;
      this.#fail('fetch-missing', `${sent.text}: UID ${message.uid} did not come`);
    }
  }

  checkSearch(facts: readonly ToldFact[], action: Extract<Action, { kind: 'search' }>): void {
    for (const fact of facts) if (fact.kind === 'search') this.#checkFound(fact, action);
  }

  /** HIGHESTMODSEQ may not cover a change that the client was not told. */
  checkHighest(code: string): void {
    const highest = Number(/^HIGHESTMODSEQ (\d+)$/.exec(code)?.[1] ?? 0);
    for (const entry of this.#told.mirror.entries) {
      const message = this.#messageOf(entry);
      if (message === undefined || message.isExpunged || entry.flags === undefined) continue;
      const { modseq = Infinity, flags } = message.state;
      if (modseq > highest || flags === entry.flags) continue;
      const detail = `${highest}, but UID ${message.uid} is (${flags}) since ${modseq}`;
      this.#fail('highestmodseq-early', detail);
    }
  }

  #fail(rule: Rule, detail: string): void {
    this.problems.push({ rule, detail: `${this.#mailbox.name}: ${detail}` });
  }

  #messageOf(entry: MirrorEntry): ModelMessage | undefined {
    return entry.uid === undefined ? undefined : this.#mailbox.messages.get(entry.uid);
  }

  #see(entry: MirrorEntry, state: number): void {
    const before = entry.seenState;
    if (state <= before) return;
    if (!this.#seenBefore.has(entry)) this.#seenBefore.set(entry, before);
    entry.seenState = state;
    this.#journal.add(() => {
      entry.seenState = before;
    });
  }

  /** So that a run that ignores a missing MODSEQ does not take it for another fault later. */
  #forgetModseq(entry: MirrorEntry): void {
    const { modseq } = entry;
    entry.modseq = undefined;
    this.#journal.add(() => {
      entry.modseq = modseq;
    });
  }

  #takeFetch(fact: Extract<ToldFact, { kind: 'fetch' }>): void {
    const { entry, response } = fact;
    const message = this.#messageOf(entry);
    if (entry.uid === undefined) return;
    if (message === undefined) {
      this.#fail('wrong-uid', `no message ever had UID ${entry.uid}`);
      return;
    }
    if (response.body !== undefined && !response.body.startsWith(message.body)) {
      this.#fail('fetch-body', `UID ${entry.uid} is "${message.body}", not "${response.body}"`);
    }
    this.#checkState(fact, message);
    if (response.isRecent === true && !this.#told.mirror.isReadOnly) this.#claim(message);
  }

  #checkState(
    { entry, command, response }: Extract<ToldFact, { kind: 'fetch' }>,
    message: ModelMessage,
  ): void {
    const { flags, modseq } = response;
    if (flags === undefined && modseq === undefined) return;
    const from = entry.seenState;
    const told = { ...(flags !== undefined && { flags }), ...(modseq !== undefined && { modseq }) };
    const candidates = message.findStates(from, told);
    if (candidates.length === 0 && flags !== undefined && message.wasBetween(from, flags, modseq)) {
      return;
    }
    if (candidates.length === 0) {
      const hasFlags = flags === undefined || message.hasState(from, { flags });
      const known = message.states
        .slice(from)
        .map((state) => `(${state.flags}) ${state.modseq ?? `>${state.after}`}`);
      const what = `UID ${message.uid} told as (${flags ?? '?'}) ${modseq ?? ''}`;
      this.#fail(hasFlags ? 'modseq-wrong' : 'flags-wrong', `${what}, was ${known.join(', ')}`);
      return;
    }
    // A modseq alone, in answer to a change of the client's own, is that of the change or a later one.
    const own = flags === undefined ? this.#ownState(command, entry) : 0;
    const later = candidates.filter((index) => index >= own);
    this.#see(entry, candidates[0]!);
    if (modseq === undefined) return;
    if (later.length === 1) this.#mailbox.learnModseq(message.states[later[0]!]!, modseq);
    this.#mailbox.learnHighest(modseq);
  }

  #ownState(command: number, entry: MirrorEntry): number {
    const changes = this.#ownChanges.get(command) ?? [];
    return changes.find((change) => change.entry === entry)?.stateIndex ?? 0;
  }

  #claim(message: ModelMessage): void {
    const { selection } = this.#told.mirror;
    const owner = message.recentOwner;
    if (owner === selection) return;
    if (owner !== undefined) {
      this.#fail('recent-twice', `UID ${message.uid} is \\Recent for ${owner} and ${selection}`);
      return;
    }
    message.recentOwner = selection;
    this.#journal.add(() => {
      message.recentOwner = undefined;
    });
  }

  #takeExpunged(entry: MirrorEntry): void {
    const message = this.#messageOf(entry);
    if (message === undefined || message.isExpunged) return;
    this.#fail('expunge-alive', `UID ${message.uid} still exists`);
  }

  #takeExists({ count, lastUid, unknownCount }: Extract<ToldFact, { kind: 'exists' }>): void {
    let newCount = 0;
    for (const uid of this.#mailbox.messages.keys()) if (uid > lastUid) newCount += 1;
    if (unknownCount <= newCount) return;
    this.#fail('exists-wrong', `EXISTS ${count}, but only ${newCount} came after UID ${lastUid}`);
  }

  #checkFound(
    { response, view }: Extract<ToldFact, { kind: 'search' }>,
    { criterion, isUid }: Extract<Action, { kind: 'search' }>,
  ): void {
    const found = new Set(
      isUid ? response.numbers : response.numbers.map((number) => view[number - 1]?.uid),
    );
    for (const [index, entry] of view.entries()) {
      const message = this.#messageOf(entry);
      if (message === undefined) continue;
      const from = this.#seenBefore.get(entry) ?? entry.seenState;
      const hasNumber = ({ numbers }: NumberCriterion) => numbers.includes(index + 1);
      const answers = message.states
        .slice(from)
        .map((state) => isMatch(criterion, { state, uid: message.uid, hasNumber }));
      const isFound = found.has(message.uid);
      if (answers.includes(isFound) || answers.includes(undefined)) continue;
      if (!isFound && message.isExpunged) continue;
      const word = isFound ? 'found' : 'did not find';
      this.#fail('search-wrong', `${word} UID ${message.uid} (${message.flags})`);
    }
    this.#checkSearchModseq(response.modseq, found);
  }

  /** The modseq is that of one of the messages found. */
  #checkSearchModseq(modseq: number | undefined, found: ReadonlySet<number | undefined>): void {
    // Of a message whose UID the client does not know its modseq is not known either.
    if (modseq === undefined || found.has(undefined)) return;
    const messages = [...found].map((uid) => this.#mailbox.messages.get(uid ?? 0));
    const states = messages.flatMap((message) => message?.states ?? []);
    const isOne = states.some((state) => state.modseq === undefined || state.modseq === modseq);
    if (!isOne) this.#fail('modseq-wrong', `SEARCH tells MODSEQ ${modseq}, which no message has`);
  }
}

type NumberCriterion = Extract<Criterion, { key: 'numbers' }>;

/** A message that may match. */
export interface Candidate {
  readonly state: MessageState;
  readonly uid: number;
  /** True if it has one of the numbers. */
  readonly hasNumber: (criterion: NumberCriterion) => boolean;
}

/** Whether a message matches; undefined if it is not known, since its modseq is not. */
export function isMatch(criterion: Criterion, candidate: Candidate): boolean | undefined {
  switch (criterion.key) {
    case 'all':
      return true;
    case 'flag': {
      const flags = flagsOf(candidate.state.flags);
      return flags.includes(criterion.flag.toLowerCase()) === criterion.isSet;
    }
    case 'numbers':
      return candidate.hasNumber(criterion);
    case 'uids':
    case 'saved':
      return criterion.uids.includes(candidate.uid);
    case 'modseq': {
      const { modseq } = candidate.state;
      return modseq === undefined ? undefined : modseq >= criterion.modseq;
    }
    case 'not': {
      const inner = isMatch(criterion.operand, candidate);
      return inner === undefined ? undefined : !inner;
    }
    default: {
      const left = isMatch(criterion.left, candidate);
      const right = isMatch(criterion.right, candidate);
      const decides = criterion.key === 'or';
      if (left === decides || right === decides) return decides;
      return left === undefined || right === undefined ? undefined : !decides;
    }
  }
}
