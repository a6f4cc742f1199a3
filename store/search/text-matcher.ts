/** Looks for a term in text that comes in pieces, of which it keeps less than the term's length. */
export class TextMatcher {
  readonly #term: string;
  #tail = '';

  /** @param term folded, as the pieces are */
  constructor(term: string) {
    this.#term = term;
  }

  /** True where the term ends in this piece. An empty term is in every piece. */
  push(piece: string): boolean {
    const text = this.#tail + piece;
    if (text.includes(this.#term)) return true;
    const keptCharacters = Math.max(0, this.#term.length - 1);
    this.#tail = keptCharacters === 0 ? '' : text.slice(-keptCharacters);
    return false;
  }

  /** What comes next does not continue what came before. */
  reset(): void {
    this.#tail = '';
  }
}
