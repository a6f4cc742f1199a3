import type { CalendarDay } from './dates.ts';
import type { Flag } from './flag.ts';
import type { SequenceSet } from './sequence-set.ts';
import type { UidSet } from './uid-set.ts';

export type { CalendarDay } from './dates.ts';

/** Which of a message's dates is searched. */
export type DateField = 'internal' | 'sent' | 'saved';

/** What a key looks for in text. */
export interface SearchedText {
  readonly text: string;
  /** True if the words of the text may be there in another order or form, or only some of them. @see RFC 6203 */
  readonly isFuzzy?: true;
}

/**
 * One condition of SEARCH. Conditions that are only another's negation (`UNSEEN`, `UNDELETED`, `OLD`, …)
 * are decoded as `not`; `NEW` as `and` of recent and not seen; a list in parentheses as `and`.
 * `saved` is `$`. Text is already decoded from the command's CHARSET to Unicode.
 *
 * @see RFC 3501, section 6.4.4; RFC 7162, section 3.1.5 (MODSEQ); RFC 5032 (OLDER, YOUNGER); RFC 8474, section 6;
 * RFC 8514, section 4.3
 */
export type SearchKey =
  | { readonly key: 'all' }
  | { readonly key: 'and'; readonly keys: readonly SearchKey[] }
  | { readonly key: 'or'; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly key: 'not'; readonly operand: SearchKey }
  | { readonly key: 'flag'; readonly flag: Flag }
  | { readonly key: 'recent' }
  | { readonly key: 'sequence'; readonly set: SequenceSet }
  | { readonly key: 'uid'; readonly set: SequenceSet }
  | { readonly key: 'saved' }
  /** Those messages, whatever becomes of numbers and `$`. A session makes it of `sequence` and `saved`. */
  | { readonly key: 'fixed'; readonly uids: UidSet }
  | {
      /**
       * `field` is the internal date (`BEFORE`, `ON`, `SINCE`), the Date header (`SENTBEFORE`, …) or the date at which the message
       * came into its mailbox, in UTC (`SAVEDBEFORE`, …).
       */
      readonly key: 'date';
      readonly field: DateField;
      readonly relation: 'before' | 'on' | 'since';
      readonly day: CalendarDay;
    }
  /** By the internal date, so many seconds before now or less, or more (`YOUNGER`, `OLDER`). */
  | { readonly key: 'age'; readonly relation: 'younger' | 'older'; readonly seconds: number }
  /** By the internal date, in seconds since 1970: up to this one with it, or from it on. A session makes it of `age`. */
  | { readonly key: 'received'; readonly relation: 'until' | 'since'; readonly second: number }
  | { readonly key: 'size'; readonly relation: 'larger' | 'smaller'; readonly sizeBytes: number }
  | (SearchedText & { readonly key: 'header'; readonly fieldName: string })
  | (SearchedText & { readonly key: 'body' | 'text' })
  | { readonly key: 'modseq'; readonly modseq: number }
  | { readonly key: 'emailId' | 'threadId'; readonly id: string };

/** The keys of which others are made by AND, OR and NOT, in their order. */
export function conditionsOf(key: SearchKey): readonly SearchKey[] {
  switch (key.key) {
    case 'and':
      return key.keys.flatMap(conditionsOf);
    case 'or':
      return [...conditionsOf(key.left), ...conditionsOf(key.right)];
    case 'not':
      return conditionsOf(key.operand);
    default:
      return [key];
  }
}

/** True if the key, or one in it, names messages by their sequence numbers. */
export function hasSequenceKey(key: SearchKey): boolean {
  return conditionsOf(key).some(({ key: name }) => name === 'sequence');
}
