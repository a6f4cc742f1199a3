import { HeaderFilter } from '../../protocol/mime/header-filter.ts';
import { type Condition, verdicts } from './condition.ts';
import { FuzzyTerm } from './fuzzy-term.ts';
import type { MessageText } from './message-text.ts';
import type { Relevancies } from '../relevancies.ts';
import { addressFieldNames } from './searched-field.ts';

/** How much a word counts by where it is, for `TEXT`, which is everywhere; the names in lower case. */
const fieldWeights: readonly (readonly [name: string, weight: number])[] = [
  ['subject', 1],
  ...addressFieldNames.map((name) => [name, 0.9] as const),
];
const bodyWeight = 0.7;
const otherFieldWeight = 0.4;

/** Where a fuzzy condition looks. */
export type FuzzyPlace =
  | { readonly key: 'header'; readonly fieldName: string }
  | { readonly key: 'body' }
  | { readonly key: 'text' };

/** A step that looks at a part of a message; what it returns does not count. */
type Look = (text: MessageText, term: FuzzyTerm) => boolean | Promise<boolean>;

/**
 * Words of a text, matched inexactly, which tells the relevancy of what it matches.
 *
 * @see RFC 6203, sections 3 and 4
 */
export function fuzzyCondition(
  place: FuzzyPlace,
  text: string,
  relevancies: Relevancies,
): Condition {
  const term = new FuzzyTerm(text);
  const looks = looksOf(place);
  let uids = new Uint32Array();
  const end = (index: number): boolean => {
    const { relevancy } = term;
    if (relevancy > 0) relevancies.note(uids[index]!, relevancy);
    return relevancy > 0;
  };
  return {
    columns: [],
    extent: place.key === 'text' ? 'message' : place.key,
    judgeRows: (rows) => {
      uids = rows.uids.slice();
      return new Uint8Array(uids.length).fill(verdicts.open);
    },
    judgeText: (index, message) => {
      term.reset();
      const rest = lookAll(looks, message, term);
      return rest === undefined ? end(index) : rest.then(() => end(index));
    },
  };
}

function looksOf(place: FuzzyPlace): readonly Look[] {
  if (place.key === 'header') return [inField(place.fieldName.toLowerCase(), 1)];
  if (place.key === 'body') return [inBody(1)];
  return [
    ...fieldWeights.map(([name, weight]) => inField(name, weight)),
    inBody(bodyWeight),
    (message, term) => {
      term.weigh(otherFieldWeight);
      return message.hasInHeader(term);
    },
  ];
}

function inField(name: string, weight: number): Look {
  const filter = new HeaderFilter([name], false);
  return (message, term) => {
    term.weigh(weight);
    return message.hasField(name, filter, term);
  };
}

function inBody(weight: number): Look {
  return (message, term) => {
    term.weigh(weight);
    return message.hasInBody(term);
  };
}

/** Looks at each part in turn; undefined if nothing had to be waited for. */
function lookAll(
  looks: readonly Look[],
  message: MessageText,
  term: FuzzyTerm,
): Promise<void> | undefined {
  for (const [index, look] of looks.entries()) {
    const seen = look(message, term);
    const pause = message.pauseIfDue();
    if (typeof seen === 'boolean' && pause === undefined) continue;
    return (async () => {
      await seen;
      await pause;
      await lookAll(looks.slice(index + 1), message, term);
    })();
  }
  return undefined;
}
