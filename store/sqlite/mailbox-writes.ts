import { limits } from '../limits.ts';
import { StoreError, type Mailbox } from '../mail-store.ts';
import { checkMailboxName, parentNames } from '../names.ts';
import {
  childRows,
  findMailboxRow,
  hasChildren,
  insertMailbox,
  removeMailboxRow,
  takeUidValidity,
  type MailboxRow,
} from './mailbox-rows.ts';
import { moveSelection } from './expunge-writes.ts';
import { selectMessages } from './selection.ts';
import type { WriteContext } from './write-context.ts';

interface NamedMailbox {
  readonly accountId: number;
  readonly name: string;
}

/** @see MailStore.createMailbox */
export function createMailbox(context: WriteContext, { accountId, name }: NamedMailbox): Mailbox {
  const { database } = context;
  const normalName = checkMailboxName(name);
  checkAccount(context, accountId);
  const existing = findMailboxRow(database, accountId, normalName);
  if (existing?.isSelectable === true) throw alreadyExists(normalName);
  makeParents(context, accountId, normalName);
  const id = existing
    ? makeSelectable(context, existing)
    : insertMailbox(context, {
        accountId,
        name: normalName,
        isSelectable: true,
        specialUse: undefined,
      });
  return {
    accountId,
    mailboxId: id,
    name: normalName,
    isSelectable: true,
    hasChildren: hasChildren(database, accountId, normalName),
  };
}

function checkAccount({ database }: WriteContext, accountId: number): void {
  if (database.row('SELECT 1 FROM accounts WHERE id = ?', accountId) === undefined) {
    throw new StoreError('NONEXISTENT', 'The account does not exist');
  }
}

function makeParents(context: WriteContext, accountId: number, name: string): void {
  for (const parent of parentNames(name)) {
    if (findMailboxRow(context.database, accountId, parent) !== undefined) continue;
    insertMailbox(context, { accountId, name: parent, isSelectable: true, specialUse: undefined });
  }
}

function makeSelectable(context: WriteContext, level: MailboxRow): number {
  context.database.run(
    'UPDATE mailboxes SET is_selectable = 1, uid_validity = ? WHERE id = ?',
    takeUidValidity(context),
    level.id,
  );
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
  if (!isParent) return;
  insertMailbox(context, {
    accountId,
    name: mailbox.name,
    isSelectable: false,
    specialUse: undefined,
  });
}

/** @see MailStore.renameMailbox */
export function renameMailbox(
  context: WriteContext,
  { accountId, name, newName }: NamedMailbox & { readonly newName: string },
): void {
  const { database } = context;
  const mailbox = requireMailbox(context, accountId, name);
  const normalNewName = checkMailboxName(newName);
  if (findMailboxRow(database, accountId, normalNewName) !== undefined) {
    throw alreadyExists(normalNewName);
  }
  if (mailbox.name === 'INBOX') {
    emptyInbox(context, accountId, mailbox, normalNewName);
    return;
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
    const movedName = checkMailboxName(normalNewName + oldName.slice(mailbox.name.length));
    database.run('UPDATE mailboxes SET name = ? WHERE id = ?', movedName, id);
  }
}

/** @see RFC 3501, section 6.3.5: INBOX itself and its children stay */
function emptyInbox(
  context: WriteContext,
  accountId: number,
  inbox: MailboxRow,
  newName: string,
): void {
  const target = createMailbox(context, { accountId, name: newName });
  selectMessages(context, inbox.id, undefined);
  moveSelection(context, { accountId, mailboxId: inbox.id }, target);
}

function requireMailbox(context: WriteContext, accountId: number, name: string): MailboxRow {
  const mailbox = findMailboxRow(context.database, accountId, checkMailboxName(name));
  if (mailbox === undefined) {
    throw new StoreError('NONEXISTENT', `No mailbox is named "${name}"`);
  }
  return mailbox;
}

function alreadyExists(name: string): StoreError {
  return new StoreError('ALREADYEXISTS', `A mailbox named "${name}" exists`);
}

/** @see MailStore.subscribe */
export function subscribe(context: WriteContext, { accountId, name }: NamedMailbox): void {
  const { database } = context;
  checkAccount(context, accountId);
  const count = database.row<[number]>(
    'SELECT count(*) FROM subscriptions WHERE account_id = ?',
    accountId,
  );
  if ((count?.[0] ?? 0) >= limits.maxSubscriptions) {
    throw new StoreError(
      'LIMIT',
      `An account has at most ${limits.maxSubscriptions} subscriptions`,
    );
  }
  database.run(
    'INSERT OR IGNORE INTO subscriptions (account_id, name) VALUES (?, ?)',
    accountId,
    checkMailboxName(name),
  );
}

/** @see MailStore.unsubscribe */
export function unsubscribe({ database }: WriteContext, { accountId, name }: NamedMailbox): void {
  database.run(
    'DELETE FROM subscriptions WHERE account_id = ? AND name = ?',
    accountId,
    checkMailboxName(name),
  );
}
