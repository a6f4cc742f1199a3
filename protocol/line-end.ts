import { maxNumberDigits } from './limits.ts';

/** The size that a literal announces, and whether the client waits for a continuation request. */
export interface LiteralHeader {
  /** Octets; Infinity for a number that is too large to be one. */
  readonly sizeBytes: number;
  readonly isSynchronizing: boolean;
}

/** Octets at the end of a line in which an announcement is looked for; more digits are no size. */
export const maxAnnouncementBytes = 32;

const announcement = /\{(\d+)(\+?)\}\r?$/;

const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const backslash = 0x5c;

/**
 * The literal that the end of a line (without its LF, with or without CR) announces; undefined where it announces
 * none. `tail` is the line or at least its last {@link maxAnnouncementBytes} octets.
 *
 * @see RFC 3501, section 4.3; RFC 7888
 */
export function findAnnouncement(tail: Buffer): LiteralHeader | undefined {
  const start = Math.max(0, tail.length - maxAnnouncementBytes);
  const match = announcement.exec(tail.toString('latin1', start));
  if (!match) return undefined;
  return { sizeBytes: parseLiteralSize(match[1]!), isSynchronizing: match[2] === '' };
}

/** The size that digits say, at least one; Infinity where they say more than a safe integer. */
export function parseLiteralSize(digits: string): number {
  const significant = digits.replace(/^0+(?=\d)/, '');
  return significant.length < maxNumberDigits ? Number(significant) : Infinity;
}

/** True where the line ends inside a quoted string, so that what looks like an announcement is none. */
export function endsInQuotes(line: Uint8Array): boolean {
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === quote) isQuoted = !isQuoted;
    else if (isQuoted && line[at] === backslash) at++;
  }
  return isQuoted;
}

/** The line without the CR at its end. */
export function trimCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

/**
 * The octets of a command without the CR at their end and the spaces before it, but not shorter than `lineStart`, where
 * the last line begins: what stands before it is a literal's. Some clients write such spaces; they mean nothing.
 */
export function trimCommandEnd(octets: Buffer, lineStart: number): Buffer {
  let end = octets.length;
  if (end > lineStart && octets[end - 1] === carriageReturn) end--;
  while (end > lineStart && octets[end - 1] === space) end--;
  return octets.subarray(0, end);
}
