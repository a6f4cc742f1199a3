import { SeededRandom } from '../fixtures/seeded-random.ts';

/**
 * Messages as an operation names them: each pick is a place in the mailbox in thousandths, so that an
 * operation means something whatever the client believes when its turn comes.
 */
export interface MessagePicks {
  readonly picks: readonly number[];
  /** All from the first pick to the second. */
  readonly isRange?: boolean;
  /** `1:*` */
  readonly isAll?: boolean;
  /** `$`, those of the last search that was saved; the picks count if the client does not know these. */
  readonly isSaved?: boolean;
  /** Adds a number that the client was not told of, or a UID that nobody has. */
  readonly isBeyond?: boolean;
}

/** A search key, with picks instead of numbers. */
export type SearchPick =
  | { readonly key: 'all' }
  | { readonly key: 'flag'; readonly flag: string; readonly isSet: boolean }
  | { readonly key: 'numbers' | 'uids'; readonly set: MessagePicks }
  | { readonly key: 'modseq'; readonly back: number }
  | { readonly key: 'not'; readonly operand: SearchPick }
  | { readonly key: 'or' | 'and'; readonly left: SearchPick; readonly right: SearchPick };

/** One operation of a session. It depends on the seed alone, and JSON keeps it. Mailboxes are indexes. */
export type Operation = { readonly session: number } & (
  | { readonly name: 'noop' | 'check' | 'close' | 'unselect' | 'idle' | 'done' }
  | {
      /** The connection is lost. */
      readonly name: 'drop';
    }
  | {
      readonly name: 'store';
      readonly set: MessagePicks;
      readonly isUid: boolean;
      readonly mode: 'replace' | 'add' | 'remove';
      readonly isSilent: boolean;
      readonly flags: readonly string[];
      readonly unchangedSince?: 'told' | 'highest' | 'old';
    }
  | {
      readonly name: 'fetch';
      readonly set: MessagePicks;
      readonly isUid: boolean;
      readonly items: 'flags' | 'modseq' | 'body' | 'body-flags' | 'body-modseq' | 'peek';
      /** CHANGEDSINCE so many below the highest modseq that the client knows. */
      readonly changedBack?: number;
    }
  | {
      readonly name: 'search';
      readonly isUid: boolean;
      readonly criterion: SearchPick;
      /** True if the result is saved, as `$`. */
      readonly isSaving?: boolean;
      /** True if the client follows the results; then they may be sorted. */
      readonly isFollowed?: boolean;
      readonly order?: 'SUBJECT' | 'REVERSE SUBJECT';
    }
  | {
      /** No longer follows one of the searches, by its place in thousandths. */
      readonly name: 'cancel';
      readonly pick: number;
    }
  | { readonly name: 'append'; readonly target: number; readonly flags: readonly string[] }
  | {
      readonly name: 'copy' | 'move';
      readonly set: MessagePicks;
      readonly isUid: boolean;
      readonly target: number;
    }
  | { readonly name: 'expunge'; readonly set?: MessagePicks }
  | {
      readonly name: 'select';
      readonly mailbox: number;
      readonly isReadOnly: boolean;
      /** How a client that knows QRESYNC says what it knows; absent: it does not. */
      readonly resync?: 'all' | 'uids' | 'matches';
    }
  | { readonly name: 'create' | 'delete' | 'status'; readonly mailbox: number }
  | { readonly name: 'rename'; readonly mailbox: number; readonly newMailbox: number }
);

/**
 * One step: bursts that several sessions send at the same time (one burst of one operation is a plain step),
 * or `settle`, when all is compared.
 */
export type Step = { readonly bursts: readonly (readonly Operation[])[] } | 'settle';

/** The mailboxes, by their indexes. Sessions meet in the first; one of those that stay is INBOX instead. */
export const mailboxNames = ['a', 'b', 'x', 'y', 'z', 'c'] as const;

/** Those that are created, deleted and renamed. */
const volatileMailboxes = [2, 3, 4] as const;

/** Those that stay. */
export const stayingMailboxes = [0, 1, 5] as const;

const flagNames = (
  '\\Seen \\Flagged \\Deleted \\Answered \\Draft \\SEEN \\deleted ' +
  'Work WORK later $Forwarded $forwarded x1'
).split(' ');

/** How often each operation comes, of a thousand. */
const weights = [
  ...([
    ['store', 260],
    ['fetch', 190],
    ['search', 70],
    ['cancel', 8],
    ['append', 130],
    ['copy', 45],
  ] as const),
  ...([
    ['move', 25],
    ['expunge', 60],
    ['idle', 45],
    ['noop', 50],
    ['check', 5],
  ] as const),
  ...([
    ['close', 12],
    ['unselect', 8],
    ['drop', 15],
    ['select', 75],
    ['create', 30],
    ['delete', 30],
  ] as const),
  ...([
    ['rename', 40],
    ['status', 25],
  ] as const),
];
const totalWeight = weights.reduce((sum, [, weight]) => sum + weight, 0);

/** Operations that may come behind another one in the same burst. */
const burstNames = ['store', 'fetch', 'append', 'noop', 'search'] as const;

type Name = Operation['name'];

/** What there is to choose from. */
export interface CommandMix {
  readonly sessionCount: number;
  /** Which of the mailboxes that stay is INBOX, whose RENAME moves its messages. */
  readonly inbox: number;
  /** One step in so many is a race. */
  readonly raceEvery: number;
  /** Only these operations, if given; all mailboxes but the first stay unused then. */
  readonly only?: readonly Name[];
}

/** Makes steps from a seed, without end. */
export class RandomCommands {
  readonly #random: SeededRandom;
  readonly #mix: CommandMix;
  readonly #idle = new Set<number>();
  /** Messages that the first steps add, so that there is something to change. */
  #firstCount = 4;

  constructor(seed: number, mix: CommandMix) {
    this.#random = new SeededRandom(seed);
    this.#mix = mix;
  }

  next(): Step {
    const random = this.#random;
    if (this.#firstCount > 0) {
      this.#firstCount -= 1;
      return { bursts: [[this.#operation(0, 'append', 0)]] };
    }
    if (random.chance(1 / 12)) return 'settle';
    if (random.chance(1 / this.#mix.raceEvery)) return { bursts: this.#race() };
    const session = this.#awakeSession();
    return { bursts: [[this.#operation(session, this.#name())]] };
  }

  /** A session that is seldom one that idles. */
  #awakeSession(): number {
    const session = this.#random.below(this.#mix.sessionCount);
    if (!this.#idle.has(session) || this.#random.chance(0.15)) return session;
    return this.#random.below(this.#mix.sessionCount);
  }

  #race(): Operation[][] {
    const { sessionCount } = this.#mix;
    const all = Array.from({ length: sessionCount }, (_, session) => session);
    const order = all.map((session) => ({ session, key: this.#random.below(1e6) }));
    const count = Math.min(sessionCount, 2 + this.#random.below(3));
    const sessions = order.toSorted((a, b) => a.key - b.key).slice(0, count);
    const length = count === 2 ? 4 : 2;
    let isNaming = false;
    return sessions.map(({ session }) => {
      let name = this.#name();
      if (isNaming && isNameCommand(name)) name = 'noop';
      isNaming ||= isNameCommand(name);
      const burst = [this.#operation(session, name)];
      if (!canBeFollowed(name)) return burst;
      for (let more = this.#random.below(length); more > 0; more--) {
        burst.push(this.#operation(session, this.#burstName()));
      }
      return burst;
    });
  }

  #name(): Name {
    if (this.#mix.only !== undefined) return this.#random.pick(this.#mix.only);
    let at = this.#random.below(totalWeight);
    for (const [name, weight] of weights) {
      if (at < weight) return name;
      at -= weight;
    }
    return 'noop';
  }

  /** Never one that gives or takes a name: a race has one of them at most. */
  #burstName(): Name {
    const name = this.#random.pick(this.#mix.only ?? burstNames);
    return isNameCommand(name) ? 'noop' : name;
  }

  #operation(session: number, name: Name, target = this.#mailbox()): Operation {
    const random = this.#random;
    if (name === 'idle') this.#idle.add(session);
    else this.#idle.delete(session);
    switch (name) {
      case 'store':
        return this.#store(session);
      case 'fetch':
        return this.#fetch(session);
      case 'search':
        return {
          session,
          name,
          isUid: random.chance(0.4),
          criterion: this.#criterion(2),
          ...(random.chance(0.4) && { isSaving: true }),
          ...(random.chance(0.4) && this.#following()),
        };
      case 'cancel':
        return { session, name, pick: random.below(1000) };
      case 'append':
        return { session, name, target, flags: this.#flags(2) };
      case 'copy':
      case 'move':
        return {
          session,
          name,
          set: this.#set(),
          isUid: random.chance(0.5),
          target,
        };
      case 'expunge':
        return random.chance(0.5) ? { session, name } : { session, name, set: this.#set() };
      case 'select':
        return {
          session,
          name,
          mailbox: this.#selectable(target),
          isReadOnly: random.chance(0.2),
          ...(random.chance(0.85) && {
            resync: random.pick(['all', 'all', 'uids', 'matches'] as const),
          }),
        };
      case 'create':
      case 'delete':
        return { session, name, mailbox: this.#nameOrInbox(0.05) };
      case 'status':
        return { session, name, mailbox: target };
      case 'rename':
        return {
          session,
          name,
          mailbox: this.#nameOrInbox(0.5),
          newMailbox: this.#nameOrInbox(0.05),
        };
      default:
        return { session, name };
    }
  }

  #store(session: number): Operation {
    const random = this.#random;
    const mode = random.pick(['replace', 'add', 'add', 'add', 'remove', 'remove'] as const);
    return {
      session,
      name: 'store',
      set: this.#set(),
      isUid: random.chance(0.5),
      mode,
      isSilent: random.chance(0.4),
      flags: this.#flags(mode === 'replace' ? 0 : 1),
      ...(random.chance(0.12) && {
        unchangedSince: random.pick(['told', 'highest', 'old'] as const),
      }),
    };
  }

  #fetch(session: number): Operation {
    const random = this.#random;
    const items = ['flags', 'modseq', 'body', 'body-flags', 'body-modseq', 'peek'] as const;
    return {
      session,
      name: 'fetch',
      set: this.#set(),
      isUid: random.chance(0.5),
      items: random.pick(items),
      ...(random.chance(0.12) && { changedBack: random.below(12) }),
    };
  }

  #following(): Pick<Extract<Operation, { name: 'search' }>, 'isFollowed' | 'order'> {
    const order = this.#random.pick(['SUBJECT', 'REVERSE SUBJECT', undefined, undefined] as const);
    return { isFollowed: true, ...(order && { order }) };
  }

  #criterion(depth: number): SearchPick {
    const random = this.#random;
    const kind = random.below(depth === 0 ? 7 : 10);
    if (kind === 0) return { key: 'all' };
    if (kind <= 3) {
      return { key: 'flag', flag: random.pick(flagNames), isSet: random.chance(0.5) };
    }
    if (kind === 4) return { key: 'numbers', set: this.#set(0.3) };
    if (kind === 5) return { key: 'uids', set: this.#set(0.3) };
    if (kind === 6) return { key: 'modseq', back: random.below(12) };
    if (kind === 7) return { key: 'not', operand: this.#criterion(depth - 1) };
    const key = kind === 8 ? 'or' : 'and';
    return { key, left: this.#criterion(depth - 1), right: this.#criterion(depth - 1) };
  }

  #set(beyondChance = 0.02): MessagePicks {
    const random = this.#random;
    const isBeyond = random.chance(beyondChance) && { isBeyond: true };
    const kind = random.below(11);
    const picks = [random.below(1000), random.below(1000)];
    if (kind === 10) return { picks, isSaved: true };
    if (kind === 0) return { picks: [], isAll: true, ...isBeyond };
    if (kind <= 3) return { picks, isRange: true, ...isBeyond };
    if (kind === 4) return { picks, ...isBeyond };
    return { picks: picks.slice(0, 1), ...isBeyond };
  }

  #flags(least: number): string[] {
    const count = least + this.#random.below(2);
    return Array.from({ length: count }, () => this.#random.pick(flagNames));
  }

  /** Mostly the first one, so that sessions meet there. */
  #mailbox(): number {
    if (this.#mix.only !== undefined || this.#random.chance(0.55)) return 0;
    return this.#random.chance(0.25) ? this.#mix.inbox : this.#random.below(mailboxNames.length);
  }

  /** One of those that come and go, often enough that one is deleted while it is selected. */
  #selectable(mailbox: number): number {
    if (this.#mix.only !== undefined) return 0;
    return this.#random.chance(0.3) ? this.#volatileMailbox() : mailbox;
  }

  #volatileMailbox(): number {
    return this.#random.pick(volatileMailboxes);
  }

  /** For a command that makes, removes or gives a name. */
  #nameOrInbox(inboxChance: number): number {
    return this.#random.chance(inboxChance) ? this.#mix.inbox : this.#volatileMailbox();
  }
}

function isNameCommand(name: Name): boolean {
  return name === 'create' || name === 'delete' || name === 'rename';
}

/** What changes the view of a client, or waits for it, is the last of its burst. */
function canBeFollowed(name: Name): boolean {
  return (burstNames as readonly Name[]).includes(name);
}
