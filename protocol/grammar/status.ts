import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { expectMailboxArgument } from './command-grammar.ts';

const statusItems = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'HIGHESTMODSEQ',
  'APPENDLIMIT',
] as const;

/** A STATUS data item. @see RFC 3501, section 6.3.10; RFC 7162, section 3.1.7; RFC 7889, section 3.1 */
export type StatusItem = (typeof statusItems)[number];

function isItemOff(decoder: Decoder, item: StatusItem): boolean {
  if (item === 'HIGHESTMODSEQ') return decoder.isOff('CONDSTORE');
  return item === 'APPENDLIMIT' && decoder.isOff('APPENDLIMIT');
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
  const items = new Set<StatusItem>();
  decoder.expectSpace();
  decoder.expectList('STATUS items', statusItems.length * 2, () => {
    const name = decoder.expectAtom('STATUS item').toUpperCase();
    const item = statusItems.find((known) => known === name);
    if (item === undefined || isItemOff(decoder, item)) {
      throw new CommandError(`Unknown STATUS item ${quoteReceived(name)}`);
    }
    items.add(item);
  });
  if (items.size === 0) throw new CommandError('Expected STATUS items, got an empty list');
  return { mailboxName, items: [...items] };
}
