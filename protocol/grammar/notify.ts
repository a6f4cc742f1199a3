import type { Capability } from '../capability.ts';
import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import type { FetchItem } from '../fetch-item.ts';
import { maxEventGroups, maxNotifyNames } from '../limits.ts';
import type { MailboxFilter } from '../mailbox-filter.ts';
import { expectFetchItems } from './fetch.ts';
import { expectMailboxFilter } from './mailbox-filter.ts';

interface EventRow {
  /** True for what happens to messages, which are told of the selected mailbox in another way than of others. */
  readonly isOfMessages?: true;
  /** What can bring it; absent: NOTIFY itself, empty: nothing. */
  readonly capabilities?: readonly Capability[];
}

/** The events of RFC 5465, section 5. */
const events = {
  MessageNew: { isOfMessages: true },
  MessageExpunge: { isOfMessages: true },
  FlagChange: { isOfMessages: true },
  AnnotationChange: { isOfMessages: true, capabilities: [] },
  MailboxName: {},
  SubscriptionChange: {},
  MailboxMetadataChange: { capabilities: ['METADATA'] },
  ServerMetadataChange: { capabilities: ['METADATA', 'METADATA-SERVER'] },
} as const satisfies { readonly [name: string]: EventRow };

/** What a client can want to be told of. */
export type EventName = keyof typeof events;

const rows = new Map(Object.entries<EventRow>(events) as [EventName, EventRow][]);
const namesByCapitals = new Map([...rows.keys()].map((name) => [name.toUpperCase(), name]));

/** True for what happens to messages. */
export function isEventOfMessages(name: EventName): boolean {
  return rows.get(name)?.isOfMessages === true;
}

function isSupported({ capabilities }: EventRow, decoder: Decoder): boolean {
  return capabilities === undefined || capabilities.some((each) => !decoder.isOff(each));
}

/** Mailboxes, and what the client wants to be told of them. */
export interface EventGroup {
  readonly filter: MailboxFilter;
  /** Empty for `NONE`: nothing is told of these mailboxes. */
  readonly events: ReadonlySet<EventName>;
  /** What is told of each new message, of the selected mailbox only; empty if nothing is. */
  readonly newMessageItems: readonly FetchItem[];
}

/** The arguments of NOTIFY. */
export interface NotifyArguments {
  /** True if the counters of the mailboxes are told at once. */
  readonly hasStatus: boolean;
  /** Empty for `NOTIFY NONE`. */
  readonly groups: readonly EventGroup[];
}

/**
 * Events that the server does not have are answered with NO, and with those that it has; what costs too much, too.
 *
 * @see RFC 5465, section 8
 */
export function expectNotifyArguments(decoder: Decoder): NotifyArguments {
  decoder.expectSpace();
  if (decoder.acceptWord('NONE')) return { hasStatus: false, groups: [] };
  if (!decoder.acceptWord('SET')) throw decoder.expected('SET or NONE');
  const hasStatus = decoder.acceptWord(' STATUS');
  const groups: EventGroup[] = [];
  const refused: string[] = [];
  do {
    decoder.expectSpace();
    groups.push(expectEventGroup(decoder, refused));
  } while (!decoder.isAtEnd());
  if (groups.filter(({ filter }) => isOfSelected(filter)).length > 1) {
    throw new CommandError('More than one filter of the selected mailbox');
  }
  if (refused[0] !== undefined) {
    const supported = [...rows].filter(([, row]) => isSupported(row, decoder));
    const code = `BADEVENT (${supported.map(([name]) => name).join(' ')})` as const;
    throw new CommandError(`Unknown event ${quoteReceived(refused[0])}`, { isNo: true, code });
  }
  checkCost(groups);
  return { hasStatus, groups };
}

/** True for a filter of the selected mailbox, whatever that is. @see RFC 5465, section 6.1 */
export function isOfSelected({ kind }: MailboxFilter): boolean {
  return kind === 'selected' || kind === 'selected-delayed';
}

function checkCost(groups: readonly EventGroup[]): void {
  let nameCount = 0;
  for (const { filter } of groups) nameCount += 'names' in filter ? filter.names.length : 0;
  if (groups.length <= maxEventGroups && nameCount <= maxNotifyNames) return;
  const text = `At most ${maxEventGroups} event groups with ${maxNotifyNames} names are watched`;
  throw new CommandError(text, { isNo: true, code: 'NOTIFICATIONOVERFLOW' });
}

/** @param refused - gets the names of events that the server does not have */
function expectEventGroup(decoder: Decoder, refused: string[]): EventGroup {
  decoder.expect('(');
  const filter = expectMailboxFilter(decoder);
  decoder.expectSpace();
  const found = new FoundEvents(isOfSelected(filter));
  if (!decoder.acceptWord('NONE')) found.expect(decoder);
  decoder.expect(')');
  refused.push(...found.refused);
  return { filter, events: found.names, newMessageItems: found.newMessageItems };
}

/** The events of one group. */
class FoundEvents {
  readonly names = new Set<EventName>();
  readonly refused: string[] = [];
  newMessageItems: readonly FetchItem[] = [];
  readonly #isOfSelected: boolean;

  constructor(isOfSelected: boolean) {
    this.#isOfSelected = isOfSelected;
  }

  /** `events`, but for `NONE`. */
  expect(decoder: Decoder): void {
    decoder.expect('(');
    let name = this.#expectEvent(decoder);
    while (decoder.accept(' ')) {
      const canHaveItems = this.#isOfSelected && name === 'MessageNew';
      if (!canHaveItems || !decoder.isNext('(')) name = this.#expectEvent(decoder);
      else {
        this.newMessageItems = expectFetchItems(decoder);
        name = undefined;
      }
    }
    decoder.expect(')');
    const ofMessages = [...this.names].filter(isEventOfMessages);
    const hasBoth = this.names.has('MessageNew') && this.names.has('MessageExpunge');
    if (ofMessages.length > 0 && !hasBoth) {
      const text = 'Events of messages need both MessageNew and MessageExpunge';
      throw new CommandError(`${text}, got "${ofMessages.join(' ')}"`);
    }
  }

  /** Undefined for one that is unknown. */
  #expectEvent(decoder: Decoder): EventName | undefined {
    const start = decoder.position;
    const written = decoder.expectAtom('event');
    const name = namesByCapitals.get(written.toUpperCase());
    const row = name && rows.get(name);
    if (this.#isOfSelected && row && !row.isOfMessages) {
      throw decoder.expected('event of messages', start);
    }
    if (name !== undefined) this.names.add(name);
    if (row === undefined || !isSupported(row, decoder)) this.refused.push(written);
    return name;
  }
}
