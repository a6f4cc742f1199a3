import {
  hasPlaceholder,
  type Placeholder,
  placeholderAt,
  showPlaceholders,
} from './placeholder.ts';
import type { ResponseShape } from './response-shape.ts';
import type { ExpectedResponse } from './transcript.ts';
import { formatValue, type WireValue } from './wire-value.ts';

/** The first thing in which a response differs from the expected one. */
export interface Mismatch {
  /** As the transcript has it. */
  readonly expected: string;
  /** As it came; undefined if there is nothing in its place. */
  readonly received: string | undefined;
}

/**
 * How values are compared with those of a list:
 *
 * - `ordered`: one by one
 * - `set`: in whatever order, since it has no meaning (flags, capabilities)
 * - `pairs`: names with their values, in whatever order (FETCH, STATUS)
 * - `mailbox`: this value is a mailbox name, which may be an atom or a string
 */
type Comparison = 'ordered' | 'set' | 'pairs' | 'mailbox';

/** Lists of pairs in which the value of this name is a set. */
const flagNames = new Set(['FLAGS', 'PERMANENTFLAGS']);
const setResponses = new Set(['CAPABILITY', 'ENABLED', 'SEARCH']);

/** What was captured, by name. */
export type Captures = ReadonlyMap<string, string>;

/**
 * Compares a response with an expected one. Spelling counts, but not what IMAP leaves to the server: the order of flags,
 * capabilities, numbers found, and items of FETCH and STATUS; whether a string is quoted or a literal, and a mailbox name an
 * atom; and text for people, unless there is a placeholder in it.
 *
 * @returns what differs; or the captures with the new ones
 */
export function matchResponse(
  expected: ExpectedResponse,
  received: ResponseShape,
  captures: Captures,
): Mismatch | Captures {
  const matcher = new Matcher(expected, captures);
  const isMatch = matcher.matchShape(expected.shape, received);
  return isMatch ? matcher.captures : matcher.mismatch;
}

/** True if {@link matchResponse} found a difference. */
export function isMismatch(result: Mismatch | Captures): result is Mismatch {
  return !(result instanceof Map);
}

class Matcher {
  captures: Map<string, string>;
  #mismatch: Mismatch | undefined;
  readonly #placeholders: readonly Placeholder[];
  readonly #isJoined: boolean;

  constructor({ placeholders, isJoined }: ExpectedResponse, captures: Captures) {
    this.#placeholders = placeholders;
    this.#isJoined = isJoined;
    this.captures = new Map(captures);
  }

  get mismatch(): Mismatch {
    return this.#mismatch ?? { expected: 'another response', received: undefined };
  }

  matchShape(expected: ResponseShape, received: ResponseShape): boolean {
    if (received.type === 'malformed') {
      return this.#fail('a well-formed response', `a response that is ${received.reason}`);
    }
    if (expected.type === 'continuation' && received.type === 'continuation') {
      return this.#matchHumanText(expected.text, received.text);
    }
    if (expected.type === 'status' && received.type === 'status') {
      return this.#matchStatus(expected, received);
    }
    if (expected.type === 'data' && received.type === 'data') {
      return this.#matchData(expected.values, received.values);
    }
    return this.#fail(nameOf(expected), nameOf(received));
  }

  #matchStatus(
    expected: ResponseShape & { readonly type: 'status' },
    received: ResponseShape & { readonly type: 'status' },
  ): boolean {
    if (!this.#matchText(expected.tag, received.tag)) return false;
    if (!this.#matchText(expected.status, received.status)) return false;
    if (!this.#matchCode(expected.code, received.code)) return false;
    return this.#matchHumanText(expected.text, received.text);
  }

  #matchCode(
    expected: readonly WireValue[] | undefined,
    received: readonly WireValue[] | undefined,
  ): boolean {
    const isAny = expected?.length === 1 && this.#typeOf(expected[0]) === 'rest';
    if (isAny) return true;
    if (expected === undefined || received === undefined) {
      return expected === received || this.#fail(showCode(expected), showCode(received));
    }
    const name = textOf(received[0]);
    if (name === 'CAPABILITY') return this.#matchSet(expected, received);
    const isFlags = flagNames.has(name);
    return this.#matchOrdered(expected, received, (at) =>
      isFlags && at === 1 ? 'set' : 'ordered',
    );
  }

  #matchData(expected: readonly WireValue[], received: readonly WireValue[]): boolean {
    const name = textOf(received[0]);
    if (setResponses.has(name) && textOf(expected[0]) === name) {
      return this.#matchSet(expected.slice(1), received.slice(1));
    }
    if (name === 'ESEARCH') return this.#matchFound(expected, received);
    const comparisons = comparisonsOf(name, textOf(received[1]));
    return this.#matchOrdered(expected, received, (at) => comparisons[at] ?? 'ordered');
  }

  /** `* ESEARCH (TAG "a") UID COUNT 3 ALL 1:3`: the results come in whatever order. @see RFC 4731, section 3.1 */
  #matchFound(expected: readonly WireValue[], received: readonly WireValue[]): boolean {
    const from = expected.findIndex((value, index) => index > 0 && isFoundName(value));
    const end = from < 0 ? expected.length : from;
    return (
      this.#matchOrdered(expected.slice(0, end), received.slice(0, end), () => 'ordered') &&
      this.#matchPairs(expected.slice(end), received.slice(end))
    );
  }

  #matchOrdered(
    expected: readonly WireValue[],
    received: readonly WireValue[],
    comparisonAt: (index: number) => Comparison,
  ): boolean {
    for (const [index, value] of expected.entries()) {
      if (this.#typeOf(value) === 'rest') return true;
      const other = received[index];
      if (other === undefined) return this.#fail(this.#show(value), undefined);
      const isSpaced = this.#isJoined || value.hasGap === other.hasGap;
      if (!isSpaced) {
        return this.#fail(
          showGap(value.hasGap) + this.#show(value),
          showGap(other.hasGap) + this.#show(other),
        );
      }
      if (!this.#matchValue(value, other, comparisonAt(index))) return false;
    }
    const extra = received[expected.length];
    return extra === undefined || this.#fail('nothing more', formatValue(extra));
  }

  /** Each expected value takes one of the received ones; what has placeholders takes what the others leave. */
  #matchSet(expected: readonly WireValue[], received: readonly WireValue[]): boolean {
    const left = [...received];
    const isOpen = expected.some((value) => this.#typeOf(value) === 'rest');
    const open: WireValue[] = [];
    for (const value of expected) {
      if (this.#typeOf(value) === 'rest') continue;
      if (hasPlaceholder(formatValue(value))) {
        open.push(value);
        continue;
      }
      const index = left.findIndex((other) => this.#try(() => this.#matchValue(value, other)));
      if (index < 0) return this.#failSet(value, left);
      left.splice(index, 1);
    }
    return this.#matchOpen(open, left, isOpen);
  }

  /** Gives each expected value one of those that are left, and tries others if it does not come out. */
  #matchOpen(expected: readonly WireValue[], left: readonly WireValue[], isOpen: boolean): boolean {
    const [value, ...others] = expected;
    if (value === undefined) {
      const [extra] = left;
      return extra === undefined || isOpen || this.#fail('nothing more', formatValue(extra));
    }
    const isMatch = left.some((candidate, index) =>
      this.#try(
        () =>
          this.#matchValue(value, candidate) &&
          this.#matchOpen(others, left.toSpliced(index, 1), isOpen),
      ),
    );
    return isMatch || this.#failSet(value, left);
  }

  #failSet(value: WireValue, left: readonly WireValue[]): boolean {
    return this.#fail(this.#show(value), left.map(formatValue).join(' ') || undefined);
  }

  #matchPairs(expected: readonly WireValue[], received: readonly WireValue[]): boolean {
    const left = pairsOf(received);
    const isOpen = expected.some((value) => this.#typeOf(value) === 'rest');
    for (const [name, value] of pairsOf(expected.filter((v) => this.#typeOf(v) !== 'rest'))) {
      const index = left.findIndex(([other]) => this.#try(() => this.#matchValue(name, other)));
      const pair = left[index];
      if (pair === undefined) return this.#fail(this.#show(name), undefined);
      left.splice(index, 1);
      const [otherName, other] = pair;
      if (value === undefined || other === undefined) {
        if (value !== other)
          return this.#fail(this.#show(value ?? name), formatValue(other ?? otherName));
        continue;
      }
      const comparison = flagNames.has(textOf(otherName)) ? 'set' : 'ordered';
      if (!this.#matchValue(value, other, comparison)) return false;
    }
    const extra = left[0]?.[0];
    return extra === undefined || isOpen || this.#fail('nothing more', formatValue(extra));
  }

  #matchValue(
    expected: WireValue,
    received: WireValue,
    comparison: Comparison = 'ordered',
  ): boolean {
    const whole = this.#wholePlaceholder(expected);
    if (whole !== undefined) return this.#matchWhole(whole, expected, received);
    if (expected.type === 'list' && received.type === 'list') {
      if (comparison === 'set') return this.#matchSet(expected.values, received.values);
      if (comparison === 'pairs') return this.#matchPairs(expected.values, received.values);
      return this.#matchOrdered(expected.values, received.values, () => 'ordered');
    }
    const isSame = expected.type === received.type || comparison === 'mailbox';
    if (expected.type === 'list' || received.type === 'list' || !isSame) {
      return this.#fail(this.#show(expected), formatValue(received));
    }
    return this.#matchText(expected.text, received.text, [
      this.#show(expected),
      formatValue(received),
    ]);
  }

  #matchWhole(placeholder: Placeholder, expected: WireValue, received: WireValue): boolean {
    const fail = () => this.#fail(this.#show(expected), formatValue(received));
    if (placeholder.type !== 'match') {
      return received.type === 'list' ? fail() : this.#matchText(textOf(expected), received.text);
    }
    const { kind, name } = placeholder;
    if (kind === 'number' || kind === 'atom' || kind === 'text') {
      return received.type === 'atom' ? this.#matchText(textOf(expected), received.text) : fail();
    }
    const isNil = received.type === 'atom' && received.text === 'NIL';
    const isString = received.type === 'string' || (kind === 'nstring' && isNil);
    if ((kind === 'string' || kind === 'nstring') && !isString) return fail();
    if (kind === 'list' && received.type !== 'list') return fail();
    if (name !== undefined) {
      this.captures.set(name, received.type === 'string' ? received.text : formatValue(received));
    }
    return true;
  }

  #matchHumanText(expected: string, received: string): boolean {
    return !hasPlaceholder(expected) || this.#matchText(expected, received);
  }

  #matchText(expected: string, received: string, shown?: readonly [string, string]): boolean {
    const fail = () => this.#fail(shown?.[0] ?? this.#show(expected), shown?.[1] ?? received);
    if (!hasPlaceholder(expected)) return expected === received || fail();
    const names: string[] = [];
    const found = new RegExp(`^${this.#compile(expected, names)}$`).exec(received);
    if (found === null) return fail();
    for (const [index, name] of names.entries())
      this.captures.set(name, found.groups?.[`_${index}`] ?? '');
    return true;
  }

  /** A regular expression for text with marks; each capture is a group `_0`, `_1` … of the names. */
  #compile(text: string, names: string[]): string {
    return text
      .split('')
      .map((character) => {
        const placeholder = placeholderAt(character, this.#placeholders);
        if (placeholder === undefined) return escapeRegex(character);
        const source = sourceOf(placeholder, this.captures);
        if (!('name' in placeholder) || placeholder.type === 'use') return source;
        if (placeholder.name === undefined) return `(?:${source})`;
        names.push(placeholder.name);
        return `(?<_${names.length - 1}>${source})`;
      })
      .join('');
  }

  #wholePlaceholder(value: WireValue): Placeholder | undefined {
    if (value.type !== 'atom' || value.text.length !== 1) return undefined;
    return placeholderAt(value.text, this.#placeholders);
  }

  #typeOf(value: WireValue | undefined): Placeholder['type'] | undefined {
    return value === undefined ? undefined : this.#wholePlaceholder(value)?.type;
  }

  /** Takes back what a failed attempt has captured. */
  #try(attempt: () => boolean): boolean {
    const before = new Map(this.captures);
    const mismatch = this.#mismatch;
    if (attempt()) return true;
    this.captures = before;
    this.#mismatch = mismatch;
    return false;
  }

  #fail(expected: string, received: string | undefined): false {
    this.#mismatch = { expected, received };
    return false;
  }

  #show(value: WireValue | string): string {
    const text = typeof value === 'string' ? value : formatValue(value);
    return showPlaceholders(text, this.#placeholders);
  }
}

function comparisonsOf(name: string, second: string): readonly Comparison[] {
  if (name === 'FLAGS') return ['ordered', 'set'];
  if (name === 'LIST' || name === 'LSUB') return ['ordered', 'set', 'ordered', 'mailbox'];
  if (name === 'STATUS') return ['ordered', 'mailbox', 'pairs'];
  return second === 'FETCH' || second === 'UIDFETCH' ? ['ordered', 'ordered', 'pairs'] : [];
}

function isFoundName(value: WireValue): boolean {
  return value.type === 'atom' && value.text !== 'UID';
}

function textOf(value: WireValue | undefined): string {
  return value === undefined || value.type === 'list' ? '' : value.text;
}

function pairsOf(values: readonly WireValue[]): (readonly [WireValue, WireValue | undefined])[] {
  const pairs: (readonly [WireValue, WireValue | undefined])[] = [];
  for (let index = 0; index < values.length; index += 2) {
    const name = values[index];
    if (name !== undefined) pairs.push([name, values[index + 1]]);
  }
  return pairs;
}

function sourceOf(placeholder: Placeholder, captures: Captures): string {
  switch (placeholder.type) {
    case 'match':
      if (placeholder.kind === 'number') return '\\d+';
      return placeholder.kind === 'atom' ? '[^ ()"\\x00-\\x1f]+' : '[^]*';
    case 'regex':
      return placeholder.source;
    case 'use':
      return escapeRegex(captures.get(placeholder.name) ?? '');
    case 'bytes':
      return `[^]{${placeholder.count}}`;
    default:
      return placeholder.type === 'rest' ? '[^]*' : '';
  }
}

function nameOf(shape: ResponseShape): string {
  if (shape.type === 'continuation') return 'a continuation request (+)';
  if (shape.type === 'data')
    return `untagged data (* ${shape.values.slice(0, 2).map(formatValue).join(' ')})`;
  return shape.type === 'status'
    ? `a status response (${shape.tag} ${shape.status})`
    : 'a response';
}

function showCode(code: readonly WireValue[] | undefined): string {
  return code === undefined ? 'no response code' : `[${code.map(formatValue).join(' ')}]`;
}

function escapeRegex(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

function showGap(hasGap: boolean): string {
  return hasGap ? 'a space before ' : 'no space before ';
}
