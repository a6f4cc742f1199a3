import type { DoneCommand, SentCommand } from './client-command.ts';
import type { ClientMirror } from './client-mirror.ts';
import type { ModelAccount, ModelMailbox } from './mailbox-model.ts';
import type { Problem, Rule } from './rules.ts';
import type { Observation } from './step-check.ts';

/** What a client believes that is not so; it has just been told all there is (NOOP, IDLE). */
export function compareView(
  mirror: ClientMirror,
  mailbox: ModelMailbox,
  isCondstore: boolean,
): Problem[] {
  const { alive } = mailbox;
  const known = mirror.entries.map(({ uid }) => uid);
  const places = new Map(alive.map(({ uid }, index) => [uid, index]));
  const isSame =
    known.length === alive.length &&
    known.every((uid, index) => {
      if (uid === undefined) return true;
      return mirror.isUidOnly ? places.has(uid) : places.get(uid) === index;
    });
  if (!isSame) {
    const expected = alive.map(({ uid }) => uid);
    const detail = `${mailbox.name}: told (${known.join(' ')}), there are (${expected.join(' ')})`;
    return [{ rule: 'view-uids', detail }];
  }
  const problems: Problem[] = [];
  for (const [index, { uid, flags, modseq }] of mirror.entries.entries()) {
    const { state } = alive[uid === undefined ? index : places.get(uid)!]!;
    const where = `${mailbox.name}: UID ${uid}`;
    if (flags !== undefined && flags !== state.flags) {
      const detail = `${where} told as (${flags}), is (${state.flags})`;
      problems.push({ rule: 'view-flags', detail });
    } else if (isCondstore && modseq !== undefined && modseq !== (state.modseq ?? modseq)) {
      problems.push({ rule: 'view-modseq', detail: `${where} told ${modseq}, is ${state.modseq}` });
    }
  }
  return problems;
}

/** New mail and changed flags that a client was not told; messages that are gone may wait. */
export function findUntold(mirror: ClientMirror, mailbox: ModelMailbox): string | undefined {
  const lastUid = Math.max(0, ...mirror.entries.map(({ uid }) => uid ?? 0));
  const unknownCount = mirror.entries.filter(({ uid }) => uid === undefined).length;
  const newCount = mailbox.alive.filter(({ uid }) => uid > lastUid).length;
  if (newCount > unknownCount) return `${newCount} new messages`;
  for (const { uid, flags } of mirror.entries) {
    const message = uid === undefined ? undefined : mailbox.messages.get(uid);
    if (message === undefined || message.isExpunged) continue;
    if (flags !== undefined && flags !== message.flags) return `the flags of UID ${uid}`;
  }
  return undefined;
}

/** Learns what a fresh client found of a mailbox as a whole, and says what of it can't be. */
export function learnObservation(
  account: ModelAccount,
  mailbox: ModelMailbox,
  observation: Observation,
): Problem[] {
  const problems: Problem[] = [];
  const fail = (rule: Rule, detail: string) => {
    problems.push({ rule, detail: `${mailbox.name}: ${detail}` });
  };
  const { highestModseq, uidNext, uidValidity } = observation;
  if (!account.learnValidity(mailbox, uidValidity)) {
    fail('uid-reused', `UIDVALIDITY ${uidValidity}, known ${mailbox.uidValidity}`);
  }
  if (uidNext < mailbox.uidNext) fail('uid-reused', `UIDNEXT ${uidNext} of ${mailbox.uidNext}`);
  if (highestModseq < mailbox.highestModseq) {
    fail('highestmodseq-back', `${highestModseq} after ${mailbox.highestModseq}`);
  }
  for (const message of mailbox.alive) {
    const modseq = observation.messages.get(message.uid)?.modseq;
    if (modseq === undefined) continue;
    if (modseq > highestModseq) fail('highestmodseq-back', `${highestModseq}, a message ${modseq}`);
  }
  mailbox.learnHighest(highestModseq);
  return problems;
}

/**
 * The numbers of a mailbox that SELECT, STATUS and EXPUNGE tell; they are learned.
 *
 * @param highestBefore the HIGHESTMODSEQ of each mailbox that was known when the command went out
 * @param isAlone true if nobody else did anything
 */
export function checkNumbers(
  done: DoneCommand,
  account: ModelAccount,
  highestBefore: ReadonlyMap<ModelMailbox, number>,
  isAlone: boolean,
): Problem[] {
  const { sent, outcome } = done;
  const mailbox = mailboxOf(sent, account);
  if (outcome.status !== 'OK' || mailbox === undefined || mailbox.isDeleted) return [];
  const problems: Problem[] = [];
  const fail = (rule: Rule, detail: string) => {
    problems.push({ rule, detail: `${sent.text}: ${detail}` });
  };
  const codes = sent.action.kind === 'select' ? outcome.conditions : [outcome.code];
  const valueOf = (name: string) => outcome.counters?.get(name) ?? conditionValue(codes, name);
  const highest = valueOf('HIGHESTMODSEQ');
  const before = highestBefore.get(mailbox) ?? 0;
  if (highest !== undefined && highest < before) {
    fail('highestmodseq-back', `${highest} after ${before}`);
  }
  if (isAlone && sent.action.kind === 'select') problems.push(...checkOpening(done, mailbox));
  if (isAlone && sent.action.kind === 'status') problems.push(...checkCounters(done, mailbox));
  const uidValidity = valueOf('UIDVALIDITY');
  if (uidValidity !== undefined && !account.learnValidity(mailbox, uidValidity)) {
    fail('uid-reused', `UIDVALIDITY ${uidValidity} of ${mailbox.name}`);
  }
  mailbox.learnHighest(highest ?? 0);
  return problems;
}

/** The mailbox whose numbers a command tells. */
function mailboxOf(
  { action, mirror }: SentCommand,
  account: ModelAccount,
): ModelMailbox | undefined {
  if (action.kind === 'select') return action.next.mailbox;
  return action.kind === 'status' ? account.find(action.name) : mirror?.mailbox;
}

/** What SELECT or EXAMINE told, when nobody else did anything. */
function checkOpening({ sent, outcome }: DoneCommand, mailbox: ModelMailbox): Problem[] {
  const { alive } = mailbox;
  const unseen = alive.findIndex((message) => !message.hasFlag('\\seen'));
  const problems: Problem[] = [];
  const fail = (detail: string) => {
    problems.push({ rule: 'opening-wrong', detail: `${sent.text}: ${detail}` });
  };
  if (outcome.exists !== alive.length) fail(`EXISTS ${outcome.exists}, there are ${alive.length}`);
  for (const name of ['UIDNEXT', 'UIDVALIDITY', 'HIGHESTMODSEQ']) {
    if (conditionValue(outcome.conditions, name) === undefined) fail(`no ${name}`);
  }
  // A server may leave UNSEEN out, but not tell a wrong one.
  const toldUnseen = conditionValue(outcome.conditions, 'UNSEEN') ?? unseen + 1;
  if (toldUnseen !== unseen + 1) fail(`UNSEEN ${toldUnseen}, expected ${unseen + 1}`);
  const uidNext = conditionValue(outcome.conditions, 'UIDNEXT') ?? Infinity;
  if (uidNext < mailbox.uidNext) fail(`UIDNEXT ${uidNext}, expected at least ${mailbox.uidNext}`);
  return problems;
}

/** What STATUS told, when nobody else did anything. */
function checkCounters({ sent, outcome }: DoneCommand, mailbox: ModelMailbox): Problem[] {
  const { alive } = mailbox;
  const told = outcome.counters;
  const unseenCount = alive.filter((message) => !message.hasFlag('\\seen')).length;
  const isRight =
    told !== undefined &&
    told.get('MESSAGES') === alive.length &&
    told.get('UNSEEN') === unseenCount &&
    (told.get('UIDNEXT') ?? 0) >= mailbox.uidNext &&
    told.get('UIDVALIDITY') === (mailbox.uidValidity ?? told.get('UIDVALIDITY'));
  if (isRight) return [];
  const pairs = [...(told ?? [])].map(([name, value]) => `${name} ${value}`);
  const expected = `${alive.length} messages, ${unseenCount} unseen, next UID ${mailbox.uidNext}`;
  return [
    { rule: 'counters-wrong', detail: `${sent.text}: ${pairs.join(' ')}, expected ${expected}` },
  ];
}

/** The number of a response code such as `UIDNEXT 5`. */
export function conditionValue(codes: readonly string[], name: string): number | undefined {
  const code = codes.find((each) => each.startsWith(`${name} `));
  return code === undefined ? undefined : Number(code.slice(name.length + 1));
}
