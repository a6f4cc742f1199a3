import type { Decoder } from '../decoder.ts';
import { CommandError } from '../decoder.ts';
import { maxLanguageRanges } from '../limits.ts';

/** The arguments of LANGUAGE. */
export interface LanguageArguments {
  /** Language ranges, in the order in which they are wanted; none asks which languages there are. */
  readonly ranges: readonly string[];
}

/** @see RFC 5255, section 3.2; RFC 4647, section 2 */
export function expectLanguageArguments(decoder: Decoder): LanguageArguments {
  const ranges: string[] = [];
  while (!decoder.isAtEnd()) {
    decoder.expectSpace();
    if (ranges.length >= maxLanguageRanges) {
      throw new CommandError(`More than ${maxLanguageRanges} language ranges`);
    }
    ranges.push(decoder.expectAString('language range'));
  }
  return { ranges };
}
