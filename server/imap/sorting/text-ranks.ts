import type { Turn } from '../../../store/turns.ts';
import { orderPlaces } from './stable-order.ts';

/** What a text takes beside its characters, in bytes, about: the string, its place in the map and in the arrays. */
const textBytes = 100;

/**
 * Texts by number, and how they rank: byte by byte of their UTF-8, which is the order of i;unicode-casemap for texts that are
 * folded (RFC 5051). Most mail shares its texts with other mail, and its order is asked for again and again.
 */
export class TextRanks {
  readonly #numbers = new Map([['', 0]]);
  readonly #texts = [''];
  #order = new Uint32Array();
  #ranks = new Float64Array();
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The number of a text; 0 is the empty one. */
  add(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#texts.push(text) - 1;
    this.#numbers.set(text, number);
    this.#sizeBytes += textBytes + text.length;
    return number;
  }

  /** How the texts of two numbers compare; undefined if there is no such number. */
  compare(number: number, other: number): number | undefined {
    const [text, otherText] = [this.#texts[number], this.#texts[other]];
    if (text === undefined || otherText === undefined) return undefined;
    return compareTexts(text, otherText);
  }

  /** Ranks by number of the texts that there are; the caller does not write to them. */
  async rank(turn: Turn): Promise<Float64Array> {
    const texts = this.#texts;
    const known = this.#ranks.length;
    if (known === texts.length) return this.#ranks;
    // Those that are in order already are one run, with which the new ones are merged.
    const order = new Uint32Array(texts.length);
    order.set(this.#order);
    for (let number = known; number < order.length; number++) order[number] = number;
    const compare = (one: number, other: number) => compareTexts(texts[one]!, texts[other]!);
    await orderPlaces(order, compare, turn);
    const ranks = new Float64Array(order.length);
    for (const [rank, number] of order.entries()) ranks[number] = rank;
    [this.#order, this.#ranks] = [order, ranks];
    return ranks;
  }
}

/**
 * Compares texts as their UTF-8 bytes compare. JavaScript's own order differs where surrogates meet characters from U+E000 on.
 */
export function compareTexts(text: string, other: string): number {
  if (text === other) return 0;
  const isBefore = text < other;
  const length = Math.min(text.length, other.length);
  for (let index = 0; index < length; index++) {
    const [unit, otherUnit] = [text.charCodeAt(index), other.charCodeAt(index)];
    if (unit === otherUnit) continue;
    if (unit < firstSurrogate || otherUnit < firstSurrogate) break;
    return rankOfUnit(unit) - rankOfUnit(otherUnit);
  }
  return isBefore ? -1 : 1;
}

const firstSurrogate = 0xd800;
const firstBehindSurrogates = 0xe000;

/** Of a unit from the surrogates on: they stand for characters behind all others. */
function rankOfUnit(unit: number): number {
  return unit >= firstBehindSurrogates ? unit - 0x800 : unit + 0x2000;
}
