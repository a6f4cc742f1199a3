import { isUtf8 } from 'node:buffer';

/** Divides the levels of a mailbox name. @see RFC 3501, section 5.1.1 */
export const hierarchySeparator = '/';

const shifted = /&([^-&]*)(-?)/g;
const unprintable = /[^\x20-\x7e]+/g;

/**
 * A Unicode mailbox name in modified UTF-7, all of it printable ASCII.
 *
 * @see RFC 3501, section 5.1.3
 */
export function encodeModifiedUtf7(name: string): string {
  return name.replaceAll('&', '&-').replace(unprintable, (run) => `&${encodeModifiedBase64(run)}-`);
}

function encodeModifiedBase64(text: string): string {
  const base64 = Buffer.from(text, 'utf16le').swap16().toString('base64');
  return base64.replace(/=+$/, '').replaceAll('/', ',');
}

/**
 * The Unicode of a name in modified UTF-7. Undefined if it is not: a shift that does not end, a lone
 * surrogate, bytes that are not printable ASCII, or an encoding other than the one that
 * {@link encodeModifiedUtf7} gives, because a name must not have two spellings.
 *
 * @see RFC 3501, section 5.1.3
 */
export function decodeModifiedUtf7(text: string): string | undefined {
  const decoded = text.replace(shifted, (_, base64: string) =>
    base64 === '' ? '&' : decodeModifiedBase64(base64),
  );
  return decoded.isWellFormed() && encodeModifiedUtf7(decoded) === text ? decoded : undefined;
}

function decodeModifiedBase64(base64: string): string {
  const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64');
  return bytes
    .subarray(0, bytes.length & ~1)
    .swap16()
    .toString('utf16le');
}

/**
 * A mailbox name as a client sent it (one character an byte) in Unicode, NFC, `INBOX` in capitals.
 * Bytes above 127 are no modified UTF-7: such a name is taken as UTF-8, as sloppy clients mean it, and `&` is
 * then nothing special. Undefined if the name is neither.
 *
 * @param isUtf8 - true for a client that has turned UTF-8 on: names are in UTF-8 always. @see RFC 9755, section 3
 */
export function decodeMailboxName(wireName: string, isUtf8 = false): string | undefined {
  const name = decodeName(wireName, isUtf8);
  return name === undefined ? undefined : normalizeMailboxName(name);
}

/**
 * A LIST reference or pattern in Unicode, NFC. As {@link decodeMailboxName}, but text that is neither modified
 * UTF-7 nor UTF-8 stays as it is: it is no error, only the pattern of no mailbox.
 */
export function decodeMailboxPattern(wirePattern: string, isUtf8 = false): string {
  return (decodeName(wirePattern, isUtf8) ?? wirePattern).normalize('NFC');
}

/** A name as a client sent it in Unicode, otherwise as it was sent; undefined if it is neither, see {@link decodeMailboxName}. */
export function decodeName(wireText: string, isUtf8: boolean): string | undefined {
  return isUtf8 || !isAscii(wireText) ? decodeUtf8(wireText) : decodeModifiedUtf7(wireText);
}

/**
 * NFC, and the first level in capitals if it is `INBOX`, whatever its case.
 *
 * @see RFC 3501, section 5.1
 */
export function normalizeMailboxName(name: string): string {
  return name.normalize('NFC').replace(/^inbox(?=\/|$)/i, 'INBOX');
}

/**
 * True if a mailbox name matches a LIST pattern (reference and pattern already joined): `*` stands for
 * anything, `%` for anything within a level. `INBOX` as first level matches in any case.
 *
 * The time is at most the product of both lengths.
 *
 * @see RFC 3501, section 6.3.8
 */
export function matchesMailboxPattern(name: string, pattern: string): boolean {
  const normalized = normalizeMailboxName(pattern);
  if (matchesWildcards(name, normalized)) return true;
  return name === 'INBOX' && matchesWildcards(name, normalized.toUpperCase());
}

/** True if a name matches a pattern. */
function matchesWildcards(name: string, pattern: string): boolean {
  const hasBoth = pattern.includes('*') && pattern.includes('%');
  return hasBoth ? matchesBoth(name, pattern) : matchesGreedily(name, pattern);
}

/** Goes once along the pattern with all places of the name that what has been read of it may end at. */
function matchesBoth(name: string, pattern: string): boolean {
  let ends = new Uint8Array(name.length + 1);
  ends[0] = 1;
  for (const wanted of pattern.split('')) {
    const next = new Uint8Array(name.length + 1);
    const isWildcard = wanted === '*' || wanted === '%';
    for (let at = 0; at <= name.length; at++) {
      if (isWildcard) {
        const isTaken = at > 0 && next[at - 1] === 1 && (wanted === '*' || canSkip(name, at - 1));
        if (isTaken || ends[at] === 1) next[at] = 1;
      } else if (ends[at] === 1 && name[at] === wanted) next[at + 1] = 1;
    }
    ends = next;
  }
  return ends[name.length] === 1;
}

/**
 * For patterns with wildcards of one kind: with both, the time would be more than the product of the lengths.
 *
 * Greedy, with one place to go back to for each kind of wildcard. The text after a `%` is tried at its first
 * place: if that text has a separator it fits in one place only, and if not, a later place reaches no further. So
 * only the last `%`, and then the last `*`, need another try.
 */
function matchesGreedily(name: string, pattern: string): boolean {
  let at = 0;
  let patternAt = 0;
  let star = { patternAt: -1, at: 0 };
  let percent = { patternAt: -1, at: 0 };
  for (;;) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      star = { patternAt: ++patternAt, at };
      percent = { patternAt: -1, at: 0 };
    } else if (wanted === '%') {
      percent = { patternAt: ++patternAt, at };
    } else if (wanted !== undefined && wanted === name[at]) {
      patternAt++;
      at++;
    } else if (wanted === undefined && at === name.length) {
      return true;
    } else if (percent.patternAt >= 0 && canSkip(name, percent.at)) {
      at = ++percent.at;
      patternAt = percent.patternAt;
    } else if (star.patternAt >= 0 && star.at < name.length) {
      at = ++star.at;
      patternAt = star.patternAt;
      percent = { patternAt: -1, at: 0 };
    } else {
      return false;
    }
  }
}

/** True if `%` may take the character at `at`. */
function canSkip(name: string, at: number): boolean {
  return at < name.length && name[at] !== hierarchySeparator;
}

function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text);
}

function decodeUtf8(wireText: string): string | undefined {
  const bytes = Buffer.from(wireText, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
