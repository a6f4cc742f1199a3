import { hierarchySeparator, normalizeMailboxName } from '../protocol/mailbox-name.ts';
import { limits } from './limits.ts';
import type { SpecialUse } from '../protocol/special-use.ts';
import { StoreError } from './mail-store.ts';

/** Of what RFC 9051, section 5.1, calls CTL characters, and what divides lines in Unicode. */
const controlCharacter = /[\p{Cc}\u2028\u2029]/u;
/** Code points that are not assigned, and a byte order mark at the beginning. @see RFC 5198, section 2 */
const notNetUnicode = /\p{Cn}|^\ufeff/u;
/** What `%` and `*` stand for in LIST. */
const wildcard = /[%*]/;
/** Characters of a received name that an error text repeats. */
const quotedCharacters = 60;

/**
 * A name that a mailbox is to get, as the store keeps it: in NFC, `INBOX` in capitals. `CANNOT` if no mailbox can be
 * named so: an empty level, control characters, what is no Net-Unicode, the wildcards of LIST, by which clients could not
 * ask for it alone, or a broken bound.
 *
 * The one rule for new names; a mailbox that exists is found by {@link findableMailboxName}, since older versions had another.
 *
 * @see RFC 9051, section 5.1; RFC 5198
 */
export function newMailboxName(name: string): string {
  return checkName(name, (level) => {
    if (wildcard.test(level)) return '"*" and "%" are wildcards in LIST';
    return notNetUnicode.test(level) ? 'it is not Net-Unicode (RFC 5198)' : undefined;
  });
}

/** As {@link newMailboxName}, for what stands below a mailbox that is renamed: its own part of the name is as it was. */
export function movedMailboxName(name: string): string {
  return checkName(name, () => undefined);
}

/**
 * What a mailbox of this name is found by, whether it may be made now or not; undefined for what has never been a name: text
 * that is not Unicode.
 */
export function findableMailboxName(name: string): string | undefined {
  return name.isWellFormed() ? normalizeMailboxName(name) : undefined;
}

/** One level of a name from elsewhere, with "_" for each character that a level cannot have. */
export function nameableLevel(text: string): string {
  return text.replaceAll(/[/%*\p{Cc}\p{Cn}\u2028\u2029]|^\ufeff/gu, '_');
}

function checkName(name: string, findLevelFault: (level: string) => string | undefined): string {
  const normalized = normalizeMailboxName(name);
  const levels = normalized.split(hierarchySeparator);
  const fault =
    findFault(normalized, levels) ?? levels.map(findLevelFault).find((each) => each !== undefined);
  if (fault === undefined) return normalized;
  throw new StoreError('CANNOT', `Cannot name a mailbox ${quote(name)}: ${fault}`);
}

/** The bounds leave room for each name on the wire, in modified UTF-7 too: four bytes a character at most. */
function findFault(name: string, levels: readonly string[]): string | undefined {
  const { maxNameLength, maxLevelLength, maxLevels } = limits;
  if (name === '') return 'it is empty';
  if (name.length > maxNameLength) return `it has more than ${maxNameLength} characters`;
  if (!name.isWellFormed()) return 'it is not Unicode text';
  if (controlCharacter.test(name)) return 'it has control characters';
  if (levels.includes('')) return 'it has an empty level';
  if (levels.length > maxLevels) return `it has more than ${maxLevels} levels`;
  const isLong = levels.some((level) => level.length > maxLevelLength);
  return isLong ? `a level has more than ${maxLevelLength} characters` : undefined;
}

/** As it was received, control characters escaped. */
function quote(name: string): string {
  const start = name.slice(0, quotedCharacters);
  return JSON.stringify(name.length > quotedCharacters ? `${start}...` : start);
}

/** The names above a mailbox name, outermost first: `a`, `a/b` for `a/b/c`. */
export function parentNames(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join('/'));
}

/**
 * What has names, ordered by them level by level, INBOX first, so that children follow their parent. Ten thousand take ten
 * milliseconds, a tenth of what comparing them level by level takes.
 */
export function sortByMailboxName<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
): Item[] {
  return items
    .map((item) => ({ key: sortKeyOf(nameOf(item)), item }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}

/** No name has a NUL, so that it stands before all else: the end of a level before what only begins like it, INBOX before all. */
function sortKeyOf(name: string): string {
  const key = name.replaceAll(hierarchySeparator, '\0');
  return /^INBOX(?:\0|$)/.test(key) ? `\0${key}` : key;
}

/** The mailboxes that a new account has, each subscribed. */
export const firstMailboxes: readonly {
  readonly name: string;
  readonly specialUses: readonly SpecialUse[];
}[] = [
  { name: 'INBOX', specialUses: [] },
  { name: 'Archive', specialUses: ['\\Archive'] },
  { name: 'Drafts', specialUses: ['\\Drafts'] },
  { name: 'Junk', specialUses: ['\\Junk'] },
  { name: 'Sent', specialUses: ['\\Sent'] },
  { name: 'Trash', specialUses: ['\\Trash'] },
];

/** Checks the name of a new account and returns it in NFC. `CANNOT`. */
export function normalizeAccountName(name: string): string {
  const normal = name.normalize('NFC');
  if (normal === '' || normal.length > limits.maxAccountNameLength) {
    throw new StoreError(
      'CANNOT',
      `Account names have 1 to ${limits.maxAccountNameLength} characters`,
    );
  }
  if (!normal.isWellFormed() || controlCharacter.test(normal) || /[\s/*%"\\]/u.test(normal)) {
    throw new StoreError(
      'CANNOT',
      'Account names have no spaces, control characters, slashes, quotes or wildcards',
    );
  }
  return normal;
}

/** What accounts and keywords are found by: without regard to ASCII case, and to that only. */
export function foldAsciiCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** What is refused if another mailbox of the account has one of the uses that a new one is to have. */
export function useIsTaken(use: SpecialUse, name: string): StoreError {
  return new StoreError('USEATTR', `The mailbox "${name}" is ${use} already`);
}
