import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { expectMailboxArgument } from './command-grammar.ts';

/** The arguments of SELECT and EXAMINE. */
export interface SelectArguments {
  readonly mailboxName: string;
  /** The `(CONDSTORE)` parameter of RFC 7162, section 3.1.8. */
  readonly isCondstore: boolean;
}

/** @see RFC 3501, section 6.3.1; RFC 7162, section 3.1.8 */
export function expectSelectArguments(decoder: Decoder): SelectArguments {
  const mailboxName = expectMailboxArgument(decoder);
  let isCondstore = false;
  if (decoder.accept(' ')) {
    decoder.expectList('parameters', 1, () => {
      const parameter = decoder.expectAtom('parameter').toUpperCase();
      if (parameter !== 'CONDSTORE' || decoder.isOff('CONDSTORE')) {
        throw new CommandError(`Unknown parameter ${quoteReceived(parameter)}`);
      }
      isCondstore = true;
    });
  }
  return { mailboxName, isCondstore };
}
