import { isUtf8 as isUtf8Bytes } from 'node:buffer';
import type { BodySection } from './fetch-item.ts';
import { encodeModifiedUtf7 } from './mailbox-name.ts';
import type { SequenceRange } from './sequence-set.ts';

declare const isWireText: unique symbol;

/**
 * Text that can go onto the wire as it is, one character a byte (latin1): whole strings, literals, atoms and lists of
 * them. Only this module makes it, so that no caller can break a response.
 */
export type WireText = string & { readonly [isWireText]: true };

declare const isByteText: unique symbol;

/** Bytes as text, one character a byte, and any piece of such a text. */
export type ByteText = string & { readonly [isByteText]: true };

/** Bytes as text, of which many pieces are to be written: see `Encoder.literalText`. */
export function readByteText(bytes: Uint8Array): ByteText {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') as ByteText;
}

/** Text cannot be written as what it should be: a bug of the caller, never a fault of the client. */
export class EncoderError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'EncoderError';
  }
}

/** Bytes up to which a string is quoted; a longer one, which no line should hold, becomes a literal. */
const maxQuotedStringBytes = 1000;

const atomPattern = /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/;
const flagPattern = /^\\?[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/;
const quotablePattern = /^[\x20-\x7e]*$/;
const quotableUtf8Pattern = /^[\x20-\x7e\x80-\xff]*$/;

function wire(text: string): WireText {
  return text as WireText;
}

/** The UTF-8 bytes of Unicode text, one character a byte. */
function toByteText(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** An `atom`. Throws EncoderError for text that is none. */
export function encodeAtom(text: string): WireText {
  if (!atomPattern.test(text)) throw new EncoderError('Cannot write text as an atom');
  return wire(text);
}

/** A `number`. Throws EncoderError for what is not a whole number from 0. */
export function encodeNumber(number: number): WireText {
  if (!Number.isSafeInteger(number) || number < 0) throw new EncoderError('Cannot write a number');
  return wire(String(number));
}

/** A `sequence-set` without `*`. Throws EncoderError for no ranges, and for what is not a whole number. */
export function encodeRanges(ranges: readonly SequenceRange[]): WireText {
  if (ranges.length === 0) throw new EncoderError('Cannot write an empty set');
  const texts = ranges.map(({ first, last }) =>
    first === last ? encodeNumber(first) : `${encodeNumber(first)}:${encodeNumber(last)}`,
  );
  return wire(texts.join());
}

/**
 * A `string` of byte text: quoted if it can be, else a literal. NUL, which a string cannot hold, is left out. Throws
 * EncoderError for characters above 0xFF.
 *
 * @param isUtf8 - true for a client that takes UTF-8 between quotes
 * @see RFC 3501, section 4.3; RFC 9755, section 3
 */
export function encodeString(byteText: string, isUtf8 = false): WireText {
  const isShort = byteText.length <= maxQuotedStringBytes;
  if (isShort && (quotablePattern.test(byteText) || (isUtf8 && isQuotableUtf8(byteText)))) {
    return wire(`"${byteText.replace(/["\\]/g, '\\$&')}"`);
  }
  return encodeLiteral(byteText);
}

function isQuotableUtf8(byteText: string): boolean {
  return quotableUtf8Pattern.test(byteText) && isUtf8Bytes(Buffer.from(byteText, 'latin1'));
}

/** A `literal` of byte text, without NUL. Throws EncoderError for characters above 0xFF. */
export function encodeLiteral(byteText: string): WireText {
  if (/[^\x00-\xff]/.test(byteText)) throw new EncoderError('Cannot write a character above 0xFF');
  const content = byteText.replaceAll('\0', '');
  return wire(`{${content.length}}\r\n${content}`);
}

/** An `nstring`: `NIL` for undefined. */
export function encodeNString(byteText: string | undefined, isUtf8 = false): WireText {
  return byteText === undefined ? nil : encodeString(byteText, isUtf8);
}

/** `NIL`. */
export const nil = wire('NIL');

/** An `astring`: bare if it can be, else as {@link encodeString}. `NIL` is quoted, because some read it. */
export function encodeAString(byteText: string, isUtf8 = false): WireText {
  const isBare = /^[^\x00-\x20\x7f-\uffff(){%*"\\]+$/.test(byteText) && !/^nil$/i.test(byteText);
  return isBare ? wire(byteText) : encodeString(byteText, isUtf8);
}

/**
 * A Unicode mailbox name as `mailbox`: in modified UTF-7, or in UTF-8 for a client that has enabled it.
 *
 * @see RFC 3501, section 5.1.3; RFC 9755, section 3
 */
export function encodeMailbox(name: string, isUtf8 = false): WireText {
  if (!isUtf8) return encodeAString(encodeModifiedUtf7(name));
  return encodeAString(toByteText(name), true);
}

/** A `flag-list`; `\*` may stand in it (PERMANENTFLAGS). Throws EncoderError for text that is no flag. */
export function encodeFlagList(flags: Iterable<string>): WireText {
  const list = [...flags];
  for (const flag of list) {
    if (flag !== '\\*' && !flagPattern.test(flag)) throw new EncoderError('Cannot write a flag');
  }
  return wire(`(${list.join(' ')})`);
}

/** A list in parentheses, with spaces between its items. */
export function encodeList(items: readonly WireText[]): WireText {
  return wire(`(${items.join(' ')})`);
}

/**
 * A body section as a FETCH response names it: `BODY[1.HEADER.FIELDS (To)]<0>`.
 *
 * @param offsetBytes - where the bytes begin that follow; absent: the whole section
 * @see RFC 3501, section 9, `section`
 */
export function encodeBodySection({ part, text }: BodySection, offsetBytes?: number): WireText {
  const words: string[] = part.length > 0 ? [part.join('.')] : [];
  if (text.kind === 'header-fields' || text.kind === 'header-fields-not') {
    const name = text.kind === 'header-fields' ? 'HEADER.FIELDS' : 'HEADER.FIELDS.NOT';
    words.push(`${name} ${encodeList(text.fieldNames.map((field) => encodeAString(field)))}`);
  } else if (text.kind !== 'all') {
    words.push(text.kind.toUpperCase());
  }
  const origin = offsetBytes === undefined ? '' : `<${offsetBytes}>`;
  return wire(`BODY[${words.join('.')}]${origin}`);
}

/** The name of a part without its transfer encoding, or of its size, in a FETCH response. @see RFC 3516, section 7 */
export function encodeBinarySection(
  name: 'BINARY' | 'BINARY.SIZE',
  part: readonly number[],
  offsetBytes?: number,
): WireText {
  const origin = offsetBytes === undefined ? '' : `<${offsetBytes}>`;
  return wire(`${name}[${part.join('.')}]${origin}`);
}

/** Items without anything between them, as the parts of a body structure and the addresses of an envelope stand. */
export function joinWireText(items: readonly WireText[]): WireText {
  return wire(items.join(''));
}

/**
 * Wire text that was kept as plain text (the store keeps envelopes and body structures) as wire text again. Throws
 * EncoderError if it could break a response: a line end other than that of a literal's header, NUL, or a character
 * above 0xFF.
 */
export function readWireText(text: string): WireText {
  if (/[\x00\r\n\u0100-\uffff]|\{\d+\}$/.test(text)) checkLiterals(text);
  return wire(text);
}

function checkLiterals(text: string): void {
  const breaking = /[\x00\r\n\u0100-\uffff]/g;
  const header = /\{(\d{1,9})\}\r\n$/;
  let literalEnd = 0;
  for (;;) {
    const at = breaking.exec(text)?.index;
    if (at === undefined) break;
    // The header stands behind the literal before: what is in that may look like one.
    const size = header.exec(text.slice(Math.max(literalEnd, at - 11), at + 2))?.[1];
    if (size === undefined) throw new EncoderError('Cannot write text that breaks a response');
    const end = at + 2 + Number(size);
    if (end > text.length || /[\0\u0100-\uffff]/.test(text.slice(at + 2, end))) {
      throw new EncoderError('Cannot write a literal that is not whole');
    }
    breaking.lastIndex = end;
    literalEnd = end;
  }
  if (/\{\d+\}$/.test(text.slice(literalEnd))) {
    throw new EncoderError('Cannot write a literal that is not whole');
  }
}

/**
 * Text of a status response (`text`), whoever said it: control characters become spaces, characters above 127 "?"
 * (UTF-8 for a client that has enabled it). A "[" at the beginning, which would open a response code, and the "{" of what
 * clients that read line by line take for a literal become "(". "-" for an empty text.
 *
 * @see RFC 3501, section 9, `resp-text`
 */
export function encodeResponseText(text: string, isUtf8 = false): WireText {
  const plain = text
    .replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ')
    .replace(/^\[|\{(?=\d+\+?\}$)/g, '(');
  if (plain === '') return wire('-');
  return wire(isUtf8 ? toByteText(plain.toWellFormed()) : plain.replace(/[^\x00-\x7f]/gu, '?'));
}
