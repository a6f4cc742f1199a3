import { findSystemFlag, type Flag, isKeyword, systemFlags } from '../../protocol/flag.ts';
import { limits } from '../limits.ts';
import { type FlagChange, StoreError } from '../mail-store.ts';
import { foldAsciiCase } from '../names.ts';

/** A set of flags that messages of a mailbox have: one object for all that have the same. */
export interface FlagSet {
  /** System flags first, in the order of `systemFlags`; keywords in the order of their first use. Frozen. */
  readonly flags: readonly Flag[];
  readonly isSeen: boolean;
  readonly isDeleted: boolean;
}

/** A set, and how many messages have it. */
interface CountedFlagSet extends FlagSet {
  readonly key: string;
  messageCount: number;
}

interface Keyword {
  /** In the spelling of its first use. */
  readonly name: Flag;
  /** In the order of first use. */
  readonly number: number;
  /** Sets of the mailbox in which it is. */
  setCount: number;
}

/**
 * The keywords of one mailbox, and the sets of flags that its messages have. A set goes with its last message; a keyword
 * stays known until another one needs its place.
 */
export class MailboxFlags {
  /** By their names in lower case, in the order of their first use. */
  readonly #keywords = new Map<string, Keyword>();
  readonly #sets = new Map<string, CountedFlagSet>();
  #lastNumber = 0;

  /** In the order of their first use. */
  get keywords(): readonly Flag[] {
    return Array.from(this.#keywords.values(), ({ name }) => name);
  }

  /** False if there is no room for one more, and each is on a message. */
  get canAddKeywords(): boolean {
    return this.#keywords.size < limits.maxKeywords || this.#unused(new Set()).length > 0;
  }

  /** The flags as the mailbox spells them, each once. What it does not know is left out. */
  known(flags: readonly Flag[]): ReadonlySet<Flag> {
    const spelt = flags.map(
      (flag) => findSystemFlag(flag) ?? this.#keywords.get(foldAsciiCase(flag))?.name,
    );
    return new Set(spelt.filter((flag) => flag !== undefined));
  }

  /**
   * As {@link known}, after the mailbox has learnt the keywords that it does not know, as far as there is room. Nothing is
   * learnt if one of the flags is refused: `CANNOT` (not a flag), `LIMIT` (a keyword that is too long).
   */
  define(flags: readonly Flag[]): ReadonlySet<Flag> {
    const unknown = new Map<string, Flag>();
    for (const flag of flags) {
      checkFlag(flag);
      const key = foldAsciiCase(flag);
      const isKnown = flag.startsWith('\\') || this.#keywords.has(key) || unknown.has(key);
      if (!isKnown) unknown.set(key, flag);
    }
    this.#makeRoom(flags, unknown.size);
    for (const [key, name] of unknown) {
      if (this.#keywords.size >= limits.maxKeywords) break;
      this.#keywords.set(key, { name, number: ++this.#lastNumber, setCount: 0 });
    }
    return this.known(flags);
  }

  /**
   * Sets of another mailbox in this one, which learns the keywords that it has room for (RFC 3501, section 6.4.7: flags SHOULD
   * be kept). Messages are about to have each.
   */
  translate(sets: ReadonlySet<FlagSet>): ReadonlyMap<FlagSet, FlagSet> {
    // All in one call, so that none is forgotten to make room for another.
    this.define(Array.from(sets, ({ flags }) => flags).flat());
    return new Map(Array.from(sets, (set) => [set, this.setOf(this.known(set.flags))]));
  }

  /** The set of flags as {@link known} and {@link define} spell them, which a message is about to have. */
  setOf(flags: ReadonlySet<Flag>): FlagSet {
    const listed = [...flags].toSorted((a, b) => this.#rankOf(a) - this.#rankOf(b));
    const key = listed.join(' ');
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = {
        key,
        flags: Object.freeze(listed),
        isSeen: flags.has('\\Seen'),
        isDeleted: flags.has('\\Deleted'),
        messageCount: 0,
      };
      this.#sets.set(key, set);
      this.#countKeywords(set, 1);
    }
    return set;
  }

  /** A message has the set from now on (1), or no more (-1). */
  count(set: FlagSet, change: 1 | -1): void {
    const counted = set as CountedFlagSet;
    counted.messageCount += change;
    if (counted.messageCount > 0) return;
    this.#sets.delete(counted.key);
    this.#countKeywords(counted, -1);
  }

  /** How many messages have a set; 0 for one that is not kept. */
  messageCountOf(set: FlagSet): number {
    const kept = this.#sets.get((set as CountedFlagSet).key);
    return kept === set ? kept.messageCount : 0;
  }

  #countKeywords({ flags }: FlagSet, change: 1 | -1): void {
    for (const flag of flags) {
      const keyword = this.#keywords.get(foldAsciiCase(flag));
      if (keyword !== undefined) keyword.setCount += change;
    }
  }

  /** By which a set is in order. */
  #rankOf(flag: Flag): number {
    const keyword = this.#keywords.get(foldAsciiCase(flag));
    return keyword?.number ?? systemFlags.findIndex((each) => each === flag) - systemFlags.length;
  }

  /** Forgets the keywords that no message has, but for the named ones, if there is no room for so many more. */
  #makeRoom(named: readonly Flag[], count: number): void {
    if (this.#keywords.size + count <= limits.maxKeywords) return;
    for (const key of this.#unused(this.known(named))) this.#keywords.delete(key);
  }

  #unused(kept: ReadonlySet<Flag>): string[] {
    return [...this.#keywords]
      .filter(([, { name, setCount }]) => setCount === 0 && !kept.has(name))
      .map(([key]) => key);
  }
}

/** The flags that a message has after a change. */
export function changeFlags(
  before: readonly Flag[],
  mode: FlagChange['mode'],
  flags: ReadonlySet<Flag>,
): ReadonlySet<Flag> {
  if (mode === 'replace') return flags;
  const after = new Set(before);
  for (const flag of flags) {
    if (mode === 'add') after.add(flag);
    else after.delete(flag);
  }
  return after;
}

function checkFlag(flag: Flag): void {
  if (flag.startsWith('\\')) {
    if (findSystemFlag(flag) === undefined) {
      throw new StoreError('CANNOT', `There is no system flag "${flag}"`);
    }
    return;
  }
  if (flag === '' || flag.length > limits.maxKeywordLength) {
    throw new StoreError('LIMIT', `Keywords have 1 to ${limits.maxKeywordLength} characters`);
  }
  if (!isKeyword(flag)) {
    throw new StoreError('CANNOT', `Cannot use ${JSON.stringify(flag)} as a keyword`);
  }
}
