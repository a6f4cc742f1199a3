import * as limits from '../../protocol/limits.ts';
import type { SeededRandom } from '../fixtures/seeded-random.ts';

/** Longer inputs are cut: more than any bound on what is gathered, and some. */
const maxInputBytes = 400_000;
/** Of what one mutation repeats, in most cases and in a few: around the bounds of commands. */
const [fewBytes, manyBytes] = [2_000, 150_000];

const tokenPattern = /\r\n|~?\{\d+\+?\}|"(?:\\.|[^"\\\r\n])*"|\d+|[A-Za-z][A-Za-z0-9.$-]*|[\s\S]/g;

/** Numbers at which some grammar ends. */
const numbers = [
  '0',
  '1',
  '00',
  '-1',
  '63',
  '4294967295',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551616',
  '99999999999999999999999999999999999999999999',
  '*',
];

/** Pieces that mean something, or break something. */
const oddPieces = [
  '(',
  ')',
  '"',
  '\\',
  '[',
  ']',
  '<',
  '>',
  '{',
  '}',
  '~',
  '*',
  '%',
  '$',
  ':',
  ',',
  '+',
  '-',
  '=',
  '&',
  '&-',
  '&AA',
  '&2AA-', // prettier-ignore
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '  ',
  '\x7f',
  '\x80',
  '\xc3',
  '\xc3\xa9',
  '\xed\xa0\x80',
  '\xff',
  '""',
  '{0}\r\n',
  '{3+}\r\nabc',
  '~{3+}\r\na\0b', // prettier-ignore
  '{1}',
  '{4096+}\r\n',
  '{4097+}\r\n',
  '{65537}\r\n',
  '{99999999999999999999+}\r\n',
  'NIL',
  'INBOX',
  '__proto__',
  'constructor',
  'UID ',
  '1:*',
  '*:1', // prettier-ignore
  'NOT ',
  'OR ',
  '()',
  '(()',
  '\r\na1 NOOP\r\n',
  ' 1-Jan-2026 00:00:00 +0000',
  '31-Feb-0000',
  '=?utf-8?q?=',
  'imap://a@b/c;UID=1', // prettier-ignore
];

/** Every bound of the parser that an input of a sensible size reaches, in whatever unit it is. */
const bounds = Object.values(limits)
  .filter((value) => typeof value === 'number')
  .filter((value) => value > 1 && value < manyBytes);

type Mutation = (tokens: string[], at: number) => void;

/** Spoils what clients say in ways that a parser may trip over: a seed repeats each of them exactly. */
export class Mutator {
  readonly #sessions: readonly (readonly string[])[];
  readonly #commandNames: readonly string[];
  readonly #random: SeededRandom;

  /**
   * @param sessions - what clients say
   * @param commandNames - in capitals; each is put into the place of others, so that no command needs traffic of its own
   */
  constructor(
    sessions: readonly (readonly string[])[],
    commandNames: readonly string[],
    random: SeededRandom,
  ) {
    this.#sessions = sessions;
    this.#commandNames = commandNames;
    this.#random = random;
  }

  /** Some commands of a client that follow each other, spoilt. */
  session(): string {
    const random = this.#random;
    const session = random.pick(this.#sessions);
    const first = random.below(session.length);
    return this.#mutate(session.slice(first, first + 1 + random.below(6)).join(''));
  }

  /** One command without its tag and its last line end, spoilt. */
  command(): string {
    const random = this.#random;
    let text = random.pick(random.pick(this.#sessions)).replace(/^\S+ /, '').trimEnd();
    if (random.chance(0.3)) {
      const uid = random.chance(0.3) ? 'UID ' : '';
      text = text.replace(/^(UID )?\S+/i, () => uid + random.pick(this.#commandNames));
    }
    return this.#mutate(text);
  }

  #mutate(text: string): string {
    const tokens: string[] = text.match(tokenPattern) ?? [];
    const count = this.#random.below(6);
    for (let done = 0; done < count; done++) {
      if (tokens.length === 0) tokens.push(' ');
      this.#random.pick(this.#mutations)(tokens, this.#random.below(tokens.length));
    }
    return tokens.join('').slice(0, maxInputBytes);
  }

  readonly #mutations: readonly Mutation[] = [
    (tokens, at) => tokens.splice(at, 1 + this.#random.below(4)),
    (tokens, at) => tokens.splice(at, 0, ...this.#splice()),
    (tokens, at) => tokens.splice(at, this.#random.below(3), ...this.#splice()),
    (tokens, at) => tokens.splice(at, this.#random.below(2), this.#random.pick(oddPieces)),
    (tokens, at) => this.#repeat(tokens, at),
    (tokens, at) => this.#replaceNumber(tokens, at),
    (tokens, at) => this.#nest(tokens, at),
    (tokens) => this.#emptyList(tokens),
    (tokens, at) => this.#asLiteral(tokens, at),
    (tokens, at) => this.#stretch(tokens, at),
    (tokens, at) => this.#flip(tokens, at),
    (tokens, at) => tokens.splice(at, 1, this.#random.pick(this.#commandNames)),
    (tokens, at) => {
      const text = tokens[at]!;
      tokens[at] = text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase();
    },
  ];

  /** Some tokens of another command. */
  #splice(): string[] {
    const random = this.#random;
    const tokens = random.pick(random.pick(this.#sessions)).match(tokenPattern) ?? [];
    const first = random.below(tokens.length);
    return tokens.slice(first, first + 1 + random.below(8));
  }

  #repeat(tokens: string[], at: number): void {
    const run = tokens.slice(at, at + 1 + this.#random.below(4)).join('');
    tokens.splice(at, 0, run.repeat(Math.ceil(this.#size() / Math.max(1, run.length))));
  }

  /** Bytes or levels to come to: few in most cases. */
  #size(): number {
    const random = this.#random;
    if (random.chance(0.1)) return this.#largeSize();
    return random.below(random.chance(0.9) ? 100 : fewBytes);
  }

  /** Around a bound of the parser, or somewhere beyond most of them. */
  #largeSize(): number {
    const random = this.#random;
    return random.chance(0.5) ? random.pick(bounds) + random.below(3) - 1 : random.below(manyBytes);
  }

  #replaceNumber(tokens: string[], at: number): void {
    const places = tokens.flatMap((token, index) => (/\d/.test(token) ? [index] : []));
    const place = places.length === 0 ? at : this.#random.pick(places);
    tokens[place] = tokens[place]!.replace(/\d+|^\D*$/, () => this.#number());
  }

  #number(): string {
    const random = this.#random;
    if (random.chance(0.6)) return random.pick(numbers);
    return String(random.pick(bounds) + random.below(3) - 1);
  }

  #nest(tokens: string[], at: number): void {
    const random = this.#random;
    const depth = random.chance(0.95) ? 1 + random.below(4) : this.#largeSize();
    const open = random.pick(['(', '(', 'NOT ', 'OR ALL ', '"', '[']);
    const close = open === '(' ? ')' : '';
    const end = at + 1 + random.below(6);
    tokens.splice(end, 0, close.repeat(random.chance(0.8) ? depth : random.below(depth + 1)));
    tokens.splice(at, 0, open.repeat(depth));
  }

  #emptyList(tokens: string[]): void {
    const places = tokens.flatMap((token, index) => (token === '(' ? [index] : []));
    if (places.length === 0) return;
    const open = this.#random.pick(places);
    const close = tokens.indexOf(')', open);
    if (close > 0) tokens.splice(open + 1, close - open - 1);
  }

  #asLiteral(tokens: string[], at: number): void {
    const random = this.#random;
    const content = tokens[at]!.replace(/^"|"$/g, '');
    const wrong = random.chance(0.3) ? random.below(5) - 2 : 0;
    const size = random.chance(0.1) ? this.#number() : String(content.length + wrong);
    const head = `${random.chance(0.2) ? '~' : ''}{${size}${random.chance(0.7) ? '+' : ''}}`;
    tokens[at] = `${head}${random.chance(0.9) ? '\r\n' : '\n'}${content}`;
  }

  /** Makes a word as long as some bound. */
  #stretch(tokens: string[], at: number): void {
    const token = tokens[at]!;
    const filler = this.#random.pick(['x', '1', 'é', '\\"', '&', '%', '1,', '(', '\xff']);
    const size = Math.max(0, Math.ceil(this.#size() / filler.length));
    tokens[at] = token.slice(0, 1) + filler.repeat(size) + token.slice(1);
  }

  #flip(tokens: string[], at: number): void {
    const bytes = Buffer.from(tokens[at]!, 'latin1');
    if (bytes.length === 0) return;
    const place = this.#random.below(bytes.length);
    bytes[place] = this.#random.chance(0.5)
      ? this.#random.below(256)
      : bytes[place]! ^ (1 << this.#random.below(8));
    tokens[at] = bytes.toString('latin1');
  }
}
