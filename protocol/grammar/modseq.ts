import type { Decoder } from '../decoder.ts';
import { largestModseq, maxModseq } from '../limits.ts';

/**
 * A modseq up to 2^63 - 1, as clients may send it. One above {@link maxModseq} reads as that: no message has one.
 *
 * @see RFC 7162, section 7, `mod-sequence-valzer`
 */
export function expectModseq(decoder: Decoder): number {
  const start = decoder.position;
  const text = decoder.expectAtom('modseq');
  if (!/^\d+$/.test(text)) throw decoder.expected('modseq', start);
  const digits = text.replace(/^0+(?=\d)/, '');
  // Longer ones are not looked at: their conversion takes the square of their length.
  const modseq = digits.length > String(largestModseq).length ? Infinity : BigInt(digits);
  if (modseq > largestModseq) throw decoder.expected(`modseq up to ${largestModseq}`, start);
  return Math.min(Number(modseq), maxModseq);
}
