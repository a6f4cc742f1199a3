import type { EventName } from '../../../protocol/grammar/notify.ts';
import type { FilteredMailbox } from '../../../protocol/mailbox-filter.ts';
import { parentNames } from '../../../store/names.ts';
import { extendedAttributes } from '../commands/list.ts';
import { writeListedName } from '../commands/tell-name.ts';
import { writeChangedEntries } from '../metadata-news.ts';
import type { Session } from '../session.ts';
import type { NameChange } from './account-watch.ts';

/** What the client wants to be told of a mailbox; without one: of the server. */
type WantedOf = (mailbox?: FilteredMailbox) => ReadonlySet<EventName>;

/**
 * Tells what has become of a name, by LIST responses that say how it is now: that something is gone, renamed, or subscribed. If a
 * mailbox is made or deleted, also of the one above it.
 *
 * Of metadata it tells which entries have changed.
 *
 * @see RFC 5465, sections 5.4 to 5.7
 */
export async function tellNameChange(
  session: Session,
  { kind, name, oldName, metadata }: NameChange,
  wantedOf: WantedOf,
): Promise<void> {
  if (metadata !== undefined) {
    // RFC 5465, section 5: not what the client does itself.
    if (metadata.author === session.id || !(await wantsMetadata(session, name, wantedOf))) return;
    return writeChangedEntries(session.out, name, metadata.entries);
  }
  if (kind === 'subscribed' || kind === 'unsubscribed') {
    // A name that was subscribed up to now is one of those that are.
    const isWanted =
      wantedOf({ name, isSubscribed: true }).has('SubscriptionChange') ||
      wantedOf({ name, isSubscribed: false }).has('SubscriptionChange');
    if (isWanted) await writeName(session, name);
    return;
  }
  const parent = kind === 'renamed' ? undefined : parentNames(name).at(-1);
  for (const affected of parent === undefined ? [name] : [name, parent]) {
    const { store, accountId } = session;
    const isSubscribed = await store.isSubscribed(accountId, affected);
    const wasSubscribed = oldName !== undefined && (await store.isSubscribed(accountId, oldName));
    const isWanted =
      wantedOf({ name: affected, isSubscribed }).has('MailboxName') ||
      (oldName !== undefined &&
        wantedOf({ name: oldName, isSubscribed: wasSubscribed }).has('MailboxName'));
    if (isWanted) await writeName(session, affected, oldName);
  }
}

function wantsMetadata(session: Session, name: string, wantedOf: WantedOf): Promise<boolean> {
  if (name === '') return Promise.resolve(wantedOf().has('ServerMetadataChange'));
  return session.store
    .isSubscribed(session.accountId, name)
    .then((isSubscribed) => wantedOf({ name, isSubscribed }).has('MailboxMetadataChange'));
}

async function writeName(session: Session, name: string, oldName?: string): Promise<void> {
  const { store, accountId } = session;
  const isSubscribed = await store.isSubscribed(accountId, name);
  const mailbox = await store.findMailbox(accountId, name);
  const returned = new Set<'CHILDREN' | 'SPECIAL-USE'>();
  if (!session.isOff('CHILDREN')) returned.add('CHILDREN');
  if (!session.isOff('SPECIAL-USE')) returned.add('SPECIAL-USE');
  const attributes = extendedAttributes({ mailbox, isSubscribed }, { returned });
  writeListedName(session, name, attributes, oldName);
}
