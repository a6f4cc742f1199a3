import { isAsciiText, trim } from '../../protocol/mime/ascii-text.ts';
import { foldText } from './fold-text.ts';

/** Terms up to here are looked for by a pattern, which V8 makes machine code of; it refuses very long ones. */
const maxPatternLength = 256;

/** Whether texts have what a search looks for: a term, or any of several. */
export interface TermTest {
  /** Characters of the longest term, folded: pieces of a text that is searched overlap by one less. */
  readonly length: number;
  /** True if it is in every text. */
  readonly isEmpty: boolean;
  /** True if the text, which is not folded, has the term. An empty term is in every text. */
  isIn(text: string): boolean;
  /** {@link isIn} for text that is ASCII. */
  isInAscii(text: string): boolean;
  /** {@link isIn} for text that is folded. @see foldText */
  isInFolded(text: string): boolean;
  /**
   * The first place, from the position on, at which a field may have the term: in headers as they are, of which only the part
   * is looked at that is ASCII and encodes nothing. Infinite if there is none.
   */
  findInHeaders(text: string, position: number): number;
  /**
   * False if the term is in none of the addresses of a field's value: in nearly all fields that can be seen without reading the
   * addresses.
   */
  mayBeInAddresses(value: string): boolean;
  /**
   * False if no field of the header has the term, also after its lines are unfolded and its words decoded: in nearly all
   * headers that can be seen without parsing them.
   *
   * @param header one character a byte
   */
  mayBeInHeader(header: string): boolean;
}

/** What a search looks for in text. */
export class SearchTerm implements TermTest {
  /** @see foldText */
  readonly folded: string;
  /** Finds the term in ASCII text as it is, without folding it. */
  readonly #pattern: RegExp | undefined;
  readonly #isAscii: boolean;
  /** Finds the longest word of the term in ASCII text; undefined if it has none. */
  readonly #wordPattern: RegExp | undefined;
  /** Finds the words of the term, however its lines are folded, in ASCII text; undefined if it has none. */
  readonly #wordsPattern: RegExp | undefined;

  /** Finds the longest piece of the term in ASCII addresses; undefined if it has none. */
  readonly #addressPattern: RegExp | undefined;

  constructor(text: string) {
    this.folded = foldText(text);
    this.#isAscii = isAsciiText(this.folded);
    if (!this.#isAscii) return;
    if (this.folded.length <= maxPatternLength) this.#pattern = patternOf(this.folded);
    const words = this.folded.split(/[\s:]+/).toSorted((a, b) => a.length - b.length);
    const word = words.at(-1)!.slice(0, maxPatternLength);
    if (word !== '') this.#wordPattern = patternOf(word);
    this.#addressPattern = addressPatternOf(this.folded);
    const trimmed = trim(this.folded.slice(0, maxPatternLength));
    if (trimmed === '') return;
    this.#wordsPattern = new RegExp(escape(trimmed).replace(/[ \t\r\n]+/g, '[ \\t\\r\\n]+'), 'gi');
  }

  get length(): number {
    return this.folded.length;
  }

  get isEmpty(): boolean {
    return this.folded === '';
  }

  isIn(text: string): boolean {
    return isAsciiText(text) ? this.isInAscii(text) : foldText(text).includes(this.folded);
  }

  isInFolded(text: string): boolean {
    return text.includes(this.folded);
  }

  isInAscii(text: string): boolean {
    if (this.#pattern !== undefined) return this.#pattern.test(text);
    return this.#isAscii && foldText(text).includes(this.folded);
  }

  findInHeaders(text: string, position: number): number {
    if (!this.#isAscii) return Infinity;
    // White space is nearly everywhere.
    if (this.#wordsPattern === undefined) return position;
    this.#wordsPattern.lastIndex = position;
    return this.#wordsPattern.exec(text)?.index ?? Infinity;
  }

  mayBeInAddresses(value: string): boolean {
    // Comments go, and what they part comes together, as what stands on both sides of an address in angle brackets does.
    if (!isAsciiText(value) || /[(?\x1b]|>[ \t]*[^ \t,;]/.test(value)) return true;
    return this.#isAscii && (this.#addressPattern?.test(value) ?? true);
  }

  mayBeInHeader(header: string): boolean {
    // What encodes other text: encoded words, parameters (RFC 2231), ISO-2022-JP as it is.
    if (!isAsciiText(header) || /=\?|\*|\x1b/.test(header)) return true;
    // Unfolding changes nothing but white space, and the colon behind a name stands alone.
    return this.#isAscii && (this.#wordPattern?.test(header) ?? true);
  }
}

/** Characters of words in addresses, and between two words of one. */
const addressWord = /[\w.+-]+(?:@[\w.+-]+)*/g;
/** What reading an address takes away, beside comments. */
const addressFiller = '[ \\t\\r\\n"\\\\<>]*';

function addressPatternOf(folded: string): RegExp | undefined {
  const words = folded.match(addressWord)?.toSorted((a, b) => a.length - b.length);
  const word = words?.at(-1)?.slice(0, maxPatternLength / 8);
  if (word === undefined) return undefined;
  return new RegExp(word.split('').map(escape).join(addressFiller), 'i');
}

function patternOf(folded: string): RegExp {
  return new RegExp(escape(folded), 'i');
}

function escape(folded: string): string {
  return folded.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Looks for a term in text that comes in pieces, of which it keeps less than the term's length. */
export class TextMatcher {
  readonly #term: TermTest;
  /** Of the folded text. */
  #tail = '';

  constructor(term: TermTest) {
    this.#term = term;
  }

  /** True if the term ends in this piece, which is not folded. */
  push(piece: string): boolean {
    const term = this.#term;
    const keptCharacters = Math.max(0, term.length - 1);
    if (!isAsciiText(piece)) {
      const text = foldText(piece);
      if (this.#isAcross(text.slice(0, keptCharacters)) || term.isInFolded(text)) return true;
      this.#keep(text, keptCharacters);
      return false;
    }
    if (this.#isAcross(piece.slice(0, keptCharacters).toUpperCase())) return true;
    if (term.isInAscii(piece)) return true;
    this.#keep(
      keptCharacters === 0 ? '' : piece.slice(-keptCharacters).toUpperCase(),
      keptCharacters,
    );
    return false;
  }

  /** True if the term begins in the pieces before and ends in the next one, of which this is the beginning. */
  #isAcross(beginning: string): boolean {
    return this.#tail !== '' && this.#term.isInFolded(this.#tail + beginning);
  }

  #keep(text: string, characters: number): void {
    if (characters === 0) return;
    const tail = text.length >= characters ? text : this.#tail + text;
    this.#tail = tail.slice(-characters);
  }
}
