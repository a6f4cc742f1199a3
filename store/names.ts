import { normalizeMailboxName } from '../protocol/mailbox-name.ts';
import { limits } from './limits.ts';
import { type SpecialUse, StoreError } from './mail-store.ts';

const controlCharacter = /\p{Cc}|\p{Cs}|[\u2028\u2029]/u;

/**
 * A mailbox name as the store keeps it: normalized, and checked. `CANNOT` for an empty level, control characters, or a
 * broken bound.
 */
export function checkMailboxName(name: string): string {
  if (name.length > limits.maxNameLength) {
    throw new StoreError('CANNOT', `Mailbox names have at most ${limits.maxNameLength} characters`);
  }
  const normalized = normalizeMailboxName(name);
  const levels = normalized.split('/');
  if (levels.length > limits.maxLevels) {
    throw new StoreError('CANNOT', `Mailbox names have at most ${limits.maxLevels} levels`);
  }
  for (const level of levels) checkLevel(level);
  return normalized;
}

/** As {@link checkMailboxName}, but undefined for a name that no mailbox can have. */
export function findableMailboxName(name: string): string | undefined {
  try {
    return checkMailboxName(name);
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

function checkLevel(level: string): void {
  if (level === '') throw new StoreError('CANNOT', 'Mailbox names have no empty levels');
  if (level.length > limits.maxLevelLength) {
    throw new StoreError(
      'CANNOT',
      `A level of a mailbox name has at most ${limits.maxLevelLength} characters`,
    );
  }
  if (controlCharacter.test(level)) {
    throw new StoreError('CANNOT', 'Mailbox names have no control characters');
  }
}

/** The names above a mailbox name, outermost first: `a`, `a/b` for `a/b/c`. */
export function parentNames(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join('/'));
}

/** Orders names level by level, INBOX first, so that children follow their parent. */
export function compareMailboxNames(a: string, b: string): number {
  const aLevels = a.split('/');
  const bLevels = b.split('/');
  for (const [index, aLevel] of aLevels.entries()) {
    const bLevel = bLevels[index];
    if (bLevel === undefined) return 1;
    if (aLevel === bLevel) continue;
    if (index === 0 && aLevel === 'INBOX') return -1;
    if (index === 0 && bLevel === 'INBOX') return 1;
    return aLevel < bLevel ? -1 : 1;
  }
  return aLevels.length - bLevels.length;
}

/** The mailboxes that a new account has, each subscribed. */
export const firstMailboxes: readonly {
  readonly name: string;
  readonly specialUse: SpecialUse | undefined;
}[] = [
  { name: 'INBOX', specialUse: undefined },
  { name: 'Archive', specialUse: '\\Archive' },
  { name: 'Drafts', specialUse: '\\Drafts' },
  { name: 'Junk', specialUse: '\\Junk' },
  { name: 'Sent', specialUse: '\\Sent' },
  { name: 'Trash', specialUse: '\\Trash' },
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
  if (controlCharacter.test(normal) || /[\s/*%"\\]/u.test(normal)) {
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
