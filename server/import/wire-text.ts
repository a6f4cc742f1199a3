import { isBlankLine, type LineFragment } from './line-splitter.ts';

const carriageReturn = 0x0d;
const greaterThan = 0x3e;
const lineBreak = Buffer.from('\r\n');
const fromWord = Buffer.from('From ');

export interface WireTextOptions {
  /**
   * True for a message of an mbox: one ">" is taken from lines that begin with ">"s and "From ", and the
   * blank line that ends the message is left out.
   */
  readonly isMbox: boolean;
}

/** Turns the lines of a stored message into the octets of a mail message: line breaks become CRLF. */
export class WireText {
  readonly #isMbox: boolean;
  #pieces: Buffer[] = [];
  #endsInCarriageReturn = false;
  #isInHeader = true;
  #hasBlankLine = false;

  constructor(options: WireTextOptions) {
    this.#isMbox = options.isMbox;
  }

  append(fragment: LineFragment): void {
    const isBlank = isBlankLine(fragment);
    if (this.#hasBlankLine) this.#pieces.push(lineBreak);
    // The line that divides header and body is never the one that ends the message.
    this.#hasBlankLine = this.#isMbox && isBlank && !this.#isInHeader;
    if (isBlank) this.#isInHeader = false;
    if (!this.#hasBlankLine) this.#appendLine(fragment);
  }

  /** The octets so far that have not been taken. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }

  #appendLine({ bytes, isStart, isEnd }: LineFragment): void {
    const text = this.#isMbox && isStart ? unquoted(bytes) : bytes;
    if (!isEnd) {
      this.#pieces.push(text);
      this.#endsInCarriageReturn = text.at(-1) === carriageReturn;
      return;
    }
    const hasCarriageReturn =
      text.length > 1 ? text.at(-2) === carriageReturn : !isStart && this.#endsInCarriageReturn;
    if (hasCarriageReturn) this.#pieces.push(text);
    else this.#pieces.push(text.subarray(0, -1), lineBreak);
    this.#endsInCarriageReturn = false;
  }
}

/** Without the ">" that an mbox puts before a line that looks like the start of a message. */
function unquoted(line: Buffer): Buffer {
  if (line[0] !== greaterThan) return line;
  let at = 1;
  while (line[at] === greaterThan) at += 1;
  return line.subarray(at, at + fromWord.length).equals(fromWord) ? line.subarray(1) : line;
}
