import type { Decoder } from '../decoder.ts';
import type { MessageSet } from '../sequence-set.ts';
import { expectMailboxArgument } from './command-grammar.ts';

/** The arguments of COPY and MOVE. */
export interface CopyArguments {
  readonly set: MessageSet;
  readonly mailboxName: string;
}

/** @see RFC 3501, section 6.4.7; RFC 6851 */
export function expectCopyArguments(decoder: Decoder): CopyArguments {
  decoder.expectSpace();
  const set = decoder.expectMessageSet();
  return { set, mailboxName: expectMailboxArgument(decoder) };
}

/** The arguments of EXPUNGE. */
export interface ExpungeArguments {
  /** Present for UID EXPUNGE. */
  readonly uids?: MessageSet;
}

/** @see RFC 3501, section 6.4.3; RFC 4315, section 2.1 */
export function expectExpungeArguments(decoder: Decoder, isUid: boolean): ExpungeArguments {
  if (!isUid) return {};
  decoder.expectSpace();
  return { uids: decoder.expectMessageSet() };
}
