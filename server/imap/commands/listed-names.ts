import type { ListOptions } from '../../../protocol/grammar/list.ts';
import { matchesMailboxPattern } from '../../../protocol/mailbox-name.ts';
import type { Mailbox } from '../../../store/mail-store.ts';
import { parentNames, sortByMailboxName } from '../../../store/names.ts';
import { takeTurn } from '../../../store/turns.ts';
import type { Responses } from '../responses.ts';

/** A name that LIST tells. */
export interface ListedName {
  readonly name: string;
  /** Undefined if it is only subscribed, or if only names below it are. */
  readonly mailbox: Mailbox | undefined;
  readonly isSubscribed: boolean;
  /** True if the selection options select it; false if it is told because of names below it. */
  readonly isSelected: boolean;
  /** True if RECURSIVEMATCH asks for it and names below this one are selected. @see RFC 5258, section 3.5 */
  readonly hasSelectedBelow: boolean;
}

/**
 * Characters of names times characters of patterns that are compared in one turn: about a millisecond. With patterns that have
 * many wildcards each is looked at, elsewhere only a few.
 */
const turnComparisons = 200_000;

/** The turns of a LIST, which may have ten thousand names to compare with each of many patterns. */
export class ListTurns {
  readonly #out: Responses;
  #left = turnComparisons;

  constructor(out: Responses) {
    this.#out = out;
  }

  /** Counts work. A promise if the turn is over: it settles in the next one, if the client keeps up, and rejects if it is gone. */
  spend(comparisons: number): Promise<void> | undefined {
    this.#left -= comparisons;
    return this.#left > 0 && !this.#out.isFull ? undefined : this.#next();
  }

  async #next(): Promise<void> {
    this.#out.flush();
    await this.#out.ready();
    await takeTurn();
    this.#left = turnComparisons;
  }
}

/** What LIST is asked for. */
export interface ListQuestion {
  /** Each with its reference before it. */
  readonly patterns: readonly string[];
  readonly selected: ListOptions['selected'];
}

/** What there is, as the store has it. */
export interface KnownNames {
  readonly mailboxes: readonly Mailbox[];
  /** Absent if nobody asks. */
  readonly subscriptions?: readonly string[];
  /** Mailboxes on other servers; absent: they are not told. */
  readonly remote?: readonly string[];
}

/** The names that LIST tells, parents before children. */
export async function* findListedNames(
  known: KnownNames,
  { patterns, selected }: ListQuestion,
  turns: ListTurns,
): AsyncIterable<ListedName> {
  const subscribed = new Set(known.subscriptions);
  const isSelected = (name: string, mailbox: Mailbox | undefined) =>
    (!selected.has('SUBSCRIBED') || subscribed.has(name)) &&
    (!selected.has('SPECIAL-USE') || (mailbox?.specialUses.length ?? 0) > 0);
  const matcher = new PatternMatcher(patterns, turns);
  const names = namesOf(known, selected.has('SUBSCRIBED'));
  const below = selected.has('RECURSIVEMATCH')
    ? await findBelow(
        [...names].filter(([name, box]) => isSelected(name, box)),
        matcher,
      )
    : nothingBelow;
  for (const name of below.hidden) if (!names.has(name)) names.set(name, undefined);
  // The names of mailboxes come in order.
  const isInOrder = names.size === known.mailboxes.length;
  const inOrder = isInOrder ? names.keys() : sortByMailboxName([...names.keys()], (name) => name);
  for (const name of inOrder) {
    const mailbox = names.get(name);
    const isOne = isSelected(name, mailbox);
    if (!isOne && !below.hidden.has(name)) continue;
    if (!(await matcher.matches(name))) continue;
    const hasSelectedBelow = below.selected.has(name);
    yield {
      name,
      mailbox,
      isSubscribed: subscribed.has(name),
      isSelected: isOne,
      hasSelectedBelow,
    };
  }
}

/** All names, with their mailboxes; those that are only subscribed too, if those are asked for. */
function namesOf(
  { mailboxes, subscriptions = [], remote = [] }: KnownNames,
  isSubscribedOnly: boolean,
): Map<string, Mailbox | undefined> {
  const names = new Map<string, Mailbox | undefined>(mailboxes.map((box) => [box.name, box]));
  for (const name of remote) if (!names.has(name)) names.set(name, undefined);
  if (!isSubscribedOnly) return names;
  for (const name of subscriptions) if (!names.has(name)) names.set(name, undefined);
  return names;
}

interface NamesBelow {
  /** Names below which something is selected. */
  readonly selected: ReadonlySet<string>;
  /** Those of them below which something is selected that is not told itself: only these are told because of it. */
  readonly hidden: ReadonlySet<string>;
}

const nothingBelow: NamesBelow = { selected: new Set(), hidden: new Set() };

/** @see RFC 5258, section 3.5, which has redundant CHILDINFO left out */
async function findBelow(
  found: readonly (readonly [name: string, mailbox: Mailbox | undefined])[],
  matcher: PatternMatcher,
): Promise<NamesBelow> {
  const selected = new Set<string>();
  const hidden = new Set<string>();
  for (const [name] of found) {
    const isTold = await matcher.matches(name);
    for (const parent of parentNames(name)) {
      selected.add(parent);
      if (!isTold) hidden.add(parent);
    }
  }
  return { selected, hidden };
}

class PatternMatcher {
  readonly #patterns: readonly string[];
  readonly #turns: ListTurns;

  constructor(patterns: readonly string[], turns: ListTurns) {
    this.#patterns = patterns;
    this.#turns = turns;
  }

  /** True if one of the patterns matches. */
  async matches(name: string): Promise<boolean> {
    for (const pattern of this.#patterns) {
      const turn = this.#turns.spend(name.length * pattern.length);
      if (turn !== undefined) await turn;
      if (matchesMailboxPattern(name, pattern)) return true;
    }
    return false;
  }
}
