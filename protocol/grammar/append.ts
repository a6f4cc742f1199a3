import { expectDateTime, type InternalDate } from '../dates.ts';
import type { Decoder } from '../decoder.ts';
import { expectFlagList, type Flag } from '../flag.ts';
import { expectMailboxArgument } from './command-grammar.ts';

/** APPEND without its message, whose bytes stream behind it. @see RFC 3501, section 6.3.11 */
export interface AppendArguments {
  readonly mailboxName: string;
  readonly flags: readonly Flag[];
  /** Absent: now. */
  readonly internalDate?: InternalDate;
  /** Bytes of the message, as the literal announced them. */
  readonly sizeBytes: number;
}

/** Up to the announcement of the literal. @see RFC 3501, section 6.3.11 */
export function expectAppendArguments(decoder: Decoder): AppendArguments {
  const mailboxName = expectMailboxArgument(decoder);
  decoder.expectSpace();
  let flags: readonly Flag[] = [];
  if (decoder.isNext('(')) {
    flags = expectFlagList(decoder);
    decoder.expectSpace();
  }
  let internalDate: InternalDate | undefined;
  if (decoder.isNext('"')) {
    internalDate = expectDateTime(decoder);
    decoder.expectSpace();
  }
  const { sizeBytes } = decoder.expectLiteralHeader();
  return { mailboxName, flags, ...(internalDate && { internalDate }), sizeBytes };
}
