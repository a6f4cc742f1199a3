/**
 * A value of a response: what RFC 9051, section 4, calls atom or number, string, and parenthesized list. Texts are one
 * character a byte, and may have the marks of placeholders where they are expected ones.
 */
export type WireValue = WireAtom | WireString | WireList;

/** `\Seen`, `12`, `NIL`, `BODY[HEADER.FIELDS (DATE)]<0>` */
export interface WireAtom {
  readonly type: 'atom';
  readonly text: string;
  /** True if a space is before it. */
  readonly hasGap: boolean;
}

/** What a quoted string or a literal holds. */
export interface WireString {
  readonly type: 'string';
  readonly text: string;
  readonly hasGap: boolean;
}

/** What is in parentheses. */
export interface WireList {
  readonly type: 'list';
  readonly values: readonly WireValue[];
  readonly hasGap: boolean;
}

/** A response is not well-formed. */
export class WireSyntaxError extends Error {
  override readonly name = 'WireSyntaxError';
}

/** Stands in the text of a response where a literal is. */
export const literalMark = '\uf8ff';

const endOfAtom = new Set([' ', '(', ')', '"', literalMark]);

/**
 * Reads the values of a response, without what begins it (`* `).
 *
 * @param text - with {@link literalMark} for each literal
 * @param literals - what they hold, in order; those that are read are taken out
 * @throws WireSyntaxError if parentheses or quotes are not closed, or spaces are not where they must be
 */
export function readValues(text: string, literals: string[]): WireValue[] {
  const reader = new ValueReader(text, literals);
  return reader.readAll();
}

class ValueReader {
  readonly #text: string;
  readonly #literals: string[];
  #at = 0;

  constructor(text: string, literals: string[]) {
    this.#text = text;
    this.#literals = literals;
  }

  readAll(): WireValue[] {
    const values = this.#readUntil(undefined);
    if (this.#at < this.#text.length) throw this.#error('a ")" too many');
    return values;
  }

  #readUntil(end: ')' | undefined): WireValue[] {
    const values: WireValue[] = [];
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character === ')') return values;
      const hasGap = character === ' ';
      if (hasGap) this.#at += 1;
      const next = this.#text[this.#at];
      if (next === ' ') throw this.#error('two spaces');
      if (next === undefined || next === ')')
        throw this.#error(`a space before ${end ?? 'the end'}`);
      if (hasGap && values.length === 0) throw this.#error('a space at the beginning');
      const value = this.#readValue(next, hasGap);
      const before = values.at(-1);
      if (before !== undefined && !hasGap && (before.type !== 'list' || value.type !== 'list')) {
        throw this.#error('a space is missing');
      }
      values.push(value);
    }
  }

  #readValue(first: string, hasGap: boolean): WireValue {
    if (first === '(') return this.#readList(hasGap);
    if (first === '"') return { type: 'string', text: this.#readQuoted(), hasGap };
    if (first === literalMark) {
      this.#at += 1;
      return { type: 'string', text: this.#literals.shift() ?? '', hasGap };
    }
    return { type: 'atom', text: this.#readAtom(), hasGap };
  }

  #readList(hasGap: boolean): WireList {
    this.#at += 1;
    const values = this.#readUntil(')');
    if (this.#text[this.#at] !== ')') throw this.#error('a ")" is missing');
    this.#at += 1;
    return { type: 'list', values, hasGap };
  }

  #readQuoted(): string {
    let text = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text[this.#at];
      if (character === '"') {
        this.#at += 1;
        return text;
      }
      if (character === '\\') this.#at += 1;
      text += this.#text[this.#at] ?? '';
    }
    throw this.#error('a quote is not closed');
  }

  /** An atom; what is in brackets belongs to it, with spaces and parentheses. */
  #readAtom(): string {
    const start = this.#at;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? '';
      if (endOfAtom.has(character)) break;
      this.#at = character === '[' ? findClosingBracket(this.#text, this.#at) + 1 : this.#at + 1;
      if (this.#at === 0) {
        this.#at = this.#text.length;
        throw this.#error('a "]" is missing');
      }
    }
    return this.#text.slice(start, this.#at);
  }

  #error(what: string): WireSyntaxError {
    return new WireSyntaxError(`not well-formed at column ${this.#at + 1} of its values: ${what}`);
  }
}

/** Where the bracket that opens at `from` is closed, with regard to quoted strings; -1 if nowhere. */
export function findClosingBracket(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text[at];
    if (isQuoted && character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === ']' && !isQuoted) return at;
  }
  return -1;
}

/** The value as it may stand on the wire, for people and for what is captured. */
export function formatValue(value: WireValue): string {
  if (value.type === 'atom') return value.text;
  if (value.type === 'string') return `"${value.text.replaceAll(/["\\]/g, '\\$&')}"`;
  return `(${value.values.map((item, index) => formatInList(item, index)).join('')})`;
}

function formatInList(item: WireValue, index: number): string {
  return `${index > 0 && item.hasGap ? ' ' : ''}${formatValue(item)}`;
}
