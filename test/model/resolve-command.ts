import type { Action, Criterion, SentCommand } from './client-command.ts';
import type { ClientMirror, MirrorEntry } from './client-mirror.ts';
import type { MessagePicks, Operation, SearchPick } from './random-commands.ts';
import { sequenceSetOf } from './server-responses.ts';

/** What an operation needs to become a command. */
export interface ResolveContext {
  readonly mirror: ClientMirror | undefined;
  readonly isCondstore: boolean;
  /** True for a client that has no message sequence numbers. */
  readonly isUidOnly: boolean;
  /** What the client knows of the mailbox of a name, if it may come back to it with QRESYNC. */
  readonly cacheOf: (name: string) => ClientMirror | undefined;
  /** False behind a command of the same burst after which EXPUNGE may be told. */
  readonly canUseNumbers: boolean;
  /** True at the beginning of a burst: what the client knows of EXISTS is what the server has told. */
  readonly isFirst: boolean;
  /** True if other sessions send at the same time. */
  readonly isRace: boolean;
  readonly mailboxName: (index: number) => string;
  /** A line that no other message has. */
  readonly newBody: () => string;
  readonly newMirror: (isReadOnly: boolean, cache?: ClientMirror) => ClientMirror;
}

/** A UID that no message gets. */
const beyondUid = 4_000_000_000;

const bodyItems = {
  flags: 'FLAGS',
  modseq: '(FLAGS MODSEQ)',
  body: 'BODY[]',
  'body-flags': '(FLAGS BODY[])',
  'body-modseq': '(MODSEQ BODY[])',
  peek: '(UID BODY.PEEK[])',
} as const;

interface Resolved {
  readonly text: string;
  readonly action: Action;
  readonly usesNumbers?: boolean;
  readonly isBeyond?: boolean;
}

/** The command for an operation; what can't be done in the client's state becomes SELECT or NOOP. */
export function resolveCommand(operation: Operation, context: ResolveContext): SentCommand {
  const { mirror, isCondstore } = context;
  const { text, action, usesNumbers = false, isBeyond = false } = resolve(operation, context);
  const view = mirror === undefined ? [] : [...mirror.entries];
  return { text, action, mirror, usesNumbers, isBeyond, view, isCondstore };
}

const noop: Resolved = { text: 'NOOP', action: { kind: 'other' } };

function resolve(operation: Operation, context: ResolveContext): Resolved {
  const { mirror } = context;
  if (mirror?.mailbox?.isDeleted === true && !isHarmless(operation)) return noop;
  switch (operation.name) {
    case 'append':
      return append(operation.target, operation.flags, context);
    case 'select':
      return select(operation, context);
    case 'create':
    case 'delete':
      return named(operation.name, context.mailboxName(operation.mailbox));
    case 'status':
      return status(context.mailboxName(operation.mailbox), context.isCondstore);
    case 'rename': {
      const name = context.mailboxName(operation.mailbox);
      const newName = context.mailboxName(operation.newMailbox);
      return { text: `RENAME ${name} ${newName}`, action: { kind: 'rename', name, newName } };
    }
    case 'noop':
    case 'check':
      return mirror === undefined ? noop : { ...noop, text: operation.name.toUpperCase() };
    default:
      if (mirror !== undefined) return resolveSelected(operation, mirror, context);
      return context.canUseNumbers ? select({ mailbox: 0, resync: 'all' }, context) : noop;
  }
}

/** Operations that leave no doubt when the server ends the connection because the mailbox is gone. */
function isHarmless({ name }: Operation): boolean {
  return ['fetch', 'store', 'search', 'expunge', 'close', 'select', 'noop'].includes(name);
}

function resolveSelected(
  operation: Operation,
  mirror: ClientMirror,
  context: ResolveContext,
): Resolved {
  switch (operation.name) {
    case 'idle':
      return { text: 'IDLE', action: { kind: 'idle' } };
    case 'close':
    case 'unselect':
      return { text: operation.name.toUpperCase(), action: { kind: operation.name } };
    case 'store':
      return store(operation, mirror, context);
    case 'fetch':
      return fetch(operation, mirror, context);
    case 'search':
      return search(operation, mirror, context);
    case 'cancel':
      return cancel(operation, mirror);
    case 'copy':
    case 'move':
      return copy(operation, mirror, context);
    case 'expunge':
      return expunge(operation, mirror, context);
    default:
      return noop;
  }
}

function append(target: number, flags: readonly string[], context: ResolveContext): Resolved {
  const name = context.mailboxName(target);
  const body = context.newBody();
  const message = `${body}\r\n\r\nHello\r\n`;
  const text = `APPEND ${name} (${flags.join(' ')}) {${message.length}+}\r\n${message}`;
  return { text, action: { kind: 'append', target: name, flags, body } };
}

function select(
  {
    mailbox,
    isReadOnly = false,
    resync,
  }: Pick<Extract<Operation, { name: 'select' }>, 'mailbox' | 'resync'> & {
    readonly isReadOnly?: boolean;
  },
  context: ResolveContext,
): Resolved {
  const name = context.mailboxName(mailbox);
  const cache = resync === undefined ? undefined : context.cacheOf(name);
  const known =
    cache && knownText(cache, resync === 'matches' && context.isUidOnly ? 'uids' : resync!);
  const suffix = known ?? (context.isCondstore ? ' (CONDSTORE)' : '');
  const next = context.newMirror(isReadOnly, known === undefined ? undefined : cache);
  const text = `${isReadOnly ? 'EXAMINE' : 'SELECT'} ${name}${suffix}`;
  return { text, action: { kind: 'select', name, next } };
}

/** What a client knows of a mailbox, as a parameter of SELECT; undefined if it does not know enough. */
function knownText(cache: ClientMirror, resync: 'all' | 'uids' | 'matches'): string | undefined {
  const { uidValidity, highestModseq, knownEntries } = cache;
  if (uidValidity === undefined || highestModseq === undefined) return undefined;
  const known = knownEntries.map(({ uid }) => uid!);
  const numbers = known.map((_, index) => index + 1).filter((number) => number % 3 === 1);
  const matched = numbers.map((number) => known[number - 1]!);
  const uids = known.length === 0 ? '' : ` ${sequenceSetOf(known)}`;
  const matches =
    known.length === 0 ? '' : ` (${sequenceSetOf(numbers)} ${sequenceSetOf(matched)})`;
  const more = { all: '', uids, matches: `${uids}${matches}` }[resync];
  return ` (QRESYNC (${uidValidity} ${highestModseq}${more}))`;
}

function named(kind: 'create' | 'delete', name: string): Resolved {
  return { text: `${kind.toUpperCase()} ${name}`, action: { kind, name } };
}

function status(name: string, isCondstore: boolean): Resolved {
  const items = `MESSAGES UIDNEXT UIDVALIDITY UNSEEN${isCondstore ? ' HIGHESTMODSEQ' : ''}`;
  return { text: `STATUS ${name} (${items})`, action: { kind: 'status', name } };
}

function needsUid({ canUseNumbers, isUidOnly }: ResolveContext): boolean {
  return isUidOnly || !canUseNumbers;
}

/** A command on messages that a set names; NOOP if the client knows none of them. */
function onMessages(
  name: string,
  { set, isUid: wantsUid }: { readonly set: MessagePicks; readonly isUid: boolean },
  mirror: ClientMirror,
  context: ResolveContext,
  complete: (
    entries: readonly MirrorEntry[],
    isUid: boolean,
  ) => { readonly rest: string; readonly action: Action },
): Resolved {
  const isUid = wantsUid || needsUid(context);
  const { text, entries, isBeyond } = resolveSet(set, mirror, isUid, context);
  if (text === '') return noop;
  const { rest, action } = complete(entries, isUid);
  return {
    text: `${isUid ? 'UID ' : ''}${name} ${text}${rest}`,
    action,
    usesNumbers: !isUid && (action.kind === 'store' || action.kind === 'fetch'),
    isBeyond,
  };
}

function store(
  operation: Extract<Operation, { name: 'store' }>,
  mirror: ClientMirror,
  context: ResolveContext,
): Resolved {
  const { mode, isSilent, flags, unchangedSince } = operation;
  return onMessages('STORE', operation, mirror, context, (entries, isUid) => {
    const since = context.isCondstore ? chooseSince(unchangedSince, mirror, entries) : undefined;
    const condition = since === undefined ? '' : ` (UNCHANGEDSINCE ${since})`;
    const sign = { replace: '', add: '+', remove: '-' }[mode];
    return {
      rest: `${condition} ${sign}FLAGS${isSilent ? '.SILENT' : ''} (${flags.join(' ')})`,
      action: {
        kind: 'store',
        named: entries,
        isUid,
        mode,
        isSilent,
        flags,
        ...(since !== undefined && { unchangedSince: since }),
      },
    };
  });
}

function chooseSince(
  choice: 'told' | 'highest' | 'old' | undefined,
  mirror: ClientMirror,
  entries: readonly MirrorEntry[],
): number | undefined {
  if (choice === undefined) return undefined;
  if (choice === 'old') return 1;
  if (choice === 'highest') return highestTold(mirror);
  return entries[0]?.modseq;
}

function highestTold(mirror: ClientMirror): number {
  return Math.max(1, ...mirror.entries.map(({ modseq }) => modseq ?? 1));
}

function fetch(
  operation: Extract<Operation, { name: 'fetch' }>,
  mirror: ClientMirror,
  context: ResolveContext,
): Resolved {
  const { isCondstore, isRace } = context;
  const { changedBack, isUid } = operation;
  // FETCH need not set \Seen in all messages at the same time: in a race it takes one.
  const isOne = isRace && operation.items.startsWith('body');
  const set = isOne ? { picks: [operation.set.picks[0] ?? 0] } : operation.set;
  const since =
    changedBack === undefined || !isCondstore
      ? undefined
      : Math.max(1, highestTold(mirror) - changedBack);
  const condition = since === undefined ? '' : ` (CHANGEDSINCE ${since})`;
  // CHANGEDSINCE only reads, since it may not be known which messages it takes.
  const allowed = isCondstore ? operation.items : withoutModseq(operation.items);
  const items = since === undefined ? allowed : 'flags';
  return onMessages('FETCH', { set, isUid }, mirror, context, (entries) => ({
    rest: ` ${bodyItems[items]}${condition}`,
    action: {
      kind: 'fetch',
      named: entries,
      setsSeen: items.startsWith('body'),
      asksFlags: items !== 'peek' && items !== 'body',
      ...(since !== undefined && { changedSince: since }),
    },
  }));
}

function withoutModseq(items: keyof typeof bodyItems): keyof typeof bodyItems {
  if (items === 'modseq') return 'flags';
  return items === 'body-modseq' ? 'body-flags' : items;
}

function search(
  operation: Extract<Operation, { name: 'search' }>,
  mirror: ClientMirror,
  context: ResolveContext,
): Resolved {
  const isUid = operation.isUid || needsUid(context);
  const { isFollowed = false, order } = operation;
  const isSaving = operation.isSaving === true && order === undefined;
  const criterion = resolveCriterion(operation.criterion, mirror, context);
  const options = [...(isSaving ? ['SAVE'] : []), ...(isFollowed ? ['UPDATE'] : []), 'ALL'];
  const returned = options.length > 1 ? `RETURN (${options.join(' ')}) ` : '';
  const name = order === undefined ? `SEARCH ${returned}` : `SORT ${returned}(${order}) UTF-8 `;
  return {
    text: `${isUid ? 'UID ' : ''}${name}${criterionText(criterion)}`,
    action: { kind: 'search', criterion, isUid, isSaving, isFollowed, ...(order && { order }) },
    usesNumbers: !isUid,
  };
}

function cancel({ pick }: Extract<Operation, { name: 'cancel' }>, mirror: ClientMirror): Resolved {
  const tags = [...mirror.contexts.all.keys()];
  const tag = tags[Math.floor((pick * tags.length) / 1000)];
  if (tag === undefined) return noop;
  return { text: `CANCELUPDATE "${tag}"`, action: { kind: 'cancel', tag } };
}

function copy(
  operation: Extract<Operation, { name: 'copy' | 'move' }>,
  mirror: ClientMirror,
  context: ResolveContext,
): Resolved {
  const { name: kind } = operation;
  const target = context.mailboxName(operation.target);
  return onMessages(kind.toUpperCase(), operation, mirror, context, (entries) => ({
    rest: ` ${target}`,
    action: { kind, named: entries, target },
  }));
}

function expunge(
  { set }: Extract<Operation, { name: 'expunge' }>,
  mirror: ClientMirror,
  context: ResolveContext,
): Resolved {
  if (set === undefined) return { text: 'EXPUNGE', action: { kind: 'expunge' } };
  return onMessages('EXPUNGE', { set, isUid: true }, mirror, context, (entries) => ({
    rest: '',
    action: { kind: 'expunge', named: entries },
  }));
}

/**
 * The messages that picks stand for, as text of a sequence set: empty if the client knows none. Only those
 * are named whose UID the client knows, since the model must know them too.
 */
function resolveSet(
  { picks, isRange, isAll, isSaved, isBeyond = false }: MessagePicks,
  mirror: ClientMirror,
  isUid: boolean,
  { isFirst, isUidOnly }: ResolveContext,
): { text: string; entries: readonly MirrorEntry[]; isBeyond: boolean } {
  const { entries } = mirror;
  const saved = isSaved === true && isFirst ? mirror.savedEntries : undefined;
  if (saved !== undefined) return { text: '$', entries: saved, isBeyond: false };
  const known = entries.filter(({ uid }) => uid !== undefined);
  const hasBeyond = isBeyond && (isUid || isFirst);
  const numberOf = (entry: MirrorEntry): number =>
    isUid ? entry.uid! : entries.indexOf(entry) + 1;
  const places = picks.map((pick) => Math.floor((pick * known.length) / 1000));
  const first = isAll ? 0 : Math.min(...places);
  const last = isAll ? known.length - 1 : Math.max(...places);
  const isSpan = isAll === true || isRange === true;
  const named = known.filter((_, index) =>
    isSpan ? index >= first && index <= last : places.includes(index),
  );
  // A range may not reach over a message whose UID the client does not know.
  const isWhole =
    named.length === entries.indexOf(named.at(-1)!) - entries.indexOf(named[0]!) + 1 &&
    (!isUidOnly || known.length === entries.length);
  const isEntire = isAll === true && isFirst && !isUid && named.length === entries.length;
  const text = isEntire ? '1:*' : setText(named.map(numberOf), isSpan && isWhole);
  const parts = named.length === 0 ? [] : [text];
  if (hasBeyond) parts.push(`${isUid ? beyondUid : entries.length + 1 + (picks[0] ?? 0)}`);
  return { text: parts.join(','), entries: named, isBeyond: hasBeyond && !isUid };
}

function setText(numbers: readonly number[], isSpan: boolean): string {
  return isSpan ? `${numbers[0]}:${numbers.at(-1)}` : sequenceSetOf(numbers);
}

function resolveCriterion(
  pick: SearchPick,
  mirror: ClientMirror,
  context: ResolveContext,
): Criterion {
  switch (pick.key) {
    case 'all':
    case 'flag':
      return pick;
    case 'modseq':
      if (!context.isCondstore) return { key: 'all' };
      return { key: 'modseq', modseq: Math.max(1, highestTold(mirror) - pick.back) };
    case 'not':
      return { key: 'not', operand: resolveCriterion(pick.operand, mirror, context) };
    case 'or':
    case 'and':
      return {
        key: pick.key,
        left: resolveCriterion(pick.left, mirror, context),
        right: resolveCriterion(pick.right, mirror, context),
      };
    default:
      return resolveNumbers(pick.key, pick.set, mirror, context);
  }
}

function resolveNumbers(
  key: 'numbers' | 'uids',
  set: MessagePicks,
  mirror: ClientMirror,
  context: ResolveContext,
): Criterion {
  const isUid = key === 'uids' || needsUid(context);
  const { entries, text } = resolveSet(set, mirror, isUid, context);
  if (text === '$') return { key: 'saved', uids: entries.map(({ uid }) => uid!) };
  const beyond = isUid ? beyondUid : mirror.entries.length + 1 + (set.picks[0] ?? 0);
  const more = set.isBeyond === true ? [beyond] : [];
  if (isUid) {
    const uids = [...entries.map(({ uid }) => uid!), ...more];
    return uids.length === 0 ? { key: 'all' } : { key: 'uids', uids };
  }
  const numbers = [...entries.map((entry) => mirror.entries.indexOf(entry) + 1), ...more];
  return numbers.length === 0 ? { key: 'all' } : { key: 'numbers', numbers };
}

function criterionText(criterion: Criterion): string {
  switch (criterion.key) {
    case 'all':
      return 'ALL';
    case 'flag': {
      const { flag, isSet } = criterion;
      const no = isSet ? '' : 'UN';
      return flag.startsWith('\\') ? `${no}${flag.slice(1).toUpperCase()}` : `${no}KEYWORD ${flag}`;
    }
    case 'numbers':
      return sequenceSetOf(criterion.numbers);
    case 'uids':
      return `UID ${sequenceSetOf(criterion.uids)}`;
    case 'saved':
      return '$';
    case 'modseq':
      return `MODSEQ ${criterion.modseq}`;
    case 'not':
      return `NOT (${criterionText(criterion.operand)})`;
    case 'or':
      return `OR (${criterionText(criterion.left)}) (${criterionText(criterion.right)})`;
    default:
      return `(${criterionText(criterion.left)} ${criterionText(criterion.right)})`;
  }
}
