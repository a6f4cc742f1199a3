import type { MessageText } from './message-text.ts';
import type { SearchColumn, SearchExtent, SearchRows } from './search-source.ts';

/** A verdict on a message. `AND` is the least of its operands, `OR` the greatest, `NOT` is 2 less the operand. */
export const verdicts = {
  no: 0,
  /** What the row has does not decide: the text has to. */
  open: 1,
  yes: 2,
} as const;

/** Yields between its steps, and returns the verdicts. */
export type JudgingSteps = Generator<undefined, Uint8Array>;

/**
 * A search key made ready: it judges the rows of a batch, then the texts of those that it left open, and only those. One
 * search uses it, batch by batch.
 */
export interface Condition {
  /** What it looks at in rows. */
  readonly columns: readonly SearchColumn[];
  /** What it looks at in messages that their rows do not decide; undefined if there are none. */
  readonly extent: SearchExtent | undefined;
  /**
   * A verdict for each row, in a column that stays the condition's until the next batch; of several keys in steps, between
   * which others may run.
   *
   * @param isNeeded 0 for rows of which the verdict does not matter; all do if it is absent
   */
  judgeRows(rows: SearchRows, isNeeded?: Uint8Array): Uint8Array | JudgingSteps;
  /** The verdict on a row of the batch: promised only if more of the message has to be read. */
  judgeText(index: number, text: MessageText): boolean | Promise<boolean>;
}

/** A condition of one key, which judges all rows of a batch in one step. */
export interface KeyCondition extends Condition {
  judgeRows(rows: SearchRows, isNeeded?: Uint8Array): Uint8Array;
}
