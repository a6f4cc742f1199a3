import { isAscii } from 'node:buffer';
import { toBuffer } from '../../protocol/mime/charsets/charset-decoder.ts';
import type { TermTest } from './search-term.ts';

/** What may stand for other text in a header: encoded words, parameters (RFC 2231), ISO-2022-JP as it is. */
const encodings = ['=?', '*', '\x1b'];

/** Looks for something from a position on, and returns its place; infinite if there is none. */
type Finder = (position: number) => number;

/**
 * Many headers, one behind the other, in which nearly all fields can be seen not to have a term without being parsed: a
 * field in which no place is found does not have it.
 */
export class HeaderScan {
  /** The headers, one character a byte. */
  readonly text: string;
  readonly #finders: readonly Finder[];
  /** What each of these has found last. */
  readonly #places: number[];

  constructor(headers: Uint8Array, term: TermTest) {
    const text = toBuffer(headers).toString('latin1');
    this.text = text;
    this.#finders = [
      (position) => term.findInHeaders(text, position),
      ...encodings.map(
        (encoding): Finder =>
          (position) =>
            orInfinite(text.indexOf(encoding, position)),
      ),
      ...(isAscii(headers) ? [] : [finderOf(/[\x80-\xff]/g, text)]),
    ];
    this.#places = this.#finders.map(() => -1);
  }

  /** The first place from the position on; infinite if there is none. Quick if positions ascend. */
  next(position: number): number {
    const places = this.#places;
    let first = Infinity;
    for (let index = 0; index < places.length; index++) {
      if (places[index]! < position) places[index] = this.#finders[index]!(position);
      if (places[index]! < first) first = places[index]!;
    }
    return first;
  }
}

function finderOf(pattern: RegExp, text: string): Finder {
  return (position) => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.index ?? Infinity;
  };
}

function orInfinite(place: number): number {
  return place === -1 ? Infinity : place;
}
