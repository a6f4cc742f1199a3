import type { Flag } from '../../protocol/flag.ts';
import { findSpecialUse, type SpecialUse } from '../../protocol/special-use.ts';
import { limits } from '../limits.ts';
import {
  type CreatedMailbox,
  type Mailbox,
  type MailboxKey,
  type MailboxStatus,
  type PartlyDone,
  type StatusOptions,
  StoreError,
} from '../mail-store.ts';
import {
  findableMailboxName,
  movedMailboxName,
  newMailboxName,
  parentNames,
  sortByMailboxName,
  useIsTaken,
} from '../names.ts';
import { moveMessages } from './copy-and-expunge.ts';
import type { Database } from './database.ts';
import { hasKeywordRoom, hasLastKeywordSql, readKeywords } from './keywords.ts';
import { noMailbox } from './mailbox-counters.ts';
import { copyMetadata } from './metadata.ts';
import { countBeforeUnseen } from './states/state-pages.ts';
import type { SlicedWork, WriteContext } from './writer/write-context.ts';

/** @see MailStore.listMailboxes */
export function listMailboxes(database: Database, accountId: number): Mailbox[] {
  const rows = database.rows<[number, string, number, string]>(
    'SELECT id, name, is_selectable, special_uses FROM mailboxes WHERE account_id = ?',
    accountId,
  );
  const parents = new Set(
    rows.map(([, name]) => name.slice(0, Math.max(0, name.lastIndexOf('/')))),
  );
  return sortByMailboxName(rows, ([, name]) => name).map(
    ([mailboxId, name, isSelectable, specialUses]) => ({
      accountId,
      mailboxId,
      name,
      isSelectable: isSelectable === 1,
      hasChildren: parents.has(name),
      specialUses: readUses(specialUses),
    }),
  );
}

/** @see MailStore.findMailbox */
export function findMailbox(
  database: Database,
  accountId: number,
  name: string,
): Mailbox | undefined {
  return toMailbox(accountId, findMailboxRow(database, accountId, name));
}

/** @see MailStore.findMailboxById */
export function findMailboxById(
  database: Database,
  { accountId, mailboxId }: MailboxKey,
): Mailbox | undefined {
  return toMailbox(accountId, readMailboxRow(database, accountId, 'id', mailboxId));
}

function toMailbox(accountId: number, row: MailboxRow | undefined): Mailbox | undefined {
  if (row === undefined) return undefined;
  const { id, ...mailbox } = row;
  return { ...mailbox, accountId, mailboxId: id };
}

type StatusRow = [number, number, number, number, number, number, number, number, number];

/** @see MailStore.readStatus */
export function readStatus(
  database: Database,
  { accountId, mailboxId }: MailboxKey,
  { firstUnseen = false, keywordRoom = false }: StatusOptions = {},
): MailboxStatus {
  const row = database.row<StatusRow>(
    `SELECT message_count, unseen_count, deleted_count, recent_count, size_bytes, uid_next,
       uid_validity, highest_modseq, ${hasLastKeywordSql('m.id')}
     FROM mailboxes m WHERE id = ? AND account_id = ?`,
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  return {
    messageCount: row[0],
    unseenCount: row[1],
    deletedCount: row[2],
    recentCount: row[3],
    sizeBytes: row[4],
    uidNext: row[5],
    uidValidity: row[6],
    highestModseq: row[7],
    ...(keywordRoom && {
      canAddKeywords: row[8] === 0 || hasKeywordRoom(database, { mailboxId, messageCount: row[0] }),
    }),
    ...(firstUnseen &&
      row[1] > 0 && { firstUnseenNumber: 1 + countBeforeUnseen(database, mailboxId) }),
  };
}

/** What {@link MailStore.open} reads. `NONEXISTENT`. */
export function readOpening(
  database: Database,
  box: MailboxKey,
): { status: MailboxStatus; keywords: readonly Flag[] } {
  return database.snapshot(() => ({
    status: readStatus(database, box),
    keywords: readKeywords(database, box.mailboxId).names,
  }));
}

/** A mailbox as its row names it, whether it can be selected or not. */
export interface MailboxRow {
  readonly id: number;
  readonly name: string;
  readonly isSelectable: boolean;
  readonly hasChildren: boolean;
  readonly specialUses: readonly SpecialUse[];
}

/** Undefined if there is none. */
function findMailboxRow(
  database: Database,
  accountId: number,
  name: string,
): MailboxRow | undefined {
  const normalName = findableMailboxName(name);
  return normalName === undefined
    ? undefined
    : readMailboxRow(database, accountId, 'name', normalName);
}

function readMailboxRow(
  database: Database,
  accountId: number,
  column: 'id' | 'name',
  value: number | string,
): MailboxRow | undefined {
  const row = database.row<[number, string, number, number, string]>(
    `SELECT id, name, is_selectable, EXISTS (SELECT 1 FROM mailboxes c WHERE c.account_id = m.account_id
       AND c.name > m.name || '/' AND c.name < m.name || '0'), special_uses
     FROM mailboxes m WHERE account_id = ? AND ${column} = ?`,
    accountId,
    value,
  );
  if (row === undefined) return undefined;
  const [id, rowName, isSelectable, hasChildRows, specialUses] = row;
  return {
    id,
    name: rowName,
    isSelectable: isSelectable === 1,
    hasChildren: hasChildRows === 1,
    specialUses: readUses(specialUses),
  };
}

/** Names below a name, with the ids of their mailboxes. "0" is the character that follows "/". */
function childRows(
  database: Database,
  accountId: number,
  name: string,
): [id: number, name: string][] {
  return database.rows(
    'SELECT id, name FROM mailboxes WHERE account_id = ? AND name > ? AND name < ? ORDER BY name',
    accountId,
    `${name}/`,
    `${name}0`,
  );
}

/** True where mailboxes lie below the name. */
export function hasChildren(database: Database, accountId: number, name: string): boolean {
  const row = database.row<[number]>(
    'SELECT 1 FROM mailboxes WHERE account_id = ? AND name > ? AND name < ? LIMIT 1',
    accountId,
    `${name}/`,
    `${name}0`,
  );
  return row !== undefined;
}

/** Adds a mailbox with a UIDVALIDITY of its own; its id. `LIMIT`. */
export function insertMailbox(
  context: WriteContext,
  mailbox: {
    accountId: number;
    name: string;
    isSelectable: boolean;
    specialUses: readonly SpecialUse[];
  },
): number {
  const { database } = context;
  const count = database.row<[number]>(
    'SELECT count(*) FROM mailboxes WHERE account_id = ?',
    mailbox.accountId,
  );
  if ((count?.[0] ?? 0) >= limits.maxMailboxes) {
    throw new StoreError('LIMIT', `An account has at most ${limits.maxMailboxes} mailboxes`);
  }
  const mailboxId = database.insert(
    'INSERT INTO mailboxes (account_id, name, is_selectable, special_uses, uid_validity) VALUES (?, ?, ?, ?, ?)',
    mailbox.accountId,
    mailbox.name,
    mailbox.isSelectable ? 1 : 0,
    mailbox.specialUses.join(' '),
    takeUidValidity(context),
  );
  noteCreated(context, mailbox.accountId, mailbox.name);
  return mailboxId;
}

function noteCreated(context: WriteContext, accountId: number, name: string): void {
  const mailbox = findMailbox(context.database, accountId, name);
  if (mailbox !== undefined) context.noteInAccount(accountId, { kind: 'created', mailbox });
}

/**
 * A UIDVALIDITY that no mailbox of the store ever had: seconds since 1970, pushed ahead where several are
 * taken in one second, so that a new store in the place of a lost one has others too (RFC 3501, section
 * 2.3.1.1).
 */
function takeUidValidity({ database, nowMs }: WriteContext): number {
  const row = database.row<[number]>(
    'UPDATE uid_validity SET last = max(last + 1, ?) RETURNING last',
    Math.floor(nowMs / 1000),
  );
  if (row === undefined || row[0] > limits.maxUid) {
    throw new StoreError('LIMIT', 'No UIDVALIDITY is left');
  }
  return row[0];
}

/** Takes the mailbox out of its account at once; the collector deletes what is in it. */
export function removeMailboxRow(context: WriteContext, mailboxId: number): void {
  context.takeModseq(mailboxId);
  context.database.run(
    "UPDATE mailboxes SET account_id = NULL, name = '', special_uses = '' WHERE id = ?",
    mailboxId,
  );
  context.noteGone(mailboxId);
}

/** A name in an account. */
export interface NamedMailbox {
  readonly accountId: number;
  readonly name: string;
}

/** @see MailStore.createMailbox */
export function createMailbox(
  context: WriteContext,
  { accountId, name, specialUses }: NamedMailbox & { readonly specialUses: readonly SpecialUse[] },
): CreatedMailbox {
  const { database } = context;
  checkAccount(database, accountId);
  const existing = findMailboxRow(database, accountId, name);
  if (existing?.isSelectable === true) throw alreadyExists(existing.name);
  const normalName = existing?.name ?? newMailboxName(name);
  checkUses(database, accountId, specialUses);
  makeParents(context, accountId, normalName);
  const id = existing
    ? makeSelectable(context, accountId, existing, specialUses)
    : insertMailbox(context, {
        accountId,
        name: normalName,
        isSelectable: true,
        specialUses,
      });
  return {
    accountId,
    mailboxId: id,
    name: normalName,
    isSelectable: true,
    hasChildren: hasChildren(database, accountId, normalName),
    specialUses,
    uidValidity: readUidValidity(database, id),
  };
}

function readUidValidity(database: Database, mailboxId: number): number {
  const sql = 'SELECT uid_validity FROM mailboxes WHERE id = ?';
  return database.row<[number]>(sql, mailboxId)![0];
}

/** `NONEXISTENT` if there is no such account. */
export function checkAccount(database: Database, accountId: number): void {
  if (database.row('SELECT 1 FROM accounts WHERE id = ?', accountId) === undefined) {
    throw new StoreError('NONEXISTENT', 'The account does not exist');
  }
}

/** `USEATTR` if a mailbox has one of them. */
function checkUses(
  database: Database,
  accountId: number,
  specialUses: readonly SpecialUse[],
): void {
  if (specialUses.length === 0) return;
  for (const mailbox of listMailboxes(database, accountId)) {
    const taken = mailbox.specialUses.find((use) => specialUses.includes(use));
    if (taken !== undefined) throw useIsTaken(taken, mailbox.name);
  }
}

/** As `mailboxes` keeps them. One that is unknown, since a newer version has it, is passed over. */
function readUses(text: string): readonly SpecialUse[] {
  if (text === '') return [];
  return text.split(' ').flatMap((word) => findSpecialUse(word) ?? []);
}

function makeParents(context: WriteContext, accountId: number, name: string): void {
  for (const parent of parentNames(name)) {
    if (findMailboxRow(context.database, accountId, parent) !== undefined) continue;
    insertMailbox(context, { accountId, name: parent, isSelectable: true, specialUses: [] });
  }
}

function makeSelectable(
  context: WriteContext,
  accountId: number,
  level: MailboxRow,
  specialUses: readonly SpecialUse[],
): number {
  context.database.run(
    'UPDATE mailboxes SET is_selectable = 1, special_uses = ?, uid_validity = ? WHERE id = ?',
    specialUses.join(' '),
    takeUidValidity(context),
    level.id,
  );
  noteCreated(context, accountId, level.name);
  return level.id;
}

/** @see MailStore.deleteMailbox */
export function deleteMailbox(context: WriteContext, { accountId, name }: NamedMailbox): void {
  const { database } = context;
  const mailbox = requireMailbox(context, accountId, name);
  if (mailbox.name === 'INBOX') throw new StoreError('CANNOT', 'INBOX cannot be deleted');
  const isParent = hasChildren(database, accountId, mailbox.name);
  if (isParent && !mailbox.isSelectable) {
    throw new StoreError('HASCHILDREN', `"${mailbox.name}" has children`);
  }
  removeMailboxRow(context, mailbox.id);
  context.noteInAccount(accountId, {
    kind: 'deleted',
    mailboxId: mailbox.id,
    name: mailbox.name,
  });
  if (!isParent) return;
  insertMailbox(context, {
    accountId,
    name: mailbox.name,
    isSelectable: false,
    specialUses: [],
  });
}

/** @see MailStore.renameMailbox */
export function* renameMailbox(
  context: WriteContext,
  { accountId, name, newName }: NamedMailbox & { readonly newName: string },
): SlicedWork<PartlyDone> {
  const { database } = context;
  const mailbox = requireMailbox(context, accountId, name);
  const existing = findMailboxRow(database, accountId, newName);
  if (existing !== undefined) throw alreadyExists(existing.name);
  const normalNewName = newMailboxName(newName);
  if (mailbox.name === 'INBOX') {
    const box = { accountId, mailboxId: mailbox.id };
    const target = createMailbox(context, { accountId, name: normalNewName, specialUses: [] });
    copyMetadata(database, box, target.mailboxId);
    // INBOX itself and its children stay (RFC 3501, section 6.3.5).
    yield* moveMessages(context, { box, uids: undefined, target });
    return {};
  }
  if (normalNewName.startsWith(`${mailbox.name}/`)) {
    throw new StoreError('CANNOT', 'A mailbox cannot become its own child');
  }
  makeParents(context, accountId, normalNewName);
  const moved: [number, string][] = [
    [mailbox.id, mailbox.name],
    ...childRows(database, accountId, mailbox.name),
  ];
  for (const [id, oldName] of moved) {
    const movedName = movedMailboxName(normalNewName + oldName.slice(mailbox.name.length));
    database.run('UPDATE mailboxes SET name = ? WHERE id = ?', movedName, id);
    context.noteInAccount(accountId, {
      kind: 'renamed',
      mailboxId: id,
      oldName,
      name: movedName,
    });
  }
  return {};
}

function requireMailbox(context: WriteContext, accountId: number, name: string): MailboxRow {
  const mailbox = findMailboxRow(context.database, accountId, name);
  if (mailbox === undefined) {
    throw new StoreError('NONEXISTENT', `No mailbox is named "${name}"`);
  }
  return mailbox;
}

function alreadyExists(name: string): StoreError {
  return new StoreError('ALREADYEXISTS', `A mailbox named "${name}" exists`);
}
