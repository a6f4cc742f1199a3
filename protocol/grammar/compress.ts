import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';

/** The only mechanism that there is. @see RFC 4978, section 5 */
const mechanism = 'DEFLATE';

/** @see RFC 4978, section 5 */
export function expectCompressArguments(decoder: Decoder): object {
  decoder.expectSpace();
  const name = decoder.expectAtom('compression mechanism');
  if (name.toUpperCase() !== mechanism) {
    throw new CommandError(`Unknown compression mechanism ${quoteReceived(name)}`);
  }
  return {};
}
