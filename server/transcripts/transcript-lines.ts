import type { Revision } from './transcript.ts';
import { TranscriptSyntaxError } from './transcript-error.ts';

/** One line of a transcript, as its beginning says what it is. Lines are counted from 1. */
export type TranscriptLine =
  | SideLine
  | LiteralLine
  /** `== title` */
  | { readonly type: 'title'; readonly line: number; readonly text: string }
  /** `key: value` */
  | { readonly type: 'key'; readonly line: number; readonly key: string; readonly text: string }
  /** `| text`: of a message that a key declares. */
  | { readonly type: 'message'; readonly line: number; readonly text: string }
  /** `in any order:`, `end`, `C closes`, `S closes`, `C starts TLS`, `C starts DEFLATE` */
  | {
      readonly type:
        'any-order' | 'end' | 'client-closes' | 'server-closes' | 'start-tls' | 'start-deflate';
      readonly line: number;
      readonly connection: number;
    };

/** `C:` or `S:` with what follows, less the spaces that RFCs put there. */
export interface SideLine extends MarkedLine {
  readonly type: 'client' | 'server';
}

/** `C|` or `S|`: a line of a literal. */
export interface LiteralLine extends MarkedLine {
  readonly type: 'client-literal' | 'server-literal';
}

interface MarkedLine {
  readonly line: number;
  readonly connection: number;
  readonly revision: Revision | undefined;
  readonly isOptional: boolean;
  /** What follows the mark and one space; with the lines that continue it. */
  readonly text: string;
  /** The text as it was written, with all of its spaces but the first. */
  readonly rawText: string;
  /** True if it was continued on further lines. */
  readonly isJoined: boolean;
}

const marked = /^\s*([CS])(\d{0,3})(?: (rev[12]))?(\?)?([:|])(?: (.*)|)$/;
const word = /^\s*(?:(in any order:)|(end)|([CS])(\d{0,3}) (closes|starts TLS|starts DEFLATE))\s*$/;

/**
 * Cuts a transcript into lines, without comments and empty ones.
 *
 * @throws TranscriptSyntaxError for a line that is nothing
 */
export function cutLines(text: string): TranscriptLine[] {
  const lines: TranscriptLine[] = [];
  for (const [index, source] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    if (/^\s*(?:#.*)?$/.test(source)) continue;
    const before = lines.at(-1);
    const read = readLine(source, line);
    if (read !== undefined) {
      lines.push(read);
    } else if (/^\s/.test(source) && (before?.type === 'client' || before?.type === 'server')) {
      // RFCs break lines that are too long for them.
      const joined = `${before.text.trimEnd()} ${source.trim()}`;
      lines[lines.length - 1] = { ...before, text: joined, rawText: joined, isJoined: true };
    } else {
      throw new TranscriptSyntaxError(
        line,
        `Cannot read "${source.trim().slice(0, 60)}": a line begins with C:, S:, C|, S|, |, == or a key, or is a comment (#)`,
      );
    }
  }
  return lines;
}

function readLine(source: string, line: number): TranscriptLine | undefined {
  const [, side, number = '', revision, question, sign, rest = ''] = marked.exec(source) ?? [];
  if (side !== undefined) {
    const marks = {
      line,
      connection: connectionOf(number, line),
      revision: revision as Revision | undefined,
      isOptional: question !== undefined,
      text: rest.trimStart(),
      rawText: rest,
      isJoined: false,
    };
    if (sign === '|') return { ...marks, type: side === 'C' ? 'client-literal' : 'server-literal' };
    return { ...marks, type: side === 'C' ? 'client' : 'server' };
  }
  const title = /^==\s*(.*?)\s*(?:==)?\s*$/.exec(source)?.[1];
  if (title !== undefined) return { type: 'title', line, text: title };
  const message = /^\| ?(.*)$/.exec(source)?.[1];
  if (message !== undefined) return { type: 'message', line, text: message };
  const [, key, value = ''] = /^([a-z]+):\s*(.*?)\s*$/.exec(source) ?? [];
  if (key !== undefined) return { type: 'key', line, key, text: value };
  return readWord(source, line);
}

function readWord(source: string, line: number): TranscriptLine | undefined {
  const [, anyOrder, end, side, number = '', verb] = word.exec(source) ?? [];
  if (anyOrder !== undefined) return { type: 'any-order', line, connection: 1 };
  if (end !== undefined) return { type: 'end', line, connection: 1 };
  if (side === undefined) return undefined;
  const connection = connectionOf(number, line);
  if (verb === 'closes') {
    return { type: side === 'C' ? 'client-closes' : 'server-closes', line, connection };
  }
  const type = verb === 'starts TLS' ? 'start-tls' : 'start-deflate';
  return side === 'C' ? { type, line, connection } : undefined;
}

function connectionOf(number: string, line: number): number {
  if (number === '') return 1;
  if (Number(number) < 1) throw new TranscriptSyntaxError(line, 'Connections are counted from 1');
  return Number(number);
}
