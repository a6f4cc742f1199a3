import type { Capability } from '../capability.ts';
import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import type { ThreadAlgorithm } from '../thread-algorithm.ts';
import { expectSearchProgram, type SearchProgram } from './search.ts';

/** The arguments of THREAD. */
export interface ThreadArguments extends SearchProgram {
  readonly algorithm: ThreadAlgorithm;
}

/** @see RFC 5256, section 5 */
export function expectThreadArguments(decoder: Decoder): ThreadArguments {
  decoder.expectSpace();
  const algorithm = expectAlgorithm(decoder);
  decoder.expectSpace();
  return { algorithm, ...expectSearchProgram(decoder) };
}

/** Each with what announces it. */
const algorithms: readonly (readonly [ThreadAlgorithm, Capability])[] = [
  ['ORDEREDSUBJECT', 'THREAD=ORDEREDSUBJECT'],
  ['REFERENCES', 'THREAD=REFERENCES'],
  ['REFS', 'THREAD=REFS'],
];

function expectAlgorithm(decoder: Decoder): ThreadAlgorithm {
  const received = decoder.expectAtom('threading algorithm');
  for (const [algorithm, capability] of algorithms) {
    if (algorithm === received.toUpperCase() && !decoder.isOff(capability)) return algorithm;
  }
  throw new CommandError(`Unknown threading algorithm ${quoteReceived(received)}`);
}
