import { isUtf8 } from 'node:buffer';
import { isTurnedOff, takesUtf8, type Capability, type EnabledExtension } from './capability.ts';
import {
  maxMailboxNameBytes,
  maxNumber,
  maxNumberDigits,
  maxQuotedBytes,
  maxSequenceRanges,
  maxTagBytes,
} from './limits.ts';
import { CommandError, MissingLiteralError, quoteReceived } from './command-error.ts';
import { decodeMailboxPattern, decodeName, normalizeMailboxName } from './mailbox-name.ts';
import {
  astringByte,
  atomByte,
  digitByte,
  isByteOf,
  listByte,
  nameByte,
  quotedByte,
  sequenceByte,
  tagByte,
} from './byte-class.ts';
import { parseSequenceSet, type MessageSet, type SequenceSet } from './sequence-set.ts';

export { CommandError, MissingLiteralError, quoteReceived } from './command-error.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const backslash = 0x5c;

/** A mailbox, as a client names it. */
export interface SentMailbox {
  /** In NFC, `INBOX` in capitals. */
  readonly mailboxName: string;
  /** The name as it was sent; absent if it is the same. @see RFC 9051, section 6.3.9.7 (OLDNAME) */
  readonly oldName?: string;
}

/** The size that a literal announces, and whether the client waits for a continuation request. */
export interface LiteralHeader {
  /** Bytes; Infinity for a number that is too large to be one. */
  readonly sizeBytes: number;
  readonly isSynchronizing: boolean;
}

const nothingOff: ReadonlySet<Capability> = new Set();
const nothingEnabled: ReadonlySet<EnabledExtension> = new Set();

/**
 * Reads one command from the bytes of its lines and literals, as they came but without the last line end.
 * Methods are named after the rules of RFC 3501, section 9; `expectX` throws a {@link CommandError} if rule X
 * does not match, the others consume nothing and answer undefined or false.
 *
 * All text that it gives is copied, so that nothing keeps the command's bytes alive.
 */
export class Decoder {
  readonly #bytes: Buffer;
  #at = 0;
  #isSecret = false;
  readonly #off: ReadonlySet<Capability>;
  readonly #enabled: ReadonlySet<EnabledExtension>;

  /**
   * @param off - the capabilities that are turned off: what they bring is unknown then
   * @param enabled - what the client has turned on
   */
  constructor(
    bytes: Uint8Array,
    off: ReadonlySet<Capability> = nothingOff,
    enabled: ReadonlySet<EnabledExtension> = nothingEnabled,
  ) {
    this.#off = off;
    this.#enabled = enabled;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where the next byte is; what {@link expected} takes to point at the beginning of a word. */
  get position(): number {
    return this.#at;
  }

  /** From here on no error text repeats what was received (LOGIN, AUTHENTICATE). */
  hideReceived(): void {
    this.#isSecret = true;
  }

  /** An error saying what the grammar wants and what came instead, from `position` on. */
  expected(what: string, position = this.#at): CommandError {
    if (this.#isSecret) return new CommandError(`Expected ${what}`);
    return new CommandError(`Expected ${what}, got ${this.#describe(position)}`);
  }

  #describe(position: number): string {
    if (position >= this.#bytes.length) return 'end of command';
    let end = position + 1;
    const last = Math.min(this.#bytes.length, position + maxQuotedBytes + 1);
    while (end < last && this.#bytes[end]! > space) end++;
    return quoteReceived(this.#bytes.toString('latin1', position, end));
  }

  /** True if a capability is turned off, so that its arguments are unknown. */
  isOff(capability: Capability): boolean {
    return isTurnedOff(capability, this.#off);
  }

  /** True if the client has turned an extension on. */
  isEnabled(extension: EnabledExtension): boolean {
    return this.#enabled.has(extension);
  }

  /** True if the client writes mailbox names and quoted strings in UTF-8. */
  get #isUtf8(): boolean {
    return takesUtf8(this.#enabled);
  }

  isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  expectEnd(): void {
    if (!this.isAtEnd()) throw this.expected('end of command');
  }

  /** True if the next byte is this character, which stays. */
  isNext(character: string): boolean {
    return this.#bytes[this.#at] === character.charCodeAt(0);
  }

  /** Takes the character if it is next. */
  accept(character: string): boolean {
    if (!this.isNext(character)) return false;
    this.#at++;
    return true;
  }

  expect(character: string): void {
    if (!this.accept(character)) throw this.expected(JSON.stringify(character));
  }

  expectSpace(): void {
    if (!this.accept(' ')) throw this.expected('space');
  }

  /** A run of bytes of one class, as wire text; empty if there is none. */
  #run(byteClass: number): string {
    const start = this.#at;
    while (isByteOf(this.#bytes[this.#at], byteClass)) this.#at++;
    return this.#bytes.toString('latin1', start, this.#at);
  }

  #expectRun(byteClass: number, what: string): string {
    const text = this.#run(byteClass);
    if (text === '') throw this.expected(what);
    return text;
  }

  expectTag(): string {
    const tag = this.#expectRun(tagByte, 'tag');
    if (tag.length > maxTagBytes) {
      throw new CommandError(`Tag is longer than ${maxTagBytes} bytes`);
    }
    return tag;
  }

  expectAtom(what = 'atom'): string {
    return this.#expectRun(atomByte, what);
  }

  /** Takes the word (in capitals) if it is next, in whatever case, as an atom of its own. */
  acceptWord(word: string): boolean {
    const end = this.#at + word.length;
    if (isByteOf(this.#bytes[end], atomByte)) return false;
    if (this.#bytes.toString('latin1', this.#at, end).toUpperCase() !== word) return false;
    this.#at = end;
    return true;
  }

  /** The name of a FETCH item, a section or the like, in capitals; it ends before "[". */
  expectName(what: string): string {
    return this.#expectRun(nameByte, what).toUpperCase();
  }

  isDigitNext(): boolean {
    return isByteOf(this.#bytes[this.#at], digitByte);
  }

  /** An integer from `least` to `most`. Leading zeros are read over, as most servers do. */
  expectNumber(what: string, least = 0, most = maxNumber): number {
    const start = this.#at;
    const digits = this.#run(digitByte).replace(/^0+(?=\d)/, '');
    const number = digits.length <= maxNumberDigits ? Number(digits) : Infinity;
    if (digits === '' || number < least) throw this.expected(what, start);
    if (number > most) throw this.expected(`${what} up to ${most}`, start);
    return number;
  }

  /** Takes `string`, quoted or literal; its bytes, perhaps as a view. */
  #string(): Buffer | undefined {
    if (this.isNext('"')) return this.#expectQuoted();
    return this.isNext('{') ? this.#expectLiteral() : undefined;
  }

  #expectQuoted(): Buffer {
    const open = this.#at++;
    const start = this.#at;
    let escapeCount = 0;
    for (; this.#bytes[this.#at] !== quote; this.#at++) {
      if (this.#bytes[this.#at] === backslash) {
        const escaped = this.#bytes[++this.#at];
        if (escaped !== quote && escaped !== backslash) {
          throw this.expected('quote or backslash behind a backslash');
        }
        escapeCount++;
      } else if (!isByteOf(this.#bytes[this.#at], quotedByte)) {
        throw this.isAtEnd()
          ? this.expected('quoted string', open)
          : this.expected('text in quoted string');
      }
    }
    const content = this.#bytes.subarray(start, this.#at++);
    // RFC 9755, section 3
    if (this.#isUtf8 && !isUtf8(content)) throw this.expected('quoted string in UTF-8', open);
    return escapeCount === 0 ? content : unescape(content, escapeCount);
  }

  #expectLiteral(canHaveNul = false): Buffer {
    const { sizeBytes } = this.expectLiteralHeader();
    if (sizeBytes > this.#bytes.length - this.#at) throw new MissingLiteralError();
    const content = this.#bytes.subarray(this.#at, this.#at + sizeBytes);
    if (!canHaveNul && content.includes(0)) throw this.expected('literal without NUL');
    this.#at += sizeBytes;
    return content;
  }

  /** `{size}` or `{size+}` and its line end; what the literal holds comes next. @see RFC 7888 */
  expectLiteralHeader(): LiteralHeader {
    const start = this.#at;
    if (!this.accept('{')) throw this.expected('literal', start);
    const digits = this.#run(digitByte);
    const isSynchronizing = !this.accept('+');
    if (digits === '' || !this.accept('}')) throw this.expected('literal', start);
    if (this.#bytes[this.#at] === carriageReturn) this.#at++;
    if (this.#bytes[this.#at] !== lineFeed) throw this.expected('literal', start);
    this.#at++;
    return { sizeBytes: parseLiteralSize(digits), isSynchronizing };
  }

  /** As {@link expectLiteralHeader}, or `~{size}` for a `literal8`, which may hold NUL. @see RFC 3516, section 4.4 */
  expectLiteral8Header(): LiteralHeader & { readonly isBinary: boolean } {
    const isBinary = this.accept('~');
    return { ...this.expectLiteralHeader(), isBinary };
  }

  /** The bytes of an `astring`. They may be a view on the command: whoever keeps them copies them. */
  expectAStringBytes(what = 'string'): Uint8Array {
    const string = this.#string();
    if (string) return string;
    const start = this.#at;
    this.#expectRun(astringByte, what);
    return this.#bytes.subarray(start, this.#at);
  }

  /** An `astring` as wire text, one character an byte. */
  expectAString(what = 'string'): string {
    return toLatin1(this.expectAStringBytes(what));
  }

  /** An `astring` that holds text: UTF-8, or ISO 8859-1 if it is no UTF-8, as old clients send. */
  expectText(what: string): string {
    return decodeText(this.expectAStringBytes(what));
  }

  /** A `string` as wire text. */
  expectString(what: string): string {
    const string = this.#string();
    if (!string) throw this.expected(what);
    return toLatin1(string);
  }

  /** The bytes of an `nstring`, or of a `literal8`, which may have NUL in it, copied; undefined for `NIL`. */
  expectNBytes(what: string): Uint8Array | undefined {
    if (this.accept('~')) return new Uint8Array(this.#expectLiteral(true));
    const string = this.#string();
    if (string) return new Uint8Array(string);
    const start = this.#at;
    if (this.#run(atomByte).toUpperCase() !== 'NIL') throw this.expected(what, start);
    return undefined;
  }

  /** An `nstring` that holds text; undefined for `NIL`. */
  expectNText(what: string): string | undefined {
    const string = this.#string();
    if (string) return decodeText(string);
    const start = this.#at;
    if (this.#run(atomByte).toUpperCase() !== 'NIL') throw this.expected(what, start);
    return undefined;
  }

  /** A `mailbox` in Unicode. A name that no mailbox can have is answered with NO, as one that does not exist. */
  expectMailbox(): string {
    return this.expectMailboxAsSent().mailboxName;
  }

  /** As {@link expectMailbox}, and how the client wrote the name if it did so in another way. */
  expectMailboxAsSent(): SentMailbox {
    const wireName = this.expectAString('mailbox name');
    checkMailboxNameSize(wireName);
    const name = decodeName(wireName, this.#isUtf8);
    if (name === undefined) {
      const encoding = this.#isUtf8 ? 'UTF-8' : 'modified UTF-7';
      const text = `Mailbox name ${quoteReceived(wireName)} is not ${encoding}`;
      throw new CommandError(text, { isNo: true, code: 'CANNOT' });
    }
    const mailboxName = normalizeMailboxName(name);
    return name === mailboxName ? { mailboxName } : { mailboxName, oldName: name };
  }

  /** A `list-mailbox` (or the reference before it) in Unicode, with its wildcards. */
  expectListMailbox(): string {
    const string = this.#string();
    const wirePattern = string ? toLatin1(string) : this.#expectRun(listByte, 'mailbox pattern');
    checkMailboxNameSize(wirePattern);
    return decodeMailboxPattern(wirePattern, this.#isUtf8);
  }

  isSequenceSetNext(): boolean {
    return this.isDigitNext() || this.isNext('*');
  }

  /** Takes `$`, the messages of the last search that was saved. @see RFC 5182 */
  acceptSavedResult(): boolean {
    return !this.isOff('SEARCHRES') && this.accept('$');
  }

  /** A `sequence-set`, or `$`. */
  expectMessageSet(): MessageSet {
    return this.acceptSavedResult() ? '$' : this.expectSequenceSet();
  }

  expectSequenceSet(): SequenceSet {
    const start = this.#at;
    const text = this.#run(sequenceByte);
    if (text.split(',', maxSequenceRanges + 1).length > maxSequenceRanges) {
      throw new CommandError(`Sequence set has more than ${maxSequenceRanges} ranges`);
    }
    const set = parseSequenceSet(text);
    if (!set) throw this.expected('sequence set', start);
    return set;
  }

  /**
   * A list in parentheses; `expectMember` reads one member. Spaces may be doubled and may stand beside the
   * parentheses: Outlook 98 asks for `BODY[HEADER.FIELDS (SUBJECT )]`, and Exchange 5.5 crashed (Q195171).
   *
   * @returns how many members there were
   */
  expectList(what: string, maxCount: number, expectMember: () => void): number {
    if (!this.accept('(')) throw this.expected(`list of ${what}`);
    let count = 0;
    let hasSpace = true;
    for (;;) {
      while (this.accept(' ')) hasSpace = true;
      if (this.accept(')')) return count;
      if (!hasSpace) throw this.expected('space or ")"');
      if (++count > maxCount) throw new CommandError(`More than ${maxCount} ${what}`);
      expectMember();
      hasSpace = false;
    }
  }
}

function unescape(content: Buffer, escapeCount: number): Buffer {
  const plain = Buffer.allocUnsafeSlow(content.length - escapeCount);
  let length = 0;
  for (let at = 0; at < content.length; at++) {
    if (content[at] === backslash) at++;
    plain[length++] = content[at]!;
  }
  return plain;
}

function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function decodeText(bytes: Uint8Array): string {
  return isUtf8(bytes)
    ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    : toLatin1(bytes);
}

function checkMailboxNameSize(wireName: string): void {
  if (wireName.length > maxMailboxNameBytes) {
    const text = `Mailbox name is longer than ${maxMailboxNameBytes} bytes`;
    throw new CommandError(text, { isNo: true, code: 'CANNOT' });
  }
}

/** The size that digits say, at least one; Infinity if they say more than a safe integer. */
export function parseLiteralSize(digits: string): number {
  const significant = digits.replace(/^0+(?=\d)/, '');
  return significant.length < maxNumberDigits ? Number(significant) : Infinity;
}
