import type { ListArguments, ListOptions } from '../../../protocol/grammar/list.ts';
import { hierarchySeparator } from '../../../protocol/mailbox-name.ts';
import { type Mailbox, StoreError } from '../../../store/mail-store.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import { listEntries, writeMetadata } from '../metadata-response.ts';
import { isRemote, remoteNames } from '../remote-mailboxes.ts';
import type { Session } from '../session.ts';
import { findListedNames, type KnownNames, type ListedName, ListTurns } from './listed-names.ts';
import { writeStatus } from './status.ts';

/** Characters that are compared in the time that the counters of a mailbox take. */
const statusComparisons = 5000;

/**
 * @see RFC 3501, section 6.3.8; RFC 3348 (children); RFC 5258 (extended); RFC 5819 (STATUS); RFC 6154 (special use); RFC 9590 (METADATA)
 */
export const list: CommandHandler<'LIST'> = (session, command) =>
  listNames(session, command, command.options?.selected.has('REMOTE') === true);

/** @see RFC 2193, section 5.1 */
export const listWithRemote: CommandHandler<'RLIST'> = (session, { reference, pattern }) =>
  listNames(session, { reference, patterns: [pattern] }, true);

async function listNames(
  session: Session,
  { reference, patterns, options }: ListArguments,
  hasRemote: boolean,
): Promise<Completion> {
  const { out } = session;
  if (options === undefined && patterns[0] === '') {
    out.begin().atom('LIST').flags(['\\Noselect']).string(hierarchySeparator).string('').end();
    return { text: 'LIST completed' };
  }
  const turns = new ListTurns(out);
  const question = {
    // An empty one asks for nothing here, not for the separator, nor for what the reference says.
    patterns: patterns.filter((pattern) => pattern !== '').map((pattern) => reference + pattern),
    selected: options?.selected ?? new Set(),
  };
  const known = await readKnownNames(session, options, hasRemote);
  if (options?.statusItems?.includes('HIGHESTMODSEQ')) session.enableCondstore();
  for await (const listed of findListedNames(known, question, turns)) {
    writeName(session, listed, options);
    const status = writeStatusOf(session, listed, options);
    if (status !== undefined) await status;
    const metadata = writeMetadataOf(session, listed, options);
    if (metadata !== undefined) await metadata;
    const responses = [status, metadata].filter((response) => response !== undefined);
    const turn = turns.spend(responses.length * statusComparisons);
    if (turn !== undefined) await turn;
  }
  return { text: 'LIST completed' };
}

async function readKnownNames(
  session: Session,
  options: ListOptions | undefined,
  hasRemote: boolean,
): Promise<KnownNames> {
  const { store, accountId } = session;
  const mailboxes = await store.listMailboxes(accountId);
  const remote = hasRemote ? remoteNames(session) : [];
  if (options?.returned.has('SUBSCRIBED') !== true) return { mailboxes, remote };
  const subscriptions = await store.listSubscriptions(accountId);
  return {
    mailboxes,
    remote,
    subscriptions: hasRemote
      ? subscriptions
      : subscriptions.filter((name) => !isRemote(session, name)),
  };
}

function writeName(session: Session, listed: ListedName, options: ListOptions | undefined): void {
  const out = session.out.begin().atom('LIST');
  const attributes = attributesOf(session, listed, options);
  out.flags(attributes).string(hierarchySeparator).mailbox(listed.name);
  if (listed.hasSelectedBelow) {
    out.open().string('CHILDINFO').open().string('SUBSCRIBED').close().close();
  }
  out.end();
}

function attributesOf(
  session: Session,
  listed: ListedName,
  options: ListOptions | undefined,
): readonly string[] {
  if (!isRemote(session, listed.name)) {
    return options ? extendedAttributes(listed, options) : plainAttributes(session, listed);
  }
  // Whether it exists there, and has children, is not known here.
  if (options === undefined) return [];
  return listed.isSubscribed ? ['\\Remote', '\\Subscribed'] : ['\\Remote'];
}

/** All that the client may know, since it cannot ask. */
export function plainAttributes(
  session: Session,
  { mailbox }: Pick<ListedName, 'mailbox'>,
): readonly string[] {
  const attributes = mailbox?.isSelectable === true ? [] : ['\\Noselect'];
  if (!session.isOff('CHILDREN')) attributes.push(childrenAttribute(mailbox));
  if (!session.isOff('SPECIAL-USE')) attributes.push(...(mailbox?.specialUses ?? []));
  return attributes;
}

/** A level that is left of a deleted mailbox is told as what it is: it can be created, and nothing else. */
export function extendedAttributes(
  { mailbox, isSubscribed }: Pick<ListedName, 'mailbox' | 'isSubscribed'>,
  { returned }: Pick<ListOptions, 'returned'>,
): readonly string[] {
  const attributes = mailbox?.isSelectable === true ? [] : ['\\NonExistent'];
  if (isSubscribed) attributes.push('\\Subscribed');
  // What is below a level that does not exist is the reason to tell it (RFC 5258, section 3.5).
  const isLevel = mailbox?.isSelectable === false;
  if (returned.has('CHILDREN') || isLevel) attributes.push(childrenAttribute(mailbox));
  if (returned.has('SPECIAL-USE')) attributes.push(...(mailbox?.specialUses ?? []));
  return attributes;
}

function childrenAttribute(mailbox: ListedName['mailbox']): string {
  return mailbox?.hasChildren === true ? '\\HasChildren' : '\\HasNoChildren';
}

/**
 * The STATUS response of a name; undefined if it has none, since it is no mailbox or only told because of those below it.
 *
 * @see RFC 5819, section 2
 */
function writeStatusOf(
  session: Session,
  { mailbox, isSelected }: ListedName,
  options: ListOptions | undefined,
): Promise<void> | undefined {
  const items = options?.statusItems;
  if (items === undefined || !isSelected || mailbox?.isSelectable !== true) return undefined;
  return writeStatus(session, mailbox, items).catch(passOverGone);
}

/**
 * The METADATA responses of a name; undefined if it has none, as {@link writeStatusOf}.
 *
 * @see RFC 9590, section 3
 */
function writeMetadataOf(
  session: Session,
  { name, mailbox, isSelected }: ListedName,
  options: ListOptions | undefined,
): Promise<void> | undefined {
  const names = options?.metadataEntries;
  if (names === undefined || !isSelected || mailbox?.isSelectable !== true) return undefined;
  return writeEntries(session, name, { owner: mailbox, names }).catch(passOverGone);
}

async function writeEntries(
  session: Session,
  mailboxName: string,
  { owner, names }: { readonly owner: Mailbox; readonly names: readonly string[] },
): Promise<void> {
  const kept = new Set((await listEntries(session, owner)).map(({ name }) => name));
  const entries = names.map((name) => ({ name, isKept: kept.has(name) }));
  await writeMetadata(session, mailboxName, { owner, entries });
}

/** Deleted meanwhile: it has been told, and has no counters and no metadata. */
function passOverGone(error: unknown): void {
  if (!(error instanceof StoreError && error.code === 'NONEXISTENT')) throw error;
}
