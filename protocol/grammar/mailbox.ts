import { CommandError, quoteReceived, type Decoder, type SentMailbox } from '../decoder.ts';
import { maxCreateParameters, maxSpecialUses } from '../limits.ts';
import { hierarchySeparator } from '../mailbox-name.ts';
import { expectSentMailboxArgument } from './command-grammar.ts';

/** The arguments of commands that only name a mailbox. */
export type NameArguments = SentMailbox;

/** @see RFC 3501, sections 6.3.4, 6.3.6 and 6.3.7 */
export function expectNameArguments(decoder: Decoder): NameArguments {
  return expectSentMailboxArgument(decoder);
}

/** The arguments of CREATE. */
export interface CreateArguments extends SentMailbox {
  /** As they came: whether there are such is another matter. Absent if the command has no parameters. @see RFC 6154, section 3 */
  readonly specialUses?: readonly string[];
}

/**
 * A hierarchy separator at the end, by which a client says that it will create mailboxes below, is read over.
 *
 * @see RFC 3501, section 6.3.3; RFC 6154, section 6 (USE)
 */
export function expectCreateArguments(decoder: Decoder): CreateArguments {
  const { mailboxName, oldName } = expectSentMailboxArgument(decoder);
  const specialUses = decoder.isOff('CREATE-SPECIAL-USE') ? undefined : expectUses(decoder);
  return {
    mailboxName: withoutSeparator(mailboxName),
    ...(oldName !== undefined && { oldName: withoutSeparator(oldName) }),
    ...(specialUses !== undefined && { specialUses }),
  };
}

function withoutSeparator(name: string): string {
  return name.endsWith(hierarchySeparator) ? name.slice(0, -1) : name;
}

/** The parameters of CREATE; undefined if there are none. */
function expectUses(decoder: Decoder): readonly string[] | undefined {
  if (!decoder.accept(' ')) return undefined;
  const specialUses: string[] = [];
  decoder.expectList('CREATE parameters', maxCreateParameters, () => {
    const parameter = decoder.expectAtom('CREATE parameter').toUpperCase();
    if (parameter !== 'USE') {
      throw new CommandError(`Unknown CREATE parameter ${quoteReceived(parameter)}`);
    }
    decoder.expectSpace();
    decoder.expectList('special uses', maxSpecialUses, () => {
      decoder.expect('\\');
      specialUses.push(`\\${decoder.expectAtom('special use')}`);
    });
  });
  return specialUses;
}

/** The arguments of RENAME. */
export interface RenameArguments {
  readonly mailboxName: string;
  readonly newName: string;
  /** How the client wrote the name that the mailbox has, if either of the two is normalized; else absent. */
  readonly oldName?: string;
}

/** @see RFC 3501, section 6.3.5 */
export function expectRenameArguments(decoder: Decoder): RenameArguments {
  const { mailboxName, oldName } = expectSentMailboxArgument(decoder);
  const renamed = expectSentMailboxArgument(decoder);
  const isNormalized = (oldName ?? renamed.oldName) !== undefined;
  return {
    mailboxName,
    newName: renamed.mailboxName,
    ...(isNormalized && { oldName: oldName ?? mailboxName }),
  };
}
