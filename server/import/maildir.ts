import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Flag } from '../../protocol/flag.ts';
import { decodeModifiedUtf7, hierarchySeparator } from '../../protocol/mailbox-name.ts';
import { type ImportSource, ImportSourceError, type SourceMessage } from './import-source.ts';
import { LineSplitter } from './line-splitter.ts';
import { MessageTally } from './message-tally.ts';
import { WireText } from './wire-text.ts';

/** Letters of the info part of a file name, `:2,FRS`. @see https://cr.yp.to/proto/maildir.html */
const infoFlags: Readonly<Record<string, Flag>> = {
  S: '\\Seen',
  R: '\\Answered',
  F: '\\Flagged',
  T: '\\Deleted',
  D: '\\Draft',
  P: '$Forwarded',
};

interface MaildirFile {
  readonly path: string;
  /** Seconds since 1970 at which the message was delivered, as the name says; 0 where it does not. */
  readonly deliveredSeconds: number;
}

/**
 * A Maildir and its subfolders (`.Name`, levels divided by dots, as Maildir++ has them). Under INBOX the
 * subfolders become mailboxes of their own names, since a Maildir's root is an INBOX; under any other
 * mailbox they become its children. A file is the unit of progress.
 */
export async function openMaildir(path: string, mailboxName: string): Promise<ImportSource[]> {
  if (!(await isMaildir(path))) {
    throw new ImportSourceError(
      `Cannot read "${path}" as a Maildir: it has no directory "cur" or "new"`,
    );
  }
  const parent = mailboxName === 'INBOX' ? [] : [mailboxName];
  const sources = [await openFolder(path, mailboxName)];
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const isFolder = entry.isDirectory() && /^\.[^.]/.test(entry.name);
    if (!isFolder || !(await isMaildir(join(path, entry.name)))) continue;
    const levels = entry.name.slice(1).split('.').filter(Boolean).map(mailboxLevel);
    const name = [...parent, ...levels].join(hierarchySeparator);
    sources.push(await openFolder(join(path, entry.name), name));
  }
  return sources;
}

async function openFolder(path: string, mailboxName: string): Promise<ImportSource> {
  const files = [...(await listFiles(join(path, 'cur'))), ...(await listFiles(join(path, 'new')))];
  files.sort(
    (a, b) =>
      a.deliveredSeconds - b.deliveredSeconds ||
      (basename(a.path) < basename(b.path) ? -1 : Number(a.path !== b.path)),
  );
  return {
    mailboxName,
    totalUnits: files.length,
    messages: (onProgress) => readFiles(files, onProgress),
  };
}

async function* readFiles(
  files: readonly MaildirFile[],
  onProgress: (units: number) => void,
): AsyncGenerator<SourceMessage, undefined> {
  for (const [index, file] of files.entries()) {
    // A mail program may move or remove files meanwhile; the next run finds those that moved.
    const message = await scanFile(file).catch(ignoreMissing);
    if (message !== undefined) yield message;
    onProgress(index + 1);
  }
}

async function scanFile(file: MaildirFile): Promise<SourceMessage> {
  const { mtimeMs } = await stat(file.path);
  const tally = new MessageTally();
  for await (const chunk of readMessage(file.path)) tally.add(chunk);
  return {
    ...tally.finish(() => readMessage(file.path)),
    flags: flagsOf(file.path),
    internalDate: { epochMs: internalSeconds(file, mtimeMs) * 1000, zoneMinutes: 0 },
    origin: file.path,
  };
}

async function* readMessage(path: string) {
  const splitter = new LineSplitter();
  const text = new WireText({ isMbox: false });
  for await (const chunk of createReadStream(path)) {
    for (const fragment of splitter.push(chunk as Buffer)) text.append(fragment);
    const bytes = text.take();
    if (bytes.length > 0) yield bytes;
  }
  for (const fragment of splitter.finish()) text.append(fragment);
  const last = text.take();
  if (last.length > 0) yield last;
}

/**
 * Mail servers keep the internal date as the file's time; a copy that lost it is newer than the name says.
 * So the older of the two is right.
 */
function internalSeconds(file: MaildirFile, mtimeMs: number): number {
  const modifiedSeconds = Math.max(0, Math.floor(mtimeMs / 1000));
  return file.deliveredSeconds > 0
    ? Math.min(file.deliveredSeconds, modifiedSeconds)
    : modifiedSeconds;
}

/** Some systems cannot have ":" in a name and write ";" or "!" instead. */
function flagsOf(path: string): readonly Flag[] {
  const letters = /[:;!]2,([A-Za-z]*)$/.exec(basename(path))?.[1] ?? '';
  const flags = new Set<Flag>();
  for (const letter of letters) {
    const flag = infoFlags[letter];
    if (flag !== undefined) flags.add(flag);
  }
  return [...flags];
}

async function listFiles(directory: string): Promise<MaildirFile[]> {
  const entries = (await readdir(directory, { withFileTypes: true }).catch(ignoreMissing)) ?? [];
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => ({
      path: join(directory, entry.name),
      deliveredSeconds: Number(/^(\d{9,10})[.,]/.exec(entry.name)?.[1] ?? 0),
    }));
}

/**
 * One level of a mailbox name. A character that would divide it, or that no name may have, becomes "_":
 * Exchange 5.5 hid a mailbox from every client for a "/" in its name (Q234395).
 */
function mailboxLevel(text: string): string {
  const decoded = decodeModifiedUtf7(text) ?? text;
  return decoded.replaceAll(/[/*%\p{Cc}\u2028\u2029]/gu, '_');
}

async function isMaildir(path: string): Promise<boolean> {
  for (const name of ['cur', 'new']) {
    const found = await stat(join(path, name)).catch(ignoreMissing);
    if (found?.isDirectory() === true) return true;
  }
  return false;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
