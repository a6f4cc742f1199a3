import type { Capability } from '../capability.ts';
import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { expectSearchProgram, type SearchProgram } from './search.ts';

/** How messages are threaded. @see RFC 5256, section 3 (THREAD); draft-ietf-morg-inthread (REFS) */
export type ThreadAlgorithm = 'ORDEREDSUBJECT' | 'REFERENCES' | 'REFS';

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
