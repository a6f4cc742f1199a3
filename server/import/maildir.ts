import { type Dirent, readdirSync, statSync } from 'node:fs';
import { decodeModifiedUtf7, hierarchySeparator } from '../../protocol/mailbox-name.ts';
import { nameableLevel } from '../../store/names.ts';
import { type ImportSource, ImportSourceError } from './import-source.ts';
import { importLimits } from './limits.ts';
import { MaildirFolder, readLines } from './maildir-folder.ts';
import {
  type BytePath,
  nameText,
  printablePath,
  toBytePath,
  toSystemPath,
  unreadableReason,
} from './message-file.ts';

/** A Maildir with its subfolders. */
export interface Maildir {
  readonly folders: readonly ImportSource[];
  /** Mailbox names of the file `subscriptions`; they need not exist. */
  readonly subscriptions: readonly string[];
  /** What is there and is not among the folders, and why. */
  readonly losses: readonly Loss[];
}

/** Mail that was found and cannot be imported. */
export interface Loss {
  readonly origin: string;
  readonly reason: string;
}

/** The directories of a Maildir that are no mailboxes. */
const ownDirectories: ReadonlySet<string> = new Set(['cur', 'new', 'tmp']);

/**
 * A Maildir and its subfolders: `.Name`, levels divided by dots (Maildir++), or `Name/Child` (Dovecot's `LAYOUT=fs`). Under
 * INBOX the subfolders become mailboxes of their own names, since a Maildir's root is an INBOX; under any other mailbox they
 * become its children.
 *
 * Throws an {@link ImportSourceError} if there is no folder at all. Links are not followed: what belongs to a user must not
 * give him what he may not read.
 */
export function openMaildir(path: string, mailboxName: string): Maildir {
  const root = toBytePath(path.replace(/(?<=.)\/+$/, ''));
  const losses: Loss[] = [];
  const search = new FolderSearch(losses);
  search.visit({ path: root, levels: [] });
  if (search.found.length === 0) {
    const reason =
      losses[0]?.reason ?? 'neither it nor a directory in it has a directory "cur" or "new"';
    throw new ImportSourceError(`Cannot read "${path}" as a Maildir: ${reason}`);
  }
  const nameOf = (levels: readonly string[]): string =>
    levels.length === 0
      ? mailboxName
      : [...(mailboxName === 'INBOX' ? [] : [mailboxName]), ...levels].join(hierarchySeparator);
  const folders = search.found.map(
    (folder) => new MaildirFolder(folder.path, nameOf(folder.levels)),
  );
  const names = new Set(folders.map((folder) => folder.mailboxName));
  const lines = readLines(`${root}/subscriptions`, {
    onLoss: (origin, reason) => losses.push({ origin, reason }),
  });
  const subscriptions = parseSubscriptions(lines, search.hasDottedNames).map((readings) => {
    const readingNames = readings.map(nameOf);
    return readingNames.find((name) => names.has(name)) ?? readingNames[0] ?? '';
  });
  return { folders, subscriptions: [...new Set(subscriptions)], losses };
}

interface FoundFolder {
  readonly path: BytePath;
  /** Levels below the root, none for the root itself. */
  readonly levels: readonly string[];
}

/** Looks for the mailboxes in a directory and below. */
class FolderSearch {
  readonly found: FoundFolder[] = [];
  /** True if there are folders of Maildir++. */
  hasDottedNames = false;
  readonly #losses: Loss[];

  constructor(losses: Loss[]) {
    this.#losses = losses;
  }

  /** Takes the directory if it is a mailbox, and those below it. */
  visit({ path, levels }: FoundFolder): void {
    const entries = this.#list(path);
    if (isMaildir(entries)) this.found.push({ path, levels });
    this.#visitBelow(path, levels, entries);
  }

  #visitBelow(path: BytePath, levels: readonly string[], entries: readonly Dirent<Buffer>[]): void {
    for (const entry of entries) {
      const name = entry.name.toString('latin1');
      const below = `${path}/${name}`;
      if (entry.isSymbolicLink()) this.#checkLink(below, name);
      else if (!entry.isDirectory() || ownDirectories.has(name)) continue;
      else if (levels.length >= importLimits.maxLevels) {
        this.#lose(below, `It is more than ${importLimits.maxLevels} levels deep`);
      } else if (name.startsWith('.')) this.#visitDotted(below, name, levels);
      else this.visit({ path: below, levels: [...levels, mailboxLevel(nameText(name))] });
    }
  }

  #visitDotted(path: BytePath, name: BytePath, levels: readonly string[]): void {
    const entries = this.#list(path);
    // KMail has the children of the folder `Name` in `.Name.directory`.
    const parent = /^\.(.+)\.directory$/.exec(name)?.[1];
    if (isMaildir(entries)) {
      this.hasDottedNames = true;
      const ownLevels = [...levels, ...dottedLevels(nameText(name))];
      this.found.push({ path, levels: ownLevels });
      this.#visitBelow(path, ownLevels, entries);
    } else if (parent !== undefined) {
      this.#visitBelow(path, [...levels, mailboxLevel(nameText(parent))], entries);
    }
  }

  #list(path: BytePath): Dirent<Buffer>[] {
    try {
      const entries = readdirSync(toSystemPath(path), { withFileTypes: true, encoding: 'buffer' });
      return entries.toSorted((a, b) => Buffer.compare(a.name, b.name));
    } catch (error) {
      this.#lose(path, unreadableReason(error));
      return [];
    }
  }

  /** A link to something that is no Maildir is nobody's mail. */
  #checkLink(path: BytePath, name: BytePath): void {
    const targets = ownDirectories.has(name) ? [path] : [`${path}/cur`, `${path}/new`];
    const options = { throwIfNoEntry: false } as const;
    const isMail = targets.some((target) => {
      try {
        return statSync(toSystemPath(target), options)?.isDirectory() === true;
      } catch {
        return false;
      }
    });
    if (isMail) this.#lose(path, 'It is a symbolic link, which is not followed');
  }

  #lose(path: BytePath, reason: string): void {
    this.#losses.push({ origin: printablePath(path), reason });
  }
}

function isMaildir(entries: readonly Dirent<Buffer>[]): boolean {
  return entries.some(
    (entry) => entry.isDirectory() && /^(?:cur|new)$/.test(entry.name.toString('latin1')),
  );
}

/**
 * One level of a mailbox name. A character that would divide it, or that no name may have, becomes "_":
 * Exchange 5.5 hid a mailbox from every client for a "/" in its name (Q234395).
 */
function mailboxLevel(text: string): string {
  return nameableLevel(decodeModifiedUtf7(text) ?? text);
}

function dottedLevels(text: string): string[] {
  return text.split('.').filter(Boolean).map(mailboxLevel);
}

/**
 * The levels of each subscribed name, in all the ways in which a line can be read, the likely one first. Version 2 of the
 * file begins with a line `V<tab>2` and has tabs between the levels; before it had the separator of the layout.
 */
function parseSubscriptions(lines: readonly string[], hasDottedNames: boolean): string[][][] {
  const isTabbed = /^V\t2\r?$/.test(lines[0] ?? '');
  const names = (isTabbed ? lines.slice(1) : lines).filter((line) => line.trim() !== '');
  return names.map((line) => {
    const name = nameText(line);
    if (isTabbed) return [withoutInbox(name.split('\t').map(mailboxLevel))];
    const dotted = dottedLevels(name);
    const slashed = name.split('/').filter(Boolean).map(mailboxLevel);
    const readings = hasDottedNames ? [dotted, slashed] : [slashed, dotted];
    // Courier puts "INBOX." before each name.
    const below = readings
      .filter((levels) => levels[0] === 'INBOX')
      .map((levels) => levels.slice(1));
    return [...readings.map(withoutInbox), ...below];
  });
}

/** The root of a Maildir is its INBOX. */
function withoutInbox(levels: string[]): string[] {
  return levels.length === 1 && levels[0]?.toUpperCase() === 'INBOX' ? [] : levels;
}
