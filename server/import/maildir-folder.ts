import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import type { Flag } from '../../protocol/flag.ts';
import { isKeyword } from '../../protocol/flag.ts';
import { maxKeywordBytes } from '../../protocol/limits.ts';
import type { ImportSource, SourceMessage, SourceReport } from './import-source.ts';
import { importLimits } from './limits.ts';
import {
  type BytePath,
  isMissing,
  MessageFile,
  printablePath,
  toSystemPath,
  unreadableReason,
} from './message-file.ts';
import { MessageTally, readImportText } from './import-text.ts';

/** Letters of the info part of a file name, `:2,FRS`. @see https://cr.yp.to/proto/maildir.html */
const infoFlags: Readonly<Record<string, Flag>> = {
  S: '\\Seen',
  R: '\\Answered',
  F: '\\Flagged',
  T: '\\Deleted',
  D: '\\Draft',
  P: '$Forwarded',
};

/** Where the names of keywords stand: a line `0 $label1` for the letter `a`. */
const keywordsFile = 'dovecot-keywords';

/** The info part of a file name. Some systems cannot have ":" in a name and write ";" or "!" instead. */
const infoPattern = /[:;!]2,([^/]*)$/;

interface ListedFile {
  readonly path: BytePath;
  /** The name without its info part, which stays when the file moves or its flags change. */
  readonly uniqueName: string;
  /** Seconds since 1970 at which the message was delivered, as the name says; 0 if it does not. */
  readonly deliveredSeconds: number;
}

/** What a directory has that is no file. */
interface OtherEntry {
  readonly path: BytePath;
  readonly reason: string;
}

interface Listing {
  readonly files: readonly ListedFile[];
  readonly others: readonly OtherEntry[];
}

/**
 * The messages of one mailbox of a Maildir, the oldest first. A file is the unit of progress.
 *
 * Mail programs may use the folder meanwhile: a file that is not there any more is looked for under its other names, and the
 * folder is listed again at the end for what came in or was renamed while it was listed.
 */
export class MaildirFolder implements ImportSource {
  readonly mailboxName: string;
  readonly #path: BytePath;
  readonly #first: Listing;

  constructor(path: BytePath, mailboxName: string) {
    this.#path = path;
    this.mailboxName = mailboxName;
    this.#first = listFolder(path);
  }

  get totalUnits(): number {
    return this.#first.files.length;
  }

  async *messages(report: SourceReport): AsyncGenerator<SourceMessage, undefined> {
    const keywords = new KeywordLetters(this.#path, report);
    /** Paths that are dealt with, and files under whatever path. */
    const done = new Set<string>();
    let listing = this.#first;
    let missing: ListedFile[] = [];
    for (let round = 0; round < importLimits.maxListings; round += 1) {
      for (const { path, reason } of listing.others) {
        if (!done.has(path)) report.onRefused(printablePath(path), reason);
        done.add(path);
      }
      const files = listing.files.filter(({ path }) => !done.has(path));
      const found = new Set(files.map(({ uniqueName }) => uniqueName));
      reportRemoved(
        missing.filter(({ uniqueName }) => !found.has(uniqueName)),
        report,
      );
      if (files.length === 0) return;
      missing = [];
      for (const [index, file] of files.entries()) {
        const message = await this.#scan(file, { keywords, done, report });
        if (message === 'missing') missing.push(file);
        else done.add(file.path);
        if (typeof message === 'object') yield message;
        if (round === 0) report.onProgress(index + 1);
      }
      listing = listFolder(this.#path);
    }
    reportRemoved(missing, report);
  }

  /** Undefined if the file is not to be imported, and that is reported. */
  async #scan(
    file: ListedFile,
    run: { keywords: KeywordLetters; done: Set<string>; report: SourceReport },
  ): Promise<SourceMessage | 'missing' | undefined> {
    const origin = printablePath(file.path);
    try {
      using opened = new MessageFile(file.path);
      const { ino, size, mtimeMs } = opened.stats;
      // A rename keeps all of these; the number of a removed file may be given to the next one.
      const identity = `${ino} ${size} ${mtimeMs} ${file.uniqueName}`;
      if (run.done.has(identity)) return undefined;
      const tally = new MessageTally();
      for await (const bytes of readImportText(opened.read(), { isMbox: false })) {
        tally.add(bytes);
        if (tally.isTooLarge) break;
      }
      // Two files of one name are two messages, as long as they are not one file.
      run.done.add(identity);
      const { fault } = tally;
      if (fault !== undefined) {
        run.report.onRefused(origin, fault);
        return undefined;
      }
      return {
        ...tally.finish(() => this.#readAgain(file)),
        flags: flagsOf(file.path, run.keywords),
        internalDate: { epochMs: internalSeconds(file, mtimeMs) * 1000, zoneMinutes: 0 },
        origin,
      };
    } catch (error) {
      if (isMissing(error)) return 'missing';
      run.report.onRefused(origin, unreadableReason(error));
      return undefined;
    }
  }

  async *#readAgain(file: ListedFile): AsyncGenerator<Uint8Array, undefined> {
    using opened = this.#open(file);
    yield* readImportText(opened.read(), { isMbox: false });
  }

  /** The file, which may have another name by now. */
  #open(file: ListedFile): MessageFile {
    try {
      return new MessageFile(file.path);
    } catch (error) {
      if (!isMissing(error)) throw error;
      const { files } = listFolder(this.#path);
      const moved = files.find(({ uniqueName }) => uniqueName === file.uniqueName);
      if (moved === undefined) throw error;
      return new MessageFile(moved.path);
    }
  }
}

function reportRemoved(files: readonly ListedFile[], report: SourceReport): void {
  for (const { path } of files) {
    report.onRefused(printablePath(path), 'It was removed or renamed while the import ran');
  }
}

/** Files move from `new` to `cur` and never back: in this order none is missed between the two. */
function listFolder(path: BytePath): Listing {
  const listings = ['new', 'cur'].map((name) => listDirectory(`${path}/${name}`));
  return {
    files: listings
      .flatMap(({ files }) => files)
      .toSorted(
        (a, b) =>
          a.deliveredSeconds - b.deliveredSeconds ||
          (a.uniqueName < b.uniqueName ? -1 : Number(a.uniqueName !== b.uniqueName)),
      ),
    others: listings.flatMap(({ others }) => others),
  };
}

function listDirectory(path: BytePath): Listing {
  let entries: Dirent<Buffer>[];
  try {
    // A link was told of when the folders were looked for.
    if (!lstatSync(toSystemPath(path)).isDirectory()) return { files: [], others: [] };
    entries = readdirSync(toSystemPath(path), { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (isMissing(error)) return { files: [], others: [] };
    return { files: [], others: [{ path, reason: unreadableReason(error) }] };
  }
  const files: ListedFile[] = [];
  const others: OtherEntry[] = [];
  for (const entry of entries) {
    const name = entry.name.toString('latin1');
    // Names of servers' own files, which no message has.
    if (name.startsWith('.')) continue;
    const reason = otherReason(entry);
    if (reason !== undefined) others.push({ path: `${path}/${name}`, reason });
    else {
      files.push({
        path: `${path}/${name}`,
        uniqueName: name.replace(infoPattern, ''),
        deliveredSeconds: Number(/^(\d{9,10})[.,]/.exec(name)?.[1] ?? 0),
      });
    }
  }
  return { files, others };
}

/** Why an entry is no message; undefined for a file, or if the file system does not say what it is. */
function otherReason(entry: Dirent<Buffer>): string | undefined {
  if (entry.isDirectory()) return 'It is a directory';
  if (entry.isSymbolicLink()) return 'It is a symbolic link, which is not followed';
  const isSpecial =
    entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice();
  return isSpecial ? 'It is no regular file' : undefined;
}

/**
 * Mail servers keep the internal date as the file's time; a copy that lost it is newer than the name says.
 * So the older of the two is right.
 */
function internalSeconds(file: ListedFile, mtimeMs: number): number {
  const modifiedSeconds = Math.max(0, Math.floor(mtimeMs / 1000));
  return file.deliveredSeconds > 0
    ? Math.min(file.deliveredSeconds, modifiedSeconds)
    : modifiedSeconds;
}

function flagsOf(path: BytePath, keywords: KeywordLetters): readonly Flag[] {
  const flags = new Set<Flag>();
  for (const letter of infoPattern.exec(path)?.[1] ?? '') {
    const isKeywordLetter = letter >= 'a' && letter <= 'z';
    const flag = isKeywordLetter ? keywords.keywordOf(letter) : infoFlags[letter];
    if (flag !== undefined) flags.add(flag);
  }
  return [...flags];
}

/** The keywords of a folder, which file names have as letters. */
class KeywordLetters {
  readonly #path: BytePath;
  readonly #report: SourceReport;
  #names: ReadonlyMap<string, string> | undefined;
  readonly #lost = new Set<string>();

  constructor(folder: BytePath, report: SourceReport) {
    this.#path = `${folder}/${keywordsFile}`;
    this.#report = report;
  }

  /** Undefined for a letter without a keyword, which is reported once. */
  keywordOf(letter: string): Flag | undefined {
    // A mail program that adds a keyword writes the list before the file name.
    if (this.#names?.has(letter) !== true && !this.#lost.has(letter)) this.#names = this.#read();
    const name = this.#names?.get(letter);
    if (name !== undefined && isKeyword(name) && name.length <= maxKeywordBytes) return name;
    if (!this.#lost.has(letter)) {
      const reason =
        name === undefined
          ? `The keyword of the letter "${letter}" in file names is not known`
          : `"${name}" cannot be a keyword`;
      this.#report.onLoss(printablePath(this.#path), reason);
    }
    this.#lost.add(letter);
    return undefined;
  }

  #read(): ReadonlyMap<string, string> {
    const names = new Map<string, string>();
    for (const line of readLines(this.#path, this.#report)) {
      const [, number, name] = /^(\d+) (.+)$/.exec(line) ?? [];
      if (number === undefined || name === undefined || Number(number) >= 26) continue;
      names.set(String.fromCharCode('a'.charCodeAt(0) + Number(number)), name);
    }
    return names;
  }
}

/** The lines of a small file beside the messages; none if there is no such file, or it cannot be read, which is reported. */
export function readLines(path: BytePath, report: Pick<SourceReport, 'onLoss'>): string[] {
  try {
    using file = new MessageFile(path);
    return file.readText(importLimits.maxListBytes).split('\n');
  } catch (error) {
    if (!isMissing(error)) report.onLoss(printablePath(path), unreadableReason(error));
    return [];
  }
}
