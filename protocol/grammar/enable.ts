import { CommandError, type Decoder } from '../decoder.ts';
import { maxEnableCount } from '../limits.ts';

/** The arguments of ENABLE. */
export interface EnableArguments {
  /** In capitals, each once; known or not. */
  readonly capabilities: readonly string[];
}

/** @see RFC 5161, section 3.1 */
export function expectEnableArguments(decoder: Decoder): EnableArguments {
  const capabilities = new Set<string>();
  let count = 0;
  do {
    if (++count > maxEnableCount)
      throw new CommandError(`More than ${maxEnableCount} capabilities`);
    decoder.expectSpace();
    capabilities.add(decoder.expectAtom('capability').toUpperCase());
  } while (!decoder.isAtEnd());
  return { capabilities: [...capabilities] };
}
