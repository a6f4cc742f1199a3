import type { TermTest } from './search-term.ts';

/** A test that cannot tell from a header or an address where it may match: each field is looked at. */
export abstract class UnfilteredTerm implements TermTest {
  abstract readonly length: number;
  abstract readonly isEmpty: boolean;
  abstract isIn(text: string): boolean;
  abstract isInAscii(text: string): boolean;
  abstract isInFolded(text: string): boolean;

  findInHeaders(_text: string, position: number): number {
    return position;
  }

  mayBeInAddresses(): boolean {
    return true;
  }

  mayBeInHeader(): boolean {
    return true;
  }
}
