import type { Capability } from '../capability.ts';
import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { expectMailboxArgument } from './command-grammar.ts';

/** The STATUS data items, each with the capability that brings it; undefined for those of IMAP4. */
const statusItems = {
  MESSAGES: undefined,
  RECENT: undefined,
  UIDNEXT: undefined,
  UIDVALIDITY: undefined,
  UNSEEN: undefined,
  HIGHESTMODSEQ: 'CONDSTORE',
  APPENDLIMIT: 'APPENDLIMIT',
  SIZE: 'STATUS=SIZE',
  DELETED: 'IMAP4rev2',
  MAILBOXID: 'OBJECTID',
} as const satisfies { readonly [item: string]: Capability | undefined };

/**
 * A STATUS data item.
 *
 * @see RFC 3501, section 6.3.10; RFC 9051, section 6.3.11; RFC 7162, section 3.1.7; RFC 7889, section 3.1; RFC 8438;
 * RFC 8474, section 4.3
 */
export type StatusItem = keyof typeof statusItems;

function findItem(decoder: Decoder, name: string): StatusItem | undefined {
  if (!Object.hasOwn(statusItems, name)) return undefined;
  const item = name as StatusItem;
  // RFC 9051, appendix E
  if (item === 'RECENT' && decoder.isEnabled('IMAP4rev2')) return undefined;
  const capability = statusItems[item];
  return capability !== undefined && decoder.isOff(capability) ? undefined : item;
}

/** The arguments of STATUS. */
export interface StatusArguments {
  readonly mailboxName: string;
  /** Each once. */
  readonly items: readonly StatusItem[];
}

/** @see RFC 3501, section 6.3.10 */
export function expectStatusArguments(decoder: Decoder): StatusArguments {
  const mailboxName = expectMailboxArgument(decoder);
  decoder.expectSpace();
  return { mailboxName, items: expectStatusItems(decoder) };
}

/** A list of STATUS data items, which is not empty; each comes once in what is returned. */
export function expectStatusItems(decoder: Decoder): readonly StatusItem[] {
  const items = new Set<StatusItem>();
  decoder.expectList('STATUS items', Object.keys(statusItems).length * 2, () => {
    const name = decoder.expectAtom('STATUS item').toUpperCase();
    const item = findItem(decoder, name);
    if (item === undefined) throw new CommandError(`Unknown STATUS item ${quoteReceived(name)}`);
    items.add(item);
  });
  if (items.size === 0) throw new CommandError('Expected STATUS items, got an empty list');
  return [...items];
}
