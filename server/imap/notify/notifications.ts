import type { FetchItem } from '../../../protocol/fetch-item.ts';
import {
  type EventGroup,
  type EventName,
  isEventOfMessages,
  isOfSelected,
  type NotifyArguments,
} from '../../../protocol/grammar/notify.ts';
import type { StatusItem } from '../../../protocol/grammar/status.ts';
import { type FilteredMailbox, takesMailbox } from '../../../protocol/mailbox-filter.ts';
import { mergeUids, noUids, withoutUids } from '../../../protocol/sorted-uids.ts';
import { takeTurn } from '../../../store/turns.ts';
import { hasItem } from '../commands/fetch-response.ts';
import { writeCounters } from '../commands/status.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import { allEvents, type WantedEvents } from '../wanted-events.ts';
import type { AccountReader, AccountWatch } from './account-watch.ts';
import type { ChangedMailbox } from './changed-mailboxes.ts';
import { tellNameChange } from './tell-names.ts';
import { tellNewMessages } from './tell-new-messages.ts';

const noEvents: ReadonlySet<EventName> = new Set();

/** Mailboxes that are looked at in one turn, of which each takes the store some 20 microseconds. */
const turnMailboxes = 50;

/**
 * What one client has asked to be told of by NOTIFY, and up to which version of its account it has been told. Of the selected
 * mailbox its view tells ({@link wanted}); all else is told by {@link tell}.
 */
export class Notifications implements AccountReader {
  /** Called after changes of the account. */
  onNews: (() => void) | undefined;
  readonly #session: Session;
  /** Of the selected mailbox; undefined if the client wants nothing of it. */
  #ofSelected: EventGroup | undefined;
  /** Of others. */
  #groups: readonly EventGroup[] = [];
  #watch: AccountWatch | undefined;
  #unfollow: (() => void) | undefined;
  #toldNames = 0;
  #toldStates = 0;
  /** Versions of mailboxes up to which all that is not told was done by the client itself. */
  readonly #ownStates = new Map<number, number>();
  /** Versions of changes of names that the client has made itself. */
  readonly #ownNames = new Set<number>();
  /** Mailboxes that are to be told of whatever has changed: they were selected, and the client did not hear all. */
  readonly #owed = new Set<number>();
  /** Messages that the client has added itself to the mailbox that it has selected. */
  #ownUids: Uint32Array = noUids;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Replaces what the client wants. What has happened before, elsewhere than in the selected mailbox, is not told. */
  async set({ groups }: Pick<NotifyArguments, 'groups'>): Promise<void> {
    const { accountWatches } = this.#session.context;
    const others = groups.filter(({ filter }) => !isOfSelected(filter));
    const isWatching = others.some(({ events }) => events.size > 0);
    const watch = isWatching ? await accountWatches.acquire(this.#session.accountId) : undefined;
    this.end();
    this.#ofSelected = groups.find(({ filter }) => isOfSelected(filter));
    this.#groups = others;
    this.#watch = watch;
    this.#toldNames = watch?.version ?? 0;
    this.#toldStates = this.#toldNames;
    this.#unfollow = watch?.follow(this);
    this.#setWanted();
  }

  /** The client wants nothing any more, or is gone. */
  end(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
    if (this.#watch !== undefined) this.#session.context.accountWatches.release(this.#watch);
    this.#watch = undefined;
    this.#groups = [];
    this.#ofSelected = undefined;
    this.#ownStates.clear();
    this.#ownNames.clear();
    this.#owed.clear();
  }

  /** What the client is told of the mailbox that it has selected. */
  get wanted(): WantedEvents {
    const { events = noEvents, newMessageItems = [] } = this.#ofSelected ?? {};
    const isEmpty = newMessageItems.length === 0;
    return {
      messages: events.has('MessageNew'),
      flags: events.has('FlagChange'),
      ...(!isEmpty && { tellNew: (uids) => this.#tellNew(uids, newMessageItems) }),
    };
  }

  /** True if something may be told to the client while it waits for no command. */
  get isActive(): boolean {
    return this.#watch !== undefined || this.wanted.messages;
  }

  /** True if the client is told of messages that are gone while it waits for no command. @see RFC 5465, section 6.1 */
  get tellsGone(): boolean {
    return this.#ofSelected?.filter.kind === 'selected';
  }

  get toldNames(): number {
    return this.#wantsNames ? this.#toldNames : Infinity;
  }

  onAccountChange(): void {
    this.onNews?.();
  }

  /** True if {@link tell} has something to look at. */
  get hasNews(): boolean {
    if (this.#watch === undefined) return false;
    const { version } = this.#watch;
    return this.#toldNames !== version || this.#toldStates !== version || this.#owed.size > 0;
  }

  /** Tells all that has happened since, but for what the view of the selected mailbox tells. Waits for a client that lags. */
  async tell(): Promise<void> {
    // Ends when the client has been told all; more may happen while it is told.
    for (let watch = this.#watch; watch !== undefined && this.hasNews; watch = this.#watch) {
      if (!(await this.#tellNames(watch))) return this.#overflow();
      if (this.#watch === watch) await this.#tellStates(watch);
    }
  }

  /** Tells the counters of all mailboxes of which the client wants to know what happens to messages. */
  async tellCounters(): Promise<void> {
    const { store, accountId } = this.#session;
    const subscribed = new Set(await store.listSubscriptions(accountId));
    let left = turnMailboxes;
    for (const mailbox of await store.listMailboxes(accountId)) {
      if ((left -= 1) === 0) left = await this.#nextTurn();
      const { mailboxId, name, isSelectable } = mailbox;
      if (!isSelectable || this.#isSelected(mailboxId)) continue;
      const wanted = this.#wantedOf({ name, isSubscribed: subscribed.has(name) });
      if (!wanted.has('MessageNew')) continue;
      const described = await this.#watch?.describe(mailboxId);
      if (described === undefined) continue;
      const hasModseq = wanted.has('FlagChange') && !this.#session.isOff('CONDSTORE');
      writeCounters(this.#session, described, this.#statusItems(wanted, hasModseq));
    }
  }

  /** The client changes messages of a mailbox that is not selected, or adds some to that which is, by itself. */
  noteOwnMessages(mailboxId: number, modseq: number, uids: Uint32Array = noUids): void {
    if (this.#isSelected(mailboxId)) {
      if (this.#ofSelected?.newMessageItems.length)
        this.#ownUids = mergeUids([this.#ownUids, uids]);
      return;
    }
    const told = Math.max(this.#toldStates, this.#ownStates.get(mailboxId) ?? 0);
    const version = this.#watch?.changed.versionOfOnly(mailboxId, modseq, told);
    if (version !== undefined) this.#ownStates.set(mailboxId, version);
  }

  /**
   * Does what the client asks for, and does not tell it of that.
   *
   * @param names - of the mailboxes that it names
   */
  async omitOwn<Result>(names: readonly string[], work: () => Promise<Result>): Promise<Result> {
    const since = this.#watch?.version ?? 0;
    const result = await work();
    for (
      let change = this.#watch?.nextName(since);
      change !== undefined;
      change = this.#watch?.nextName(change.version)
    ) {
      const { name, version } = change;
      if (names.some((own) => isRelated(own, name))) this.#ownNames.add(version);
    }
    return result;
  }

  /** The mailbox is not selected any more. */
  noteUnselected(view: MailboxView): void {
    this.#ownUids = noUids;
    view.wanted = allEvents;
    if (this.#watch !== undefined && view.hasNews) this.#owed.add(view.box.mailboxId);
  }

  get #wantsNames(): boolean {
    return this.#groups.some(({ events }) =>
      [...events].some((event) => !isEventOfMessages(event)),
    );
  }

  /** What the client wants to be told of any mailbox. */
  get #allWanted(): ReadonlySet<EventName> {
    return new Set(this.#groups.flatMap(({ events }) => [...events]));
  }

  #setWanted(): void {
    const { selected } = this.#session;
    if (selected !== undefined) selected.wanted = this.wanted;
  }

  #isSelected(mailboxId: number): boolean {
    return this.#session.selected?.box.mailboxId === mailboxId;
  }

  /** What the client wants to be told of a mailbox that is not selected. NONE for it means nothing, whatever others say. */
  #wantedOf(mailbox: FilteredMailbox): ReadonlySet<EventName> {
    const groups = this.#groups.filter(({ filter }) => takesMailbox(filter, mailbox));
    if (groups.some(({ events }) => events.size === 0)) return noEvents;
    const [first] = groups;
    if (groups.length <= 1) return first?.events ?? noEvents;
    return new Set(groups.flatMap(({ events }) => [...events]));
  }

  #statusItems(wanted: ReadonlySet<EventName>, hasModseq: boolean): readonly StatusItem[] {
    return [
      'MESSAGES',
      'UIDNEXT',
      'UIDVALIDITY',
      ...(wanted.has('FlagChange') ? (['UNSEEN'] as const) : []),
      ...(hasModseq || this.#session.hasCondstore ? (['HIGHESTMODSEQ'] as const) : []),
    ];
  }

  /** False if some changes were forgotten before the client could be told. */
  async #tellNames(watch: AccountWatch): Promise<boolean> {
    if (!this.#wantsNames) {
      this.#toldNames = watch.version;
      return true;
    }
    let left = turnMailboxes;
    for (;;) {
      if (watch.hasForgotten(this.#toldNames)) return false;
      const change = watch.nextName(this.#toldNames);
      if (change === undefined) break;
      this.#toldNames = change.version;
      if (this.#ownNames.delete(change.version)) continue;
      // Each is told as it is now, so that one of several at once is enough.
      const next = watch.nextName(change.version);
      if (next?.name === change.name && next.kind === 'created' && change.kind === 'deleted') {
        continue;
      }
      const wantedOf = (mailbox?: FilteredMailbox) =>
        mailbox === undefined ? this.#allWanted : this.#wantedOf(mailbox);
      await tellNameChange(this.#session, change, wantedOf);
      if ((left -= 1) === 0 || this.#session.out.isFull) left = await this.#nextTurn();
      if (this.#watch !== watch) return true;
    }
    this.#toldNames = watch.version;
    watch.forgetNames();
    return true;
  }

  async #tellStates(watch: AccountWatch): Promise<void> {
    const [since, until] = [this.#toldStates, watch.version];
    for (const mailboxId of this.#owed) {
      this.#owed.delete(mailboxId);
      const changed = { mailboxId, messages: until + 1, flags: until + 1, unseen: until + 1 };
      await this.#tellState(watch, changed, until);
    }
    let left = turnMailboxes;
    for (
      let changed = watch.changed.next(0, since);
      changed !== undefined;
      changed = watch.changed.next(changed.mailboxId, since)
    ) {
      const own = this.#ownStates.get(changed.mailboxId) ?? 0;
      this.#ownStates.delete(changed.mailboxId);
      await this.#tellState(watch, changed, Math.max(since, own));
      if ((left -= 1) === 0 || this.#session.out.isFull) left = await this.#nextTurn();
      if (this.#watch !== watch) return;
    }
    this.#toldStates = until;
    this.#ownStates.clear();
  }

  /** Tells the counters of a mailbox if something of it is wanted that has happened since. @see RFC 5465, sections 5.1 to 5.3 */
  async #tellState(watch: AccountWatch, changed: ChangedMailbox, since: number): Promise<void> {
    const { mailboxId } = changed;
    if (Math.max(changed.messages, changed.flags) <= since || this.#isSelected(mailboxId)) return;
    const described = await watch.describe(mailboxId);
    if (described === undefined || this.#watch !== watch || this.#isSelected(mailboxId)) return;
    const { mailbox, isSubscribed } = described;
    const wanted = this.#wantedOf({ name: mailbox.name, isSubscribed });
    if (!wanted.has('MessageNew')) return;
    // Reading it may have found that another number of messages is unseen.
    const { unseen } = watch.changed.find(mailboxId) ?? changed;
    const flags = this.#session.hasCondstore ? changed.flags : Math.max(unseen, changed.unseen);
    const isWanted = changed.messages > since || (wanted.has('FlagChange') && flags > since);
    if (isWanted) writeCounters(this.#session, described, this.#statusItems(wanted, false));
  }

  async #tellNew(uids: Uint32Array, items: readonly FetchItem[]): Promise<void> {
    const told = withoutUids(uids, this.#ownUids);
    this.#ownUids = noUids;
    const { hasCondstore, hasQresync } = this.#session;
    const needsUid = hasQresync && !hasItem(items, 'UID');
    const needsModseq = hasCondstore && hasItem(items, 'FLAGS') && !hasItem(items, 'MODSEQ');
    await tellNewMessages(this.#session, told, [
      ...(needsUid ? [{ item: 'UID' } as const] : []),
      ...items,
      ...(needsModseq ? [{ item: 'MODSEQ' } as const] : []),
    ]);
  }

  async #nextTurn(): Promise<number> {
    const { out } = this.#session;
    out.flush();
    await out.ready();
    await takeTurn();
    return turnMailboxes;
  }

  /** The client was not told in time. @see RFC 5465, section 5.8 */
  #overflow(): void {
    this.end();
    this.#setWanted();
    this.#session.out.status('*', 'OK', 'You have not read in time', 'NOTIFICATIONOVERFLOW');
  }
}

/** True for a name, for those above it and for those below it. */
function isRelated(name: string, other: string): boolean {
  return name === other || name.startsWith(`${other}/`) || other.startsWith(`${name}/`);
}
