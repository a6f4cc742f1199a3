import { CommandError, type Decoder } from '../decoder.ts';

/** The arguments of UIDBATCHES. */
export interface UidBatchesArguments {
  /** Messages in a batch, above 0. */
  readonly size: number;
  /** Numbers of batches, from 1; absent: all. */
  readonly batches?: {
    readonly first: number;
    /** Not below `first`. */
    readonly last: number;
  };
}

/** @see RFC 10022, sections 3.1.5 and 4 */
export function expectUidBatchesArguments(decoder: Decoder): UidBatchesArguments {
  decoder.expectSpace();
  const size = decoder.expectNumber('batch size above 0', 1);
  if (!decoder.accept(' ')) return { size };
  const first = decoder.expectNumber('batch number above 0', 1);
  decoder.expect(':');
  const last = decoder.expectNumber('batch number above 0', 1);
  if (last < first) {
    const text = `Expected batches from the lower number up, got "${first}:${last}"`;
    throw new CommandError(text, { code: 'CLIENTBUG' });
  }
  return { size, batches: { first, last } };
}
