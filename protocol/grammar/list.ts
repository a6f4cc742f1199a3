import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { maxListOptions, maxListPatterns } from '../limits.ts';
import { expectListedEntries } from './metadata.ts';
import { expectStatusItems, type StatusItem } from './status.ts';

/** What LIST tells of, beyond what the patterns say. @see RFC 5258, section 3.1; RFC 6154, section 3 */
export type ListSelection = 'SUBSCRIBED' | 'REMOTE' | 'RECURSIVEMATCH' | 'SPECIAL-USE';

/** What LIST is to tell of each mailbox. @see RFC 5258, section 3.2; RFC 6154, section 3 */
export type ListReturn = 'SUBSCRIBED' | 'CHILDREN' | 'SPECIAL-USE';

/** What the extended form of LIST says beside the patterns. */
export interface ListOptions {
  readonly selected: ReadonlySet<ListSelection>;
  /** What the selection options ask for by themselves is in it too. */
  readonly returned: ReadonlySet<ListReturn>;
  /** What STATUS responses are to tell; absent: there are none. @see RFC 5819 */
  readonly statusItems?: readonly StatusItem[];
  /** The entries that METADATA responses are to tell; absent: there are none. @see RFC 9590 */
  readonly metadataEntries?: readonly string[];
}

/** The arguments of LIST. */
export interface ListArguments {
  readonly reference: string;
  /**
   * At least one, with `*` and `%` as the client wrote them. In the form of RFC 3501 it is one, and if that is empty it asks
   * for the hierarchy separator.
   */
  readonly patterns: readonly string[];
  /** Absent in the form of RFC 3501. */
  readonly options?: ListOptions;
}

/** The arguments of LSUB. */
export interface LsubArguments {
  readonly reference: string;
  /** With `*` and `%` as the client wrote them. */
  readonly pattern: string;
}

/** @see RFC 3501, section 6.3.9 */
export function expectLsubArguments(decoder: Decoder): LsubArguments {
  decoder.expectSpace();
  const reference = decoder.expectListMailbox();
  decoder.expectSpace();
  return { reference, pattern: decoder.expectListMailbox() };
}

/** @see RFC 3501, section 6.3.8; RFC 5258, section 6 */
export function expectListArguments(decoder: Decoder): ListArguments {
  const canBeExtended = !decoder.isOff('LIST-EXTENDED');
  decoder.expectSpace();
  const hasSelection = canBeExtended && decoder.isNext('(');
  const selected = hasSelection ? expectSelection(decoder) : new Set<ListSelection>();
  if (hasSelection) decoder.expectSpace();
  const reference = decoder.expectListMailbox();
  decoder.expectSpace();
  const hasPatternList = canBeExtended && decoder.isNext('(');
  const patterns = hasPatternList ? expectPatterns(decoder) : [decoder.expectListMailbox()];
  const hasReturn = canBeExtended && decoder.accept(' ');
  const { returned, ...responses } = hasReturn ? expectReturn(decoder) : noReturn;
  if (!hasSelection && !hasPatternList && !hasReturn) return { reference, patterns };
  const implied = (['SUBSCRIBED', 'SPECIAL-USE'] as const).filter((name) => selected.has(name));
  const options = { selected, returned: new Set([...returned, ...implied]), ...responses };
  return { reference, patterns, options };
}

/** RECURSIVEMATCH only changes what another option selects, and SUBSCRIBED is the one that it can change. */
function expectSelection(decoder: Decoder): ReadonlySet<ListSelection> {
  const selected = new Set<ListSelection>();
  decoder.expectList('selection options', maxListOptions, () => {
    const name = decoder.expectAtom('selection option').toUpperCase();
    switch (name) {
      case 'SUBSCRIBED':
      case 'REMOTE':
      case 'RECURSIVEMATCH':
        selected.add(name);
        return;
      case 'SPECIAL-USE':
        if (decoder.isOff('SPECIAL-USE')) break;
        selected.add(name);
        return;
    }
    throw new CommandError(`Unknown selection option ${quoteReceived(name)}`);
  });
  if (selected.has('RECURSIVEMATCH') && !selected.has('SUBSCRIBED')) {
    throw new CommandError('RECURSIVEMATCH needs SUBSCRIBED beside it');
  }
  return selected;
}

function expectPatterns(decoder: Decoder): readonly string[] {
  const patterns: string[] = [];
  decoder.expectList('mailbox patterns', maxListPatterns, () => {
    patterns.push(decoder.expectListMailbox());
  });
  if (patterns.length === 0) throw new CommandError('Expected mailbox patterns, got an empty list');
  return patterns;
}

type ReturnOptions = Omit<ListOptions, 'selected'>;

const noReturn: ReturnOptions = { returned: new Set() };

function expectReturn(decoder: Decoder): ReturnOptions {
  const start = decoder.position;
  if (decoder.expectAtom('RETURN').toUpperCase() !== 'RETURN') {
    throw decoder.expected('RETURN', start);
  }
  decoder.expectSpace();
  const returned = new Set<ListReturn>();
  let statusItems: readonly StatusItem[] | undefined;
  let metadataEntries: readonly string[] | undefined;
  decoder.expectList('return options', maxListOptions, () => {
    const name = decoder.expectAtom('return option').toUpperCase();
    switch (name) {
      case 'SUBSCRIBED':
      case 'CHILDREN':
        returned.add(name);
        return;
      case 'SPECIAL-USE':
        if (decoder.isOff('SPECIAL-USE')) break;
        returned.add(name);
        return;
      case 'STATUS':
        if (decoder.isOff('LIST-STATUS')) break;
        decoder.expectSpace();
        statusItems = expectStatusItems(decoder);
        return;
      case 'METADATA':
        if (decoder.isOff('LIST-METADATA')) break;
        decoder.expectSpace();
        metadataEntries = expectListedEntries(decoder);
        return;
    }
    throw new CommandError(`Unknown return option ${quoteReceived(name)}`);
  });
  return {
    returned,
    ...(statusItems && { statusItems }),
    ...(metadataEntries && { metadataEntries }),
  };
}
