import { isUtf8 } from 'node:buffer';
import type { ResponseText } from './response-shape.ts';
import { literalMark } from './wire-value.ts';

/** Bytes as they stand in a line of a transcript: UTF-8 if they are, and no placeholder where there was none. */
export function writeBytes(bytes: string): string {
  const escaped = bytes
    .replaceAll('{{', '{{\\x7b\\x7b}}')
    .replaceAll(/[\x00-\x08\x0a-\x1f\x7f]/g, writeEscape);
  const buffer = Buffer.from(escaped, 'latin1');
  if (isUtf8(buffer)) return buffer.toString('utf8');
  return escaped.replaceAll(/[\x80-\xff]/g, writeEscape);
}

function writeEscape(character: string): string {
  return `{{\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}}}`;
}

/** A line of its own, whose last space no editor takes away. */
function writeLine(line: string): string {
  return writeBytes(line).replace(/[ \t]$/, writeEscape);
}

/** The lines of a literal, each behind `mark`; `rest` stands for what is not there. */
export function writeLiteral(mark: string, literal: string, rest = ''): string[] {
  const lines = literal.split('\r\n');
  const last = lines.pop() ?? '';
  const written = lines.map((line) => (line === '' ? mark : `${mark} ${writeLine(line)}`));
  if (last !== '' || rest !== '' || lines.length === 0) {
    written.push(`${mark} ${writeBytes(last)}${rest}{{cut}}`);
  }
  return written;
}

/**
 * A response as lines of a transcript.
 *
 * @param change - puts placeholders where another run has other values; it gets text that is written already
 * @param maxLiteralBytes - a larger literal becomes `{{string}}`
 */
export function writeResponse(
  mark: string,
  { text, literals }: ResponseText,
  {
    change,
    maxLiteralBytes,
  }: {
    readonly change: (text: string) => string;
    readonly maxLiteralBytes: number;
  },
): string[] {
  const pieces = text.split(literalMark);
  const lines: string[] = [];
  let line = '';
  for (const [index, piece] of pieces.entries()) {
    line += change(writeBytes(piece));
    const literal = literals[index];
    if (literal === undefined) break;
    if (literal.length > maxLiteralBytes) {
      line += '{{string}}';
      continue;
    }
    lines.push(`${mark}: ${line}{*}`, ...writeLiteral(`${mark}|`, literal));
    line = '';
  }
  return [...lines, line === '' ? `${mark}:` : `${mark}: ${line}`];
}
