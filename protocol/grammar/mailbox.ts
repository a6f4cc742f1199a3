import type { Decoder, SentMailbox } from '../decoder.ts';
import { hierarchySeparator } from '../mailbox-name.ts';
import { expectSentMailboxArgument } from './command-grammar.ts';

/** The arguments of commands that only name a mailbox. */
export type NameArguments = SentMailbox;

/** @see RFC 3501, sections 6.3.4, 6.3.6 and 6.3.7 */
export function expectNameArguments(decoder: Decoder): NameArguments {
  return expectSentMailboxArgument(decoder);
}

/**
 * A hierarchy separator at the end, by which a client says that it will create mailboxes below, is read over.
 *
 * @see RFC 3501, section 6.3.3
 */
export function expectCreateArguments(decoder: Decoder): NameArguments {
  const { mailboxName, oldName } = expectSentMailboxArgument(decoder);
  return {
    mailboxName: withoutSeparator(mailboxName),
    ...(oldName !== undefined && { oldName: withoutSeparator(oldName) }),
  };
}

function withoutSeparator(name: string): string {
  return name.endsWith(hierarchySeparator) ? name.slice(0, -1) : name;
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
