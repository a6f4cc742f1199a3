import { trim } from './ascii-text.ts';

/** A token of an address list; quoting and comment parentheses are taken off. */
export interface AddressToken {
  /** `special` is one of `<>@,;:`; a domain literal is an atom with its brackets. */
  readonly kind: 'atom' | 'quoted' | 'comment' | 'special';
  readonly text: string;
  readonly hasSpaceBefore: boolean;
}

// White space is spelled out: \s would take the byte 0xA0, which is half of a letter in UTF-8.
/** An encoded word may hold specials against the rules (RFC 2047, section 5), so it is tried first. */
const encodedWord = /=\?[^ \t\r\n?]{1,80}\?[bq]\?[^ \t\r\n?]{0,500}\?=/iy;
const whiteSpace = /[ \t\r\n]+/y;
const literal = /\[[^[\]\\]{0,500}\]/y;
/** Up to an encoded word. A backslash takes the next byte with it, so that it can hide a quote. */
const atom = /(?:[^ \t\r\n()<>@,;:"[\\]|\\[^])(?:[^ \t\r\n()<>@,;:"[\\=]|\\[^]|=(?!\?))*/y;
const quoted = /"((?:[^"\\]|\\[^])*)"/y;

/**
 * Divides an address list into tokens. A quote that is never closed is dropped, a comment that is never
 * closed runs to the end. Takes linear time.
 *
 * @see RFC 5322, section 3.2
 */
export function* tokenizeAddresses(text: string): Generator<AddressToken> {
  let position = 0;
  let hasSpaceBefore = false;
  while (position < text.length) {
    const space = matchAt(whiteSpace, text, position);
    if (space) {
      position += space[0].length;
      hasSpaceBefore = true;
      continue;
    }
    const character = text[position]!;
    const quote = character === '"' ? matchAt(quoted, text, position) : undefined;
    if (character === '"' && !quote) {
      // Nothing behind it is an unescaped quote, so this long look for one is the only one in vain.
      position++;
      continue;
    }
    let token: { kind: AddressToken['kind']; text: string; length: number };
    if (quote) token = { kind: 'quoted', text: unescape(quote[1]!), length: quote[0].length };
    else if (character === '(') token = readComment(text, position);
    else token = readPlainToken(text, position, character);
    yield { kind: token.kind, text: token.text, hasSpaceBefore };
    position += token.length;
    hasSpaceBefore = false;
  }
}

function readPlainToken(
  text: string,
  position: number,
  character: string,
): { kind: AddressToken['kind']; text: string; length: number } {
  if ('<>@,;:'.includes(character)) return { kind: 'special', text: character, length: 1 };
  const match =
    matchAt(encodedWord, text, position) ??
    matchAt(literal, text, position) ??
    matchAt(atom, text, position);
  const word = match?.[0] ?? character;
  return { kind: 'atom', text: word, length: word.length };
}

/** A comment with those inside it. */
function readComment(
  text: string,
  start: number,
): { kind: 'comment'; text: string; length: number } {
  let depth = 0;
  let end = start;
  do {
    if (text[end] === '\\') end++;
    else if (text[end] === '(') depth++;
    else if (text[end] === ')') depth--;
    end++;
  } while (depth > 0 && end < text.length);
  const inner = text.slice(start + 1, depth > 0 ? text.length : end - 1);
  return { kind: 'comment', text: trim(unescape(inner)), length: end - start };
}

function unescape(text: string): string {
  return text.replace(/\\([^])/g, '$1');
}

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | undefined {
  pattern.lastIndex = position;
  return pattern.exec(text) ?? undefined;
}
