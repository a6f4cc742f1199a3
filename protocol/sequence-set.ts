/**
 * One range of a sequence set, both ends included. `Infinity` stands for `*`, the largest number in use.
 * The ends may come in either order, as the client wrote them.
 */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of message sequence numbers or UIDs, in the order the client wrote it; ranges may overlap.
 *
 * @see RFC 9051, section 9, `sequence-set`
 */
export type SequenceSet = readonly SequenceRange[];
