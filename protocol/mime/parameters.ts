import { toLowerCase, trim, trimEnd } from './ascii-text.ts';
import { decodeCharset } from './charsets/charset.ts';
import type { MimeParameters } from './mime-structure.ts';

/**
 * The parameters behind the first semicolon, in order: names in lower case, values without their quotes. Continuations are
 * joined under their name at the place of the first one, as a server must (RFC 2231, section 6); what is percent-encoded
 * stays so, with its charset and language, under a name that ends in `*`, because a response has no other place for
 * them. Continuations that are not numbered 0, 1, 2 … without a gap stay as they came.
 *
 * A value that should have been quoted and is not runs to the next semicolon; something without `=` is passed over. Takes
 * linear time and never throws.
 *
 * @see RFC 2231; RFC 2045, section 5.1
 */
export function readParameters(text: string): MimeParameters {
  return joinContinuations(readRawParameters(text));
}

/**
 * The text of a parameter with its charset taken off; undefined if there is none of the name (in lower case). One that is
 * percent-encoded counts before a plain one of the same name, which is for older clients.
 */
export function decodeParameter(parameters: MimeParameters, name: string): string | undefined {
  const encoded = parameters.find((parameter) => parameter[0] === `${name}*`);
  if (!encoded) {
    const plain = parameters.find((parameter) => parameter[0] === name)?.[1];
    return plain === undefined ? undefined : decodeCharset(Buffer.from(plain, 'latin1'), '');
  }
  const { charset, value } = splitEncoded(encoded[1]);
  return decodeCharset(Buffer.from(decodePercent(value), 'latin1'), charset);
}

/** The bytes of a parameter as wire text, for what is compared and not shown. @see decodeParameter */
export function findParameter(parameters: MimeParameters, name: string): string | undefined {
  const encoded = parameters.find((parameter) => parameter[0] === `${name}*`);
  if (encoded) return decodePercent(splitEncoded(encoded[1]).value);
  return parameters.find((parameter) => parameter[0] === name)?.[1];
}

/** `charset'language'value`; a value that lacks the quotes is all value. */
function splitEncoded(text: string): { charset: string; value: string } {
  const charsetEnd = text.indexOf("'");
  const languageEnd = charsetEnd === -1 ? -1 : text.indexOf("'", charsetEnd + 1);
  if (languageEnd === -1) return { charset: '', value: text };
  return { charset: text.slice(0, charsetEnd), value: text.slice(languageEnd + 1) };
}

function decodePercent(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** RFC 2231, section 7: bytes that are not `attribute-char` are percent-encoded. */
function encodePercent(text: string): string {
  return text.replace(
    /[^!#$&+\-.0-9A-Z^_`a-z{|}~]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** One piece of a parameter that is continued. */
interface Piece {
  readonly index: number;
  readonly number: number;
  readonly isEncoded: boolean;
}

/** `name*3` or `name*3*`. */
const pieceName = /^(.+)\*(0|[1-9]\d{0,5})(\*?)$/;

function joinContinuations(parameters: MimeParameters): MimeParameters {
  if (!parameters.some(([name]) => name.includes('*'))) return parameters;
  const piecesByName = new Map<string, Piece[]>();
  for (const [index, [name]] of parameters.entries()) {
    const match = pieceName.exec(name);
    if (!match) continue;
    const piece = { index, number: Number(match[2]), isEncoded: match[3] === '*' };
    const pieces = piecesByName.get(match[1]!);
    if (pieces) pieces.push(piece);
    else piecesByName.set(match[1]!, [piece]);
  }
  const joined: (MimeParameters[number] | undefined)[] = [...parameters];
  for (const [name, pieces] of piecesByName) {
    const inOrder = pieces.toSorted((a, b) => a.number - b.number);
    if (!inOrder.every(({ number }, index) => number === index)) continue;
    for (const { index } of pieces) joined[index] = undefined;
    joined[pieces[0]!.index] = joinPieces(name, inOrder, parameters);
  }
  return joined.filter((parameter) => parameter !== undefined);
}

/** If one piece is percent-encoded, all of them become so: a client decodes the whole. */
function joinPieces(
  name: string,
  pieces: readonly Piece[],
  parameters: MimeParameters,
): MimeParameters[number] {
  const valueOf = ({ index }: Piece): string => parameters[index]![1];
  if (!pieces.some(({ isEncoded }) => isEncoded)) return [name, pieces.map(valueOf).join('')];
  const value = pieces
    .map((piece) => (piece.isEncoded ? valueOf(piece) : encodePercent(valueOf(piece))))
    .join('');
  return [`${name}*`, pieces[0]!.isEncoded ? value : `''${value}`];
}

function readRawParameters(text: string): MimeParameters {
  const parameters: [string, string][] = [];
  let position = text.indexOf(';');
  while (position !== -1 && position < text.length) {
    const equals = text.indexOf('=', position + 1);
    if (equals === -1) break;
    // `a; b; c=d`: the name is what stands behind the last semicolon before the equals sign.
    const nameStart = text.lastIndexOf(';', equals) + 1;
    const name = toLowerCase(trim(text.slice(nameStart, equals)));
    const { value, end } = readParameterValue(text, equals + 1);
    if (name !== '') parameters.push([name, value]);
    position = text.indexOf(';', end);
  }
  return parameters;
}

function readParameterValue(text: string, start: number): { value: string; end: number } {
  let position = start;
  while (text[position] === ' ' || text[position] === '\t') position++;
  if (text[position] === '"') return readQuoted(text, position + 1);
  const semicolon = text.indexOf(';', position);
  const end = semicolon === -1 ? text.length : semicolon;
  return { value: dropTrailingComment(trim(text.slice(position, end))), end };
}

function readQuoted(text: string, start: number): { value: string; end: number } {
  let value = '';
  let position = start;
  while (position < text.length && text[position] !== '"') {
    if (text[position] === '\\' && position + 1 < text.length) position++;
    value += text[position];
    position++;
  }
  return { value, end: Math.min(position + 1, text.length) };
}

/** `us-ascii (plain text)` without its comment; `report (1).pdf` is a name that lacks its quotes. */
function dropTrailingComment(value: string): string {
  if (!value.endsWith(')')) return value;
  const open = value.indexOf('(');
  return open === -1 ? value : trimEnd(value.slice(0, open));
}
