import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { expectBareFlags, expectFlagList, type Flag } from '../flag.ts';
import type { MessageSet } from '../sequence-set.ts';
import { expectModseq } from './modseq.ts';

/** The arguments of STORE. */
export interface StoreArguments {
  readonly set: MessageSet;
  readonly mode: 'replace' | 'add' | 'remove';
  readonly isSilent: boolean;
  readonly flags: readonly Flag[];
  /** Only messages whose modseq is not larger (RFC 7162, section 3.1.3). */
  readonly unchangedSince?: number;
}

/** @see RFC 3501, section 6.4.6; RFC 7162, section 3.1.3 */
export function expectStoreArguments(decoder: Decoder): StoreArguments {
  decoder.expectSpace();
  const set = decoder.expectMessageSet();
  decoder.expectSpace();
  const unchangedSince = decoder.isNext('(') ? expectStoreModifiers(decoder) : undefined;
  const action = expectStoreAction(decoder);
  decoder.expectSpace();
  const flags = decoder.isNext('(') ? expectFlagList(decoder) : expectBareFlags(decoder);
  return { set, ...action, flags, ...(unchangedSince !== undefined && { unchangedSince }) };
}

/** `(UNCHANGEDSINCE modseq)` and the space behind it. */
function expectStoreModifiers(decoder: Decoder): number | undefined {
  let unchangedSince: number | undefined;
  decoder.expectList('STORE modifiers', 1, () => {
    const name = decoder.expectAtom('STORE modifier').toUpperCase();
    if (name !== 'UNCHANGEDSINCE' || decoder.isOff('CONDSTORE')) {
      throw new CommandError(`Unknown STORE modifier ${quoteReceived(name)}`);
    }
    decoder.expectSpace();
    unchangedSince = expectModseq(decoder);
  });
  decoder.expectSpace();
  return unchangedSince;
}

function expectStoreAction(decoder: Decoder) {
  const start = decoder.position;
  const mode = decoder.accept('+') ? 'add' : decoder.accept('-') ? 'remove' : 'replace';
  const name = decoder.expectName('FLAGS');
  if (name !== 'FLAGS' && name !== 'FLAGS.SILENT') throw decoder.expected('FLAGS', start);
  return { mode, isSilent: name === 'FLAGS.SILENT' } as const;
}
