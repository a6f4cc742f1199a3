import { findClosingBracket, readValues, type WireValue, WireSyntaxError } from './wire-value.ts';

/** A response in its parts, received or expected. @see RFC 9051, section 7 */
export type ResponseShape =
  /** `+ text` */
  | { readonly type: 'continuation'; readonly text: string }
  /** `tag OK [code] text`, `* BYE text` and the like. */
  | {
      readonly type: 'status';
      readonly tag: string;
      readonly status: string;
      /** The values of the response code; undefined if there is none. */
      readonly code: readonly WireValue[] | undefined;
      readonly text: string;
    }
  /** `* 12 FETCH (…)` and all other data. */
  | { readonly type: 'data'; readonly values: readonly WireValue[] }
  /** It cannot be read. */
  | { readonly type: 'malformed'; readonly reason: string };

/** One response of a server: `text` is its line with a mark for each literal, one character a byte. */
export interface ResponseText {
  readonly text: string;
  readonly literals: readonly string[];
}

const untaggedStatus = /^\* (OK|NO|BAD|BYE|PREAUTH)(?: |$)/;

/** True if a line is one whose end is text for people, so that `{12}` there announces nothing. */
export function isStatusLine(line: string): boolean {
  return line.startsWith('+') || untaggedStatus.test(line) || !line.startsWith('* ');
}

/** Takes a response apart. What cannot be read is `malformed`. */
export function readShape({ text, literals }: ResponseText): ResponseShape {
  if (text === '+' || text.startsWith('+ ')) return { type: 'continuation', text: text.slice(2) };
  if (!isStatusLine(text)) return readData(text, literals);
  const [, tag, status, rest = ''] = /^(\S+) (\S+)(?: ([^]*))?$/.exec(text) ?? [];
  if (tag === undefined || status === undefined) {
    return { type: 'malformed', reason: 'it is no response of IMAP' };
  }
  const end = rest.startsWith('[') ? findClosingBracket(rest, 0) : -1;
  if (end < 0) return { type: 'status', tag, status, code: undefined, text: rest };
  const code = readCode(rest.slice(1, end));
  return { type: 'status', tag, status, code, text: rest.slice(end + 1).replace(/^ /, '') };
}

function readData(text: string, literals: readonly string[]): ResponseShape {
  try {
    return { type: 'data', values: readValues(text.slice(2), [...literals]) };
  } catch (error) {
    if (!(error instanceof WireSyntaxError)) throw error;
    return { type: 'malformed', reason: error.message };
  }
}

/** A code may be anything (RFC 9051, section 7.1): one that is no list of values is one atom. */
function readCode(code: string): readonly WireValue[] {
  try {
    return readValues(code, []);
  } catch (error) {
    if (!(error instanceof WireSyntaxError)) throw error;
    return [{ type: 'atom', text: code, hasGap: false }];
  }
}
