import { CommandError } from './decoder.ts';
import { maxLiteralCount, type ReaderLimits } from './limits.ts';
import type { LiteralHeader } from './line-end.ts';

/** Counts the literals of one command, messages apart, against the bounds. */
export class LiteralBudget {
  #count = 0;
  #bytes = 0;

  /** Counts one more literal; why it is refused, or undefined where it may come. */
  charge(literal: LiteralHeader, limits: ReaderLimits): CommandError | undefined {
    this.#count++;
    this.#bytes += literal.sizeBytes;
    if (this.#count > maxLiteralCount) {
      return new CommandError(`More than ${maxLiteralCount} literals`);
    }
    if (literal.sizeBytes <= limits.literalBytes && this.#bytes <= limits.commandLiteralBytes) {
      return undefined;
    }
    return new CommandError('Literal is too large', { code: 'TOOBIG' });
  }

  /** Begins the next command. */
  reset(): void {
    this.#count = 0;
    this.#bytes = 0;
  }
}
