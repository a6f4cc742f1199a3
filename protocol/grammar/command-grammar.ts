import type { Capability } from '../capability.ts';
import type { Decoder, SentMailbox } from '../decoder.ts';
import type { ReaderLimits } from '../limits.ts';

/** How one command is written: a row of the table in commands.ts. */
export interface CommandGrammar<Arguments extends object = object> {
  /** Where the command is defined. */
  readonly rfc: string;
  /** What announces the command; without it the command is unknown. Absent for those of each revision of IMAP4. */
  readonly capability?: Capability;
  /** True if there is a UID form; the command then says by `isUid` which it is. @see RFC 3501, section 6.4.8 */
  readonly hasUid?: true;
  /** What announces the UID form, if that is not what announces the command. */
  readonly uidCapability?: Capability;
  /**
   * True if the bytes of a literal stream to whoever carries out the command, instead of being gathered: then
   * {@link expectArguments} reads up to and with the header of that literal, of which it returns the `sizeBytes`; or to the end
   * of the command, if that has no such literal.
   */
  readonly hasStream?: true;
  /**
   * Reads what stands behind the name, from the space before the first argument. It throws CommandError for what the
   * grammar does not have, MissingLiteralError if a literal that is gathered has not come.
   */
  readonly expectArguments: (decoder: Decoder, isUid: boolean) => Arguments;
  /**
   * Reads on behind a literal that has streamed: up to and with the header of the next one that streams, or to the end of
   * the command, for which it may return undefined. Absent if nothing may follow.
   *
   * @param before - what the grammar has read before that literal
   */
  expectNext?(decoder: Decoder, before: object): object | undefined;
  /** Bounds for a client that has not logged in, if the command needs more than others. */
  readonly limitsBeforeLogin?: ReaderLimits;
}

/** For a command without arguments. */
export function expectNoArguments(): object {
  return {};
}

/** The space before a mailbox name, and the name. */
export function expectMailboxArgument(decoder: Decoder): string {
  decoder.expectSpace();
  return decoder.expectMailbox();
}

/** The space before a mailbox name, and the name with how it was sent. */
export function expectSentMailboxArgument(decoder: Decoder): SentMailbox {
  decoder.expectSpace();
  return decoder.expectMailboxAsSent();
}
