import { readSortKeysOf, selectUsualFieldsOf, type WalkedFacts } from '../../message-reader.ts';
import { packStructure } from '../../packed-structure.ts';
import type { SortKeys } from '../../sort-keys.ts';

/** What the rows of a body have that is read from it when it comes, and again by a newer walker. */
export interface DerivedContent extends Omit<WalkedFacts, 'structure'> {
  /** As `packStructure` writes it. */
  readonly structure: string;
  /** Those of the header that are kept apart; undefined if none are. */
  readonly usualFields: Uint8Array | undefined;
  readonly sortKeys: SortKeys;
}

/** @param begin - the first 64 KiB of the message, or all of it; undefined if it is empty */
export function deriveContent(facts: WalkedFacts, begin: Uint8Array | undefined): DerivedContent {
  const usualFields = selectUsualFieldsOf(begin, facts);
  return {
    ...facts,
    structure: packStructure(facts.structure),
    usualFields,
    sortKeys: readSortKeysOf(begin, facts, usualFields),
  };
}
