import type { FlagChangeResult } from '../mail-store.ts';
import { KeywordTable } from './keyword-table.ts';

/**
 * A FlagChangeResult in the form in which it crosses from the writer's thread: columns instead of objects,
 * since a change can name every message of a large mailbox.
 */
export interface FlagChangeColumns {
  readonly modseq: number;
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  /** Three words a message. */
  readonly words: Uint32Array;
  readonly modifiedUids: Uint32Array;
  /** Keywords of the mailbox after the change. */
  readonly keywords: readonly (readonly [number: number, name: string])[];
}

export function toFlagChangeResult(columns: FlagChangeColumns): FlagChangeResult {
  const { modseq, modseqs, words, modifiedUids } = columns;
  const keywords = new KeywordTable(columns.keywords);
  const messages = Array.from(columns.uids, (uid, index) => ({
    uid,
    modseq: modseqs[index] ?? modseq,
    flags: keywords.flagsOf([
      words[index * 3] ?? 0,
      words[index * 3 + 1] ?? 0,
      words[index * 3 + 2] ?? 0,
    ]),
  }));
  return { modseq, messages, modifiedUids };
}
