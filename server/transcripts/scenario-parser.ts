import {
  hasPlaceholder,
  type MarkedText,
  PlaceholderError,
  PlaceholderReader,
} from './placeholder.ts';
import { isStatusLine, readShape } from './response-shape.ts';
import { suppliedNames } from './supplied-values.ts';
import type { AnyOrderStep, ExpectedResponse, ExpectStep, Step } from './transcript.ts';
import { TranscriptSyntaxError } from './transcript-error.ts';
import type { LiteralLine, SideLine, TranscriptLine } from './transcript-lines.ts';
import { literalMark } from './wire-value.ts';

/** A literal of a client that was announced and is still to be sent. */
interface OpenLiteral {
  readonly line: number;
  /** Its size, if the transcript gives it. */
  readonly sizeBytes: number | undefined;
  /** What the `C|` lines say, for a size that is counted when it runs. */
  text: MarkedText | undefined;
}

const announcement = /\{(\d{1,10}|\*)(\+?)\}$/;

/** Reads the lines of one scenario behind its keys. */
export class ScenarioParser {
  readonly #lines: readonly TranscriptLine[];
  #at = 0;
  readonly #known = new Set<string>(suppliedNames);
  /** By connection. */
  readonly #open = new Map<number, OpenLiteral>();

  constructor(lines: readonly TranscriptLine[]) {
    this.#lines = lines;
  }

  /** @throws TranscriptSyntaxError */
  parse(): Step[] {
    const steps: Step[] = [];
    for (let line = this.#lines[this.#at]; line !== undefined; line = this.#lines[this.#at]) {
      this.#at += 1;
      steps.push(this.#readStep(line));
    }
    for (const { line, sizeBytes } of this.#open.values()) {
      if (sizeBytes === undefined) throw new TranscriptSyntaxError(line, 'No C| lines follow {*}');
    }
    checkOptional(steps);
    return steps;
  }

  #readStep(line: TranscriptLine): Step {
    switch (line.type) {
      case 'client':
        return this.#readClient(line);
      case 'client-literal':
        return this.#readClientLiteral(line);
      case 'server':
        if (line.text === '...') return { ...placeOf(line), type: 'anything' };
        return this.#readExpected(line);
      case 'any-order':
        return this.#readAnyOrder(line.line);
      case 'client-closes':
      case 'server-closes':
      case 'start-tls':
      case 'start-deflate':
        return { ...placeOf(line), type: line.type };
      case 'key':
        return this.#readAllow(line);
      case 'server-literal':
        throw new TranscriptSyntaxError(line.line, 'S| lines follow an S: line that ends in {*}');
      case 'message':
      case 'title':
        throw new TranscriptSyntaxError(line.line, 'A line with | follows "message:"');
      default:
        throw new TranscriptSyntaxError(line.line, '"end" without "in any order:"');
    }
  }

  #readClient(line: SideLine): Step {
    const open = this.#open.get(line.connection);
    if (open?.sizeBytes !== undefined) {
      this.#open.delete(line.connection);
      return this.#readCounted(line, open.sizeBytes);
    }
    if (open !== undefined && open.text === undefined) {
      throw new TranscriptSyntaxError(
        line.line,
        'The line before ended in {*}: C| lines must follow',
      );
    }
    this.#open.delete(line.connection);
    // Behind a literal a space at the beginning counts.
    return this.#sendStep(line, open === undefined ? line.text : line.rawText, '');
  }

  /** A line of a command, or what is behind a literal of it. */
  #sendStep(line: SideLine, source: string, literal: string): Step {
    const open = this.#announce(line, source);
    const reader = new PlaceholderReader(this.#known, open && (() => textOf(open)));
    const text = read(reader, source, line.line);
    return {
      ...placeOf(line),
      type: 'send',
      source: line.rawText,
      text: { text: `${literal}${text}\r\n`, placeholders: reader.placeholders },
    };
  }

  #announce({ connection, line }: SideLine, source: string): OpenLiteral | undefined {
    const size = announcement.exec(source)?.[1];
    if (size === undefined) return undefined;
    const sizeBytes = size === '*' ? undefined : Number(size);
    const open: OpenLiteral = { line, sizeBytes, text: undefined };
    this.#open.set(connection, open);
    return sizeBytes === undefined ? open : undefined;
  }

  /** The lines of a literal whose size the transcript gives, as RFCs do, and the rest of the last one. */
  #readCounted(first: SideLine, sizeBytes: number): Step {
    this.#at -= 1;
    const { literal, rest } = this.#takeCounted(first, sizeBytes);
    return this.#sendStep(first, rest, literal);
  }

  #readClientLiteral(first: LiteralLine): Step {
    const open = this.#open.get(first.connection);
    if (open === undefined || open.sizeBytes !== undefined) {
      throw new TranscriptSyntaxError(first.line, 'C| lines follow a C: line that ends in {*}');
    }
    this.#at -= 1;
    const reader = new PlaceholderReader(this.#known);
    open.text = { text: this.#takeLiteral(first, reader), placeholders: reader.placeholders };
    return { ...placeOf(first), type: 'send', source: first.rawText, text: open.text };
  }

  #readExpected(line: SideLine): ExpectStep {
    const open = this.#open.get(line.connection);
    // The server may refuse a literal before it is sent.
    if (open?.sizeBytes !== undefined && !line.text.startsWith('+')) {
      this.#open.delete(line.connection);
    }
    return {
      ...placeOf(line),
      type: 'expect',
      source: line.text,
      isOptional: line.isOptional,
      response: this.#readResponse(line),
    };
  }

  #readResponse(first: SideLine): ExpectedResponse {
    const reader = new PlaceholderReader(this.#known);
    const literals: string[] = [];
    let text = '';
    let rest = first.text;
    for (;;) {
      const size = announcement.exec(rest)?.[1];
      if (size === undefined || isStatusLine(text + rest)) break;
      text += read(reader, rest.replace(/~?\{[^{}]*\}$/, ''), first.line) + literalMark;
      if (size === '*') {
        literals.push(this.#takeLiteral(this.#expectLiteralLine(first), reader));
        rest = this.#takeRest(first);
      } else {
        const counted = this.#takeCounted(first, Number(size));
        literals.push(counted.literal);
        rest = counted.rest;
      }
    }
    text += read(reader, rest, first.line);
    for (const name of reader.captured) this.#known.add(name);
    const shape = readShape({ text, literals });
    if (shape.type === 'malformed')
      throw new TranscriptSyntaxError(
        first.line,
        `This response is ${shape.reason}${literals.length > 0 ? ' (is the size of its literal right? {*} counts S| lines)' : ''}`,
      );
    return { shape, placeholders: reader.placeholders, isJoined: first.isJoined };
  }

  #expectLiteralLine({ line, connection }: SideLine): LiteralLine {
    const next = this.#lines[this.#at];
    if (next?.type === 'server-literal' && next.connection === connection) return next;
    throw new TranscriptSyntaxError(line, 'No S| lines follow {*}');
  }

  /** What follows a literal: the next S: line. */
  #takeRest({ line, connection }: SideLine): string {
    const next = this.#lines[this.#at];
    if (next?.type !== 'server' || next.connection !== connection) {
      throw new TranscriptSyntaxError(line, 'An S: line with the rest must follow the literal');
    }
    this.#at += 1;
    return next.rawText;
  }

  /** The `C|` or `S|` lines from here on. */
  #takeLiteral(first: LiteralLine, reader: PlaceholderReader): string {
    let literal = '';
    for (let line = this.#lines[this.#at]; ; line = this.#lines[this.#at]) {
      if (line?.type !== first.type) return literal;
      if (line.connection !== first.connection) return literal;
      this.#at += 1;
      const { rawText } = line;
      const isCut = rawText.endsWith('{{cut}}');
      literal += read(reader, isCut ? rawText.slice(0, -7) : rawText, line.line);
      if (!isCut) literal += '\r\n';
    }
  }

  /** So many bytes of the `C:` or `S:` lines from here on, and what is behind them in the last line. */
  #takeCounted(first: SideLine, sizeBytes: number): { literal: string; rest: string } {
    let taken = '';
    for (let line = this.#lines[this.#at]; ; line = this.#lines[this.#at]) {
      if (line?.type !== first.type || line.connection !== first.connection) {
        throw new TranscriptSyntaxError(first.line, countedFault(taken.length, sizeBytes));
      }
      this.#at += 1;
      const reader = new PlaceholderReader(this.#known);
      const bytes = read(reader, line.rawText, line.line);
      const end = sizeBytes - taken.length;
      if (hasPlaceholder(bytes.slice(0, end))) {
        throw new TranscriptSyntaxError(
          line.line,
          'A literal with placeholders has the size {*}, and lines with | instead of :',
        );
      }
      if (end === bytes.length + 1) {
        throw new TranscriptSyntaxError(
          line.line,
          `A literal of ${sizeBytes} bytes ends between CR and LF here`,
        );
      }
      if (end <= bytes.length)
        return {
          literal: taken + bytes.slice(0, end),
          rest: cutBytes(line.rawText, end),
        };
      taken += `${bytes}\r\n`;
    }
  }

  #readAnyOrder(line: number): AnyOrderStep {
    const steps: ExpectStep[] = [];
    for (;;) {
      const next = this.#lines[this.#at];
      this.#at += 1;
      if (next?.type === 'end') break;
      if (next?.type !== 'server' || next.text === '...') {
        throw new TranscriptSyntaxError(
          next?.line ?? line,
          '"in any order:" has S: lines, and then "end"',
        );
      }
      steps.push(this.#readExpected(next));
    }
    const [first] = steps;
    if (first === undefined || steps.some(({ connection }) => connection !== first.connection)) {
      throw new TranscriptSyntaxError(line, '"in any order:" has lines, all of one connection');
    }
    return { type: 'any-order', line, connection: first.connection, revision: undefined, steps };
  }

  #readAllow({ line, key, text }: TranscriptLine & { readonly type: 'key' }): Step {
    if (key !== 'allow') {
      throw new TranscriptSyntaxError(line, `"${key}:" belongs before the first C: or S: line`);
    }
    const response = this.#readResponse({
      type: 'server',
      line,
      text,
      rawText: text,
      connection: 1,
      revision: undefined,
      isOptional: false,
      isJoined: false,
    });
    if (response.shape.type !== 'data' && !text.startsWith('* ')) {
      throw new TranscriptSyntaxError(line, 'Only untagged responses can be allowed');
    }
    return { type: 'allow', line, connection: 1, revision: undefined, response };
  }
}

function placeOf(line: TranscriptLine) {
  return {
    line: line.line,
    connection: 'connection' in line ? line.connection : 1,
    revision: 'revision' in line ? line.revision : undefined,
  };
}

function textOf({ text, line }: OpenLiteral): MarkedText {
  if (text === undefined) throw new TranscriptSyntaxError(line, 'No C| lines follow {*}');
  return text;
}

function read(reader: PlaceholderReader, source: string, line: number): string {
  try {
    return reader.read(source);
  } catch (error) {
    if (!(error instanceof PlaceholderError)) throw error;
    throw new TranscriptSyntaxError(line, error.message);
  }
}

function countedFault(bytes: number, sizeBytes: number): string {
  return bytes === sizeBytes
    ? 'The literal is whole, but not what it is in: one more line must follow, which may be empty'
    : `The lines of the literal have ${bytes} bytes, not ${sizeBytes}: correct it, or write {*} and mark them with | instead of :`;
}

/** The rest of Unicode text behind so many of its bytes. */
function cutBytes(text: string, sizeBytes: number): string {
  return Buffer.from(text, 'utf8').subarray(sizeBytes).toString('utf8');
}

/** What may come or not is only told apart by something that must come behind it. */
function checkOptional(steps: readonly Step[]): void {
  const waiting = new Map<number, Step>();
  for (const step of steps) {
    if (mayBeAbsent(step)) waiting.set(step.connection, step);
    else if (step.type === 'send') refuseOptional(waiting.get(step.connection));
    else if (step.type !== 'allow') waiting.delete(step.connection);
  }
  refuseOptional(waiting.values().next().value);
}

function refuseOptional(step: Step | undefined): void {
  if (step === undefined) return;
  throw new TranscriptSyntaxError(
    step.line,
    'A line that may come needs one that must come behind it',
  );
}

function mayBeAbsent(step: Step): boolean {
  if (step.type === 'any-order') return step.steps.some(({ isOptional }) => isOptional);
  return step.type === 'anything' || (step.type === 'expect' && step.isOptional);
}
