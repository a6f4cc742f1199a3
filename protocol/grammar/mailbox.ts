import type { Decoder } from '../decoder.ts';
import { hierarchySeparator } from '../mailbox-name.ts';
import { expectMailboxArgument } from './command-grammar.ts';

/** The arguments of commands that only name a mailbox. */
export interface NameArguments {
  readonly mailboxName: string;
}

/** @see RFC 3501, sections 6.3.4, 6.3.6 and 6.3.7 */
export function expectNameArguments(decoder: Decoder): NameArguments {
  return { mailboxName: expectMailboxArgument(decoder) };
}

/**
 * A hierarchy separator at the end, by which a client says that it will create mailboxes below, is read over.
 *
 * @see RFC 3501, section 6.3.3
 */
export function expectCreateArguments(decoder: Decoder): NameArguments {
  const name = expectMailboxArgument(decoder);
  return { mailboxName: name.endsWith(hierarchySeparator) ? name.slice(0, -1) : name };
}

/** The arguments of RENAME. */
export interface RenameArguments {
  readonly mailboxName: string;
  readonly newName: string;
}

/** @see RFC 3501, section 6.3.5 */
export function expectRenameArguments(decoder: Decoder): RenameArguments {
  const mailboxName = expectMailboxArgument(decoder);
  return { mailboxName, newName: expectMailboxArgument(decoder) };
}
