import { CommandError } from './command-error.ts';
import type { AppendCommand, Command, StatusItem } from './command.ts';
import { expectDateTime } from './dates.ts';
import { quoteReceived, type Decoder } from './decoder.ts';
import { expectFlagList } from './flag-arguments.ts';
import type { LiteralHeader } from './line-end.ts';
import { hierarchySeparator } from './mailbox-name.ts';

const statusItems: ReadonlySet<string> = new Set<StatusItem>([
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'HIGHESTMODSEQ',
]);

/** The arguments of SELECT and EXAMINE. @see RFC 3501, section 6.3.1; RFC 7162, section 3.1.8 */
export function expectSelectArguments(decoder: Decoder, name: 'SELECT' | 'EXAMINE'): Command {
  const mailboxName = expectMailboxArgument(decoder);
  let isCondstore = false;
  if (decoder.accept(' ')) {
    decoder.expectList(`${name} parameters`, 1, () => {
      const parameter = decoder.expectAtom(`${name} parameter`).toUpperCase();
      if (parameter !== 'CONDSTORE') {
        throw new CommandError(`Unknown ${name} parameter ${quoteReceived(parameter)}`);
      }
      isCondstore = true;
    });
  }
  return { name, mailboxName, isCondstore };
}

/** The space before a mailbox name, and the name. */
export function expectMailboxArgument(decoder: Decoder): string {
  decoder.expectSpace();
  return decoder.expectMailbox();
}

/** The argument of CREATE. @see RFC 3501, section 6.3.3 */
export function expectCreateArguments(decoder: Decoder): Command {
  const name = expectMailboxArgument(decoder);
  const isParentOnly = name.endsWith(hierarchySeparator);
  return { name: 'CREATE', mailboxName: isParentOnly ? name.slice(0, -1) : name, isParentOnly };
}

/** The arguments of RENAME. @see RFC 3501, section 6.3.5 */
export function expectRenameArguments(decoder: Decoder): Command {
  const mailboxName = expectMailboxArgument(decoder);
  return { name: 'RENAME', mailboxName, newName: expectMailboxArgument(decoder) };
}

/** The arguments of LIST and LSUB, without those of LIST-EXTENDED. @see RFC 3501, section 6.3.8 */
export function expectListArguments(decoder: Decoder, name: 'LIST' | 'LSUB'): Command {
  decoder.expectSpace();
  const reference = decoder.expectListMailbox();
  decoder.expectSpace();
  return { name, reference, pattern: decoder.expectListMailbox() };
}

/** The arguments of STATUS; an item that was asked for twice comes once. @see RFC 3501, section 6.3.10 */
export function expectStatusArguments(decoder: Decoder): Command {
  const mailboxName = expectMailboxArgument(decoder);
  const items = new Set<StatusItem>();
  decoder.expectSpace();
  decoder.expectList('STATUS items', statusItems.size * 2, () => {
    const item = decoder.expectAtom('STATUS item').toUpperCase();
    if (!isStatusItem(item)) throw new CommandError(`Unknown STATUS item ${quoteReceived(item)}`);
    items.add(item);
  });
  if (items.size === 0) throw new CommandError('Expected STATUS items, got an empty list');
  return { name: 'STATUS', mailboxName, items: [...items] };
}

function isStatusItem(item: string): item is StatusItem {
  return statusItems.has(item);
}

/** The arguments of COPY and MOVE, with their UID forms. @see RFC 3501, section 6.4.7; RFC 6851 */
export function expectCopyArguments(
  decoder: Decoder,
  name: 'COPY' | 'MOVE',
  isUid: boolean,
): Command {
  decoder.expectSpace();
  const set = decoder.expectSequenceSet();
  return { name, isUid, set, mailboxName: expectMailboxArgument(decoder) };
}

/** An APPEND up to the octets of its message, and how the message is announced. */
export interface AppendArguments {
  readonly command: AppendCommand;
  readonly literal: LiteralHeader;
}

/**
 * The arguments of APPEND up to where the message begins.
 *
 * Throws MissingLiteralError where the octets end with a literal that is not the message (a mailbox name).
 *
 * @see RFC 3501, section 6.3.11
 */
export function expectAppendArguments(decoder: Decoder): AppendArguments {
  const mailboxName = expectMailboxArgument(decoder);
  decoder.expectSpace();
  let flags: AppendCommand['flags'] = [];
  if (decoder.isNext('(')) {
    flags = expectFlagList(decoder);
    decoder.expectSpace();
  }
  let internalDate: AppendCommand['internalDate'];
  if (decoder.isNext('"')) {
    internalDate = expectDateTime(decoder);
    decoder.expectSpace();
  }
  const literal = decoder.expectLiteralHeader();
  const command: AppendCommand = {
    name: 'APPEND',
    mailboxName,
    flags,
    ...(internalDate && { internalDate }),
    sizeBytes: literal.sizeBytes,
  };
  return { command, literal };
}
