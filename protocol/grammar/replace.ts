import type { Decoder } from '../decoder.ts';
import type { SequenceSet } from '../sequence-set.ts';
import { type AppendArguments, expectOneMessage } from './append.ts';
import { expectMailboxArgument } from './command-grammar.ts';

/** REPLACE up to its first literal that streams, or to its end. */
export interface ReplaceArguments extends AppendArguments {
  /** Of one message. */
  readonly set: SequenceSet;
}

/** @see RFC 8508, section 5 */
export function expectReplaceArguments(decoder: Decoder): ReplaceArguments {
  decoder.expectSpace();
  const start = decoder.position;
  const set = decoder.expectSequenceSet();
  const [range] = set;
  if (set.length !== 1 || range?.first !== range?.last) {
    throw decoder.expected('number of one message', start);
  }
  const mailboxName = expectMailboxArgument(decoder);
  return { set, mailboxName, ...expectOneMessage(decoder) };
}
