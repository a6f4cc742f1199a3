import { trimEnd } from './ascii-text.ts';
import { readContentFields, type ContentFields, type DefaultType } from './content-fields.ts';
import { hasTooManyAddresses, writeEnvelope } from './envelope.ts';
import { HeaderBuffer } from './header-buffer.ts';
import { parseHeader, type HeaderField } from './header-fields.ts';
import { mimeLimits } from './limits.ts';
import { isMessageType, type MimePart } from './mime-structure.ts';
import { findParameter } from './parameters.ts';

const structureExcess = `The headers of a message have at most ${mimeLimits.structureBytes} bytes together`;

/** Bytes of memory that a part, a parameter, and a language take beside their text (measured on Node 26, rounded up). */
const partOverheadBytes = 256;
const parameterOverheadBytes = 128;
const languageOverheadBytes = 32;

/** A position in the message: bytes and line feeds before it. */
export interface Mark {
  readonly offset: number;
  readonly lineCount: number;
}

/** A boundary delimiter of an open multipart. */
export interface Delimiter {
  /** Which of the open parts it divides, counted from the root. */
  readonly level: number;
  readonly isClose: boolean;
}

/** A part that has begun and not ended. */
interface OpenPart {
  readonly headerStart: number;
  readonly defaultType: DefaultType;
  /** True for the root and the message inside a message/rfc822 part, which have an envelope. */
  readonly isMessage: boolean;
  /** Undefined while the header goes on. */
  body?: Mark;
  content?: ContentFields;
  envelope?: string;
  /** The boundary that divides this part; undefined for what is no multipart. */
  boundary?: string;
  readonly children: MimePart[];
  message?: MimePart;
}

/** The parts of a message that are open at a position, and what is known of those that have ended. */
export class PartTree {
  /** From the root down. */
  readonly #open: OpenPart[] = [];
  /** Levels of the open multiparts that still have parts to come, by boundary. */
  readonly #levels = new Map<string, number[]>();
  readonly #header = new HeaderBuffer();
  #partCount = 0;
  #structureBytesLeft: number = mimeLimits.structureBytes;
  #excess: string | undefined;
  /** Bytes of memory of the parts, about, the header that is coming apart. */
  #partBytes = 0;

  constructor() {
    this.#openPart(0, 'text/plain', true);
  }

  /** True while the innermost part's header goes on. */
  get isInHeader(): boolean {
    return this.#innermost.body === undefined;
  }

  /** Bytes of memory that the parts take, about, and the header that is coming. */
  get heldBytes(): number {
    return this.#partBytes + this.#header.roomBytes;
  }

  /** False while no line can be a delimiter. */
  get hasBoundaries(): boolean {
    return this.#levels.size > 0;
  }

  /** Which bound the message is over, as a sentence; undefined while it is over none. */
  get excess(): string | undefined {
    if (this.#excess !== undefined) return this.#excess;
    if (this.#header.isTooLong) return `A header has at most ${mimeLimits.headerBytes} bytes`;
    return this.#header.isOver ? structureExcess : undefined;
  }

  get #innermost(): OpenPart {
    return this.#open[this.#open.length - 1]!;
  }

  /** Takes bytes `[start, end)` of the chunk as header of the innermost part. */
  appendHeader(chunk: Uint8Array, start: number, end: number): void {
    this.#header.append(chunk, start, end);
  }

  /** The innermost part's header has ended; its body begins at the mark. */
  endHeader(body: Mark): void {
    this.#readHeader(body);
    const part = this.#innermost;
    const content = part.content!;
    if (this.#open.length >= mimeLimits.depth) return;
    if (content.type === 'multipart') {
      this.#openBoundary(part, content);
    } else if (isOpenMessage(content) && this.#partCount < mimeLimits.partCount) {
      this.#openPart(body.offset, 'text/plain', true);
    }
  }

  /**
   * The delimiter that a line is, the innermost where it could be several.
   *
   * @param line without its line break
   */
  findDelimiter(line: string): Delimiter | undefined {
    if (!line.startsWith('--')) return undefined;
    const text = trimEnd(line).slice(2);
    const level = this.#levels.get(text)?.at(-1) ?? -1;
    const closeLevel = text.endsWith('--')
      ? (this.#levels.get(text.slice(0, -2))?.at(-1) ?? -1)
      : -1;
    if (level < 0 && closeLevel < 0) return undefined;
    return closeLevel > level ? { level: closeLevel, isClose: true } : { level, isClose: false };
  }

  /**
   * A delimiter line stands at `line`, `breakBytes` behind the last text before it; `next` is the line
   * after it. Ends the parts above the delimiter's multipart and begins the next one.
   */
  delimit(delimiter: Delimiter, line: Mark, breakBytes: number, next: Mark): void {
    const end = this.#endBefore(line, breakBytes);
    while (this.#open.length > delimiter.level + 1) this.#closePart(end);
    if (delimiter.isClose || this.#partCount >= mimeLimits.partCount) {
      this.#closeBoundary(this.#innermost);
      return;
    }
    const isDigest = this.#innermost.content?.subtype === 'digest';
    this.#openPart(next.offset, isDigest ? 'message/rfc822' : 'text/plain', false);
  }

  /** The message ends at the mark. */
  finish(end: Mark): MimePart {
    if (this.isInHeader) this.#readHeader(end);
    let root = this.#closePart(end);
    while (this.#open.length > 0) root = this.#closePart(end);
    return root;
  }

  /** Where the parts end that a delimiter line closes: before its line break, but not inside a header. */
  #endBefore(line: Mark, breakBytes: number): Mark {
    if (this.isInHeader) this.#readHeader(line);
    const body = this.#innermost.body!;
    return line.offset - breakBytes < body.offset
      ? body
      : { offset: line.offset - breakBytes, lineCount: line.lineCount - 1 };
  }

  #openPart(headerStart: number, defaultType: DefaultType, isMessage: boolean): void {
    this.#open.push({ headerStart, defaultType, isMessage, children: [] });
    this.#partCount++;
    this.#partBytes += partOverheadBytes;
    this.#header.clear(Math.min(mimeLimits.headerBytes, this.#structureBytesLeft));
  }

  #readHeader(body: Mark): void {
    const part = this.#innermost;
    const bytes = this.#header.take();
    this.#excess = this.excess;
    const fields = parseHeader(bytes);
    part.body = body;
    part.content = readContentFields(fields, part.defaultType);
    this.#structureBytesLeft -= bytes.length;
    if (part.isMessage) part.envelope = this.#writeEnvelope(fields);
    this.#partBytes += bytes.length + (part.envelope?.length ?? 0) + valueBytes(part.content);
  }

  /** Many short addresses make an envelope that is larger than their header, so it counts by itself. */
  #writeEnvelope(fields: readonly HeaderField[]): string {
    if (hasTooManyAddresses(fields)) {
      this.#excess ??= `An address field has at most ${mimeLimits.addressCount} addresses`;
    }
    const envelope = writeEnvelope(this.#structureBytesLeft > 0 ? fields : []);
    if (envelope.length > this.#structureBytesLeft) this.#excess ??= structureExcess;
    this.#structureBytesLeft = Math.max(0, this.#structureBytesLeft - envelope.length);
    return envelope;
  }

  #openBoundary(part: OpenPart, content: ContentFields): void {
    const parameter = findParameter(content.parameters, 'boundary');
    // A boundary cannot end in white space (RFC 2046), and a gateway may have cut it off the lines.
    const boundary = trimEnd(parameter ?? '');
    if (boundary === '') return;
    part.boundary = boundary;
    const levels = this.#levels.get(boundary);
    if (levels) levels.push(this.#open.length - 1);
    else this.#levels.set(boundary, [this.#open.length - 1]);
  }

  #closeBoundary(part: OpenPart): void {
    if (part.boundary === undefined) return;
    const levels = this.#levels.get(part.boundary)!;
    levels.pop();
    if (levels.length === 0) this.#levels.delete(part.boundary);
    delete part.boundary;
  }

  #closePart(end: Mark): MimePart {
    const part = this.#open.pop()!;
    this.#closeBoundary(part);
    const { headerStart, body, content, envelope, message, children } = part;
    const closed: MimePart = {
      headerStart,
      bodyStart: body!.offset,
      end: end.offset,
      lineCount: end.lineCount - body!.lineCount,
      ...content!,
      ...(envelope !== undefined && { envelope }),
      ...(message && { message }),
      ...(content!.type === 'multipart' && {
        children: children.length > 0 ? children : [wholeBody(body!, end)],
      }),
    };
    const parent = this.#open.at(-1);
    if (closed.envelope !== undefined && parent) parent.message = closed;
    else parent?.children.push(closed);
    return closed;
  }
}

/** Bytes of memory that the lists of a part take beside their text. */
function valueBytes({ parameters, disposition, languages }: ContentFields): number {
  const count = parameters.length + (disposition?.parameters.length ?? 0);
  return count * parameterOverheadBytes + (languages?.length ?? 0) * languageOverheadBytes;
}

/** An encoded message is not looked into; the encoding is forbidden (RFC 2046, section 5.2.1). */
function isOpenMessage(content: ContentFields): boolean {
  return isMessageType(content) && ['7bit', '8bit', 'binary'].includes(content.encoding);
}

/** The part that stands for the body of a multipart that has none. */
function wholeBody(body: Mark, end: Mark): MimePart {
  return {
    headerStart: body.offset,
    bodyStart: body.offset,
    end: end.offset,
    lineCount: end.lineCount - body.lineCount,
    ...readContentFields([], 'text/plain'),
  };
}
