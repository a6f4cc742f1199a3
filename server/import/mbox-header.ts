import type { InternalDate } from '../../protocol/dates.ts';
import { isKeyword, type Flag } from '../../protocol/flag.ts';
import { maxKeywordBytes } from '../../protocol/limits.ts';
import { importLimits } from './limits.ts';
import { parseDateField } from './import-date.ts';

/*
 * Mail programs keep what they know of a message of an mbox in fields of its header. `Status` and `X-Status` are those of
 * mutt, Pine and Dovecot, `X-Keywords` is Pine's and Dovecot's, and `X-Mozilla-…` are Thunderbird's.
 */

/** Letters of `Status` and `X-Status`. `O` (old), `N` (new) and `U` (unread) stand for no flag. */
const statusFlags: Readonly<Record<string, Flag>> = {
  R: '\\Seen',
  A: '\\Answered',
  F: '\\Flagged',
  D: '\\Deleted',
  T: '\\Draft',
};

/** Bits of `X-Mozilla-Status`, four hexadecimal digits. */
const mozillaFlags: readonly (readonly [bit: number, flag: Flag])[] = [
  [0x0001, '\\Seen'],
  [0x0002, '\\Answered'],
  [0x0004, '\\Flagged'],
  [0x1000, '$Forwarded'],
];

/** The bit of a message that was deleted, and stays in the file until the folder is compacted. */
const mozillaDeleted = 0x0008;

/** Keywords with spaces between them. */
const keywordList = /^[^\x00-\x1f\x7f-\uffff(){%*"\\\]]*$/;

/** What the value of a bookkeeping field looks like; a field with another value is the sender's own. */
const bookkeepingValues: Readonly<Record<string, RegExp>> = {
  status: /^[RONUDAFT]*$/,
  'x-status': /^[RONUDAFT]*$/,
  'x-keywords': keywordList,
  'x-uid': /^\d*$/,
  'x-imap': /^\d+ \d+/,
  'x-imapbase': /^\d+ \d+/,
  'x-mozilla-status': /^[0-9a-f]{4}$/i,
  'x-mozilla-status2': /^[0-9a-f]{8}$/i,
  'x-mozilla-keys': keywordList,
};

/** Names of the other fields that an import reads. */
const readFields = ['content-length', 'date', 'subject'];

const fieldPattern = /^([!-9;-~]+)[ \t]*:[ \t]*(.*?)[ \t]*\r?\n?$/;

/**
 * True for the first line of a field in which a mail program notes flags, keywords or numbers of its own, and not the sender:
 * it is no part of the mail.
 */
export function isBookkeepingField(line: Buffer): boolean {
  // Most fields are ruled out by their first letter: S or X.
  const first = line[0] ?? 0;
  if ((first | 0x20) !== 0x73 && (first | 0x20) !== 0x78) return false;
  const [, name = '', value = ''] = fieldPattern.exec(line.toString('latin1')) ?? [];
  return isBookkeeping(name.toLowerCase(), value);
}

function isBookkeeping(name: string, value: string): boolean {
  return Object.hasOwn(bookkeepingValues, name) && bookkeepingValues[name]?.test(value) === true;
}

/** Reads the header of a message of an mbox while it passes by: what the message is marked with, and its date. */
export class MboxHeader {
  /** The first value of each field that is of interest, unfolded, by its name in lower case. */
  readonly #fields = new Map<string, string>();
  #openField: string | undefined;
  #sizeBytes = 0;

  /** Takes the next line of the header, or a piece of it. */
  append(bytes: Buffer, isStart: boolean): void {
    if (this.#sizeBytes > importLimits.maxHeaderBytes) return;
    const isContinued = !isStart || bytes[0] === 0x20 || bytes[0] === 0x09;
    if (isContinued && this.#openField === undefined) return;
    const text = bytes.toString('latin1');
    if (isContinued) this.#continueField(text);
    else this.#beginField(text);
  }

  /** How many bytes the body has in the file, as the field `Content-Length` says; undefined if it says nothing. */
  get contentLength(): number | undefined {
    const value = this.#fields.get('content-length') ?? '';
    return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  }

  /** The date of the field `Date`; undefined if it is missing or cannot be read. */
  get date(): InternalDate | undefined {
    return parseDateField(this.#fields.get('date') ?? '');
  }

  /** True for a message that Thunderbird shows no more. */
  get isDeleted(): boolean {
    return (this.#mozillaBits() & mozillaDeleted) !== 0;
  }

  /** True for the message that c-client and Dovecot keep their own state in, which is no mail. */
  get isFolderData(): boolean {
    const isOwn = this.#fields.has('x-imap') || this.#fields.has('x-imapbase');
    return isOwn && /FOLDER INTERNAL DATA/.test(this.#fields.get('subject') ?? '');
  }

  /** All flags and keywords, and the words that cannot be keywords. */
  readFlags(): { readonly flags: readonly Flag[]; readonly unusable: readonly string[] } {
    const flags = new Set<Flag>();
    for (const letter of `${this.#fields.get('status') ?? ''}${this.#fields.get('x-status') ?? ''}`) {
      const flag = statusFlags[letter];
      if (flag !== undefined) flags.add(flag);
    }
    const bits = this.#mozillaBits();
    for (const [bit, flag] of mozillaFlags) if ((bits & bit) !== 0) flags.add(flag);
    const unusable: string[] = [];
    const keywords = `${this.#fields.get('x-keywords') ?? ''} ${this.#fields.get('x-mozilla-keys') ?? ''}`;
    for (const keyword of keywords.split(/\s+/).filter(Boolean)) {
      if (isKeyword(keyword) && keyword.length <= maxKeywordBytes) flags.add(keyword);
      else unusable.push(keyword);
    }
    return { flags: [...flags], unusable };
  }

  #beginField(text: string): void {
    this.#openField = undefined;
    const [, name = '', value = ''] = fieldPattern.exec(text) ?? [];
    const key = name.toLowerCase();
    const isOfInterest = readFields.includes(key) || isBookkeeping(key, value);
    if (!isOfInterest || this.#fields.has(key)) return;
    this.#openField = key;
    this.#fields.set(key, value);
    this.#sizeBytes += text.length;
  }

  #continueField(text: string): void {
    const key = this.#openField ?? '';
    this.#fields.set(key, `${this.#fields.get(key) ?? ''} ${text.trim()}`);
    this.#sizeBytes += text.length;
  }

  #mozillaBits(): number {
    return Number.parseInt(this.#fields.get('x-mozilla-status') ?? '0', 16);
  }
}
