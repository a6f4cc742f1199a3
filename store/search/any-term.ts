import { isAsciiText } from '../../protocol/mime/ascii-text.ts';
import { foldText } from './fold-text.ts';
import { SearchTerm, type TermTest } from './search-term.ts';
import { UnfilteredTerm } from './unfiltered-term.ts';

/** Characters of a gram, by which a term is found. */
const gramLength = 3;
/** Numbers that grams get; two may share one. */
const gramCount = 4096;
/**
 * Terms that may be found by one gram. A text that is nothing but this gram takes as long as so many terms would by themselves: no
 * piece of work grows with what a client searches for.
 */
const maxTermsOfGram = 4;
/** Fewer are quicker by themselves, each with its own pattern. */
const minJoinedTerms = 8;

/** A term, and the place in it of the gram by which it is found. */
interface PlacedTerm {
  readonly folded: string;
  readonly place: number;
}

type TermsByGram = Map<number, readonly PlacedTerm[]>;

/** Tests that together find any of the texts: one for most of them if there are many, and one each for the rest. */
export function joinTerms(texts: readonly string[]): readonly TermTest[] {
  const different = [...new Set(texts.map(foldText))];
  if (different.length < minJoinedTerms) return different.map(toTerm);
  const uses = new Uint32Array(gramCount);
  for (const folded of different) for (const gram of gramsOf(folded)) uses[gram]! += 1;
  const byGram: TermsByGram = new Map();
  const apart = different.filter((folded) => {
    let [best, place] = [-1, 0];
    for (const [index, gram] of gramsOf(folded).entries()) {
      // That which the fewest share: many addresses end in the same domain.
      if (best === -1 || uses[gram]! < uses[best]!) [best, place] = [gram, index];
    }
    const known = byGram.get(best) ?? [];
    if (best === -1 || known.length === maxTermsOfGram) return true;
    byGram.set(best, [...known, { folded, place }]);
    return false;
  });
  const others = apart.map(toTerm);
  return byGram.size === 0 ? others : [new AnyTerm(byGram), ...others];
}

/**
 * Any of many terms. A text is gone through once for all of them: at each place, three characters tell which terms may be there.
 * A search for a thousand words or addresses so costs little more than one for ten.
 */
class AnyTerm extends UnfilteredTerm {
  readonly length: number;
  readonly isEmpty = false;
  readonly #byGram: readonly (readonly PlacedTerm[] | undefined)[];

  constructor(byGram: TermsByGram) {
    super();
    const lengths = [...byGram.values()].flat().map(({ folded }) => folded.length);
    this.length = lengths.reduce((most, length) => Math.max(most, length), 0);
    this.#byGram = Array.from({ length: gramCount }, (_, gram) => byGram.get(gram));
  }

  isIn(text: string): boolean {
    return isAsciiText(text) ? this.isInAscii(text) : this.isInFolded(foldText(text));
  }

  isInAscii(text: string): boolean {
    return this.isInFolded(text.toUpperCase());
  }

  isInFolded(text: string): boolean {
    let [first, second] = [text.charCodeAt(0), text.charCodeAt(1)];
    for (let place = 0; place + gramLength <= text.length; place++) {
      const third = text.charCodeAt(place + 2);
      const candidates = this.#byGram[gramOf(first, second, third)];
      if (candidates?.some((term) => isAt(text, term, place)) === true) return true;
      [first, second] = [second, third];
    }
    return false;
  }
}

function toTerm(text: string): SearchTerm {
  return new SearchTerm(text);
}

/** True if the term's gram at the place of the text belongs to the whole of the term. */
function isAt(text: string, { folded, place }: PlacedTerm, at: number): boolean {
  return at >= place && text.startsWith(folded, at - place);
}

function gramOf(first: number, second: number, third: number): number {
  return (first * 961 + second * 31 + third) % gramCount;
}

/** Of each place of a folded term; none if it is too short. */
function gramsOf(folded: string): number[] {
  return Array.from({ length: Math.max(0, folded.length - gramLength + 1) }, (_, place) =>
    gramOf(folded.charCodeAt(place), folded.charCodeAt(place + 1), folded.charCodeAt(place + 2)),
  );
}
