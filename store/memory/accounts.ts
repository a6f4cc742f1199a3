import {
  type Account,
  type AccountEvent,
  type AccountUsage,
  type Credentials,
  type Mailbox,
  type MailboxKey,
  StoreError,
} from '../mail-store.ts';
import type { SpecialUse } from '../../protocol/special-use.ts';
import { limits } from '../limits.ts';
import { EventListeners } from '../event-listeners.ts';
import {
  findableMailboxName,
  firstMailboxes,
  movedMailboxName,
  newMailboxName,
  parentNames,
  sortByMailboxName,
  useIsTaken,
} from '../names.ts';
import type { BodyPool } from './bodies.ts';
import type { Commit } from './commit.ts';
import { MemoryMailbox } from './mailbox.ts';
import { MemoryMetadata } from './metadata.ts';

/** What a new mailbox is made of. */
type NewMailbox = Pick<
  MemoryMailbox,
  'accountId' | 'accountListeners' | 'name' | 'isSelectable' | 'specialUses'
>;

/** The mailboxes of all accounts, by what names them for good. */
export class MailboxIndex {
  readonly #bodies: BodyPool;
  readonly #byId = new Map<number, MemoryMailbox>();
  #lastId = 0;
  #lastUidValidity = 0;

  constructor(bodies: BodyPool) {
    this.#bodies = bodies;
  }

  all(): Iterable<MemoryMailbox> {
    return this.#byId.values();
  }

  /** `NONEXISTENT`, also if it is another account's. */
  find({ accountId, mailboxId }: MailboxKey): MemoryMailbox {
    const mailbox = this.#byId.get(mailboxId);
    if (mailbox?.accountId !== accountId) {
      throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
    }
    return mailbox;
  }

  /** One that takes so many messages more. `NONEXISTENT`, `LIMIT`. */
  findTarget(box: MailboxKey, count: number): MemoryMailbox {
    const mailbox = this.find(box);
    if (!mailbox.isSelectable) throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
    mailbox.checkRoom(count);
    return mailbox;
  }

  make(commit: Commit, mailbox: NewMailbox): MemoryMailbox {
    const id = ++this.#lastId;
    const uidValidity = this.takeUidValidity(commit);
    const made = new MemoryMailbox(this.#bodies, { ...mailbox, id, uidValidity });
    this.#byId.set(id, made);
    return made;
  }

  /**
   * A UIDVALIDITY that no mailbox of the store ever had: seconds since 1970, pushed ahead if several are taken in one
   * second, so that the store of the next process has others too (RFC 3501, section 2.3.1.1).
   */
  takeUidValidity({ nowMs }: Commit): number {
    this.#lastUidValidity = Math.max(this.#lastUidValidity + 1, Math.floor(nowMs / 1000));
    return this.#lastUidValidity;
  }

  remove(commit: Commit, mailbox: MemoryMailbox): void {
    this.#byId.delete(mailbox.id);
    mailbox.removeAll(commit);
  }
}

/** An account: its credentials, and its mailboxes by name. */
export class MemoryAccount {
  readonly id: number;
  readonly name: string;
  readonly metadata = new MemoryMetadata();
  readonly listeners = new EventListeners<AccountEvent>();
  #credentials: Credentials;
  readonly #index: MailboxIndex;
  readonly #mailboxes = new Map<string, MemoryMailbox>();
  readonly #subscriptions = new Set<string>();

  /** With the mailboxes that a new account has. */
  constructor(commit: Commit, index: MailboxIndex, account: Account) {
    this.id = account.id;
    this.name = account.name;
    this.#credentials = account.credentials;
    this.#index = index;
    for (const { name, specialUses } of firstMailboxes) {
      this.#make(commit, name, { specialUses });
      this.#subscriptions.add(name);
    }
  }

  /** @see MailStore.changeCredentials */
  change(commit: Commit, credentials: Credentials): void {
    this.#credentials = credentials;
    commit.noteInAccount(this.listeners, { kind: 'credentials' });
  }

  /** A copy of what it is now. */
  get account(): Account {
    return { id: this.id, name: this.name, credentials: { ...this.#credentials } };
  }

  /** @see MailStore.readUsage */
  get usage(): AccountUsage {
    const statuses = Array.from(this.#mailboxes.values(), ({ status }) => status);
    return {
      messageCount: statuses.reduce((sum, { messageCount }) => sum + messageCount, 0),
      sizeBytes: statuses.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }

  /** @see MailStore.listMailboxes */
  list(): Mailbox[] {
    const parents = new Set(Array.from(this.#mailboxes.keys(), parentName));
    return sortByMailboxName([...this.#mailboxes.values()], ({ name }) => name).map((mailbox) =>
      toMailbox(mailbox, parents.has(mailbox.name)),
    );
  }

  /** @see MailStore.findMailbox */
  find(name: string): Mailbox | undefined {
    const mailbox = this.#find(name);
    return mailbox && toMailbox(mailbox, this.#hasChildren(mailbox.name));
  }

  /** @see MailStore.createMailbox */
  create(commit: Commit, name: string, specialUses: readonly SpecialUse[] = []): MemoryMailbox {
    const existing = this.#find(name);
    if (existing?.isSelectable === true) throw alreadyExists(existing.name);
    const normalName = existing?.name ?? newMailboxName(name);
    this.#checkUses(specialUses);
    this.#checkCount([...this.#missingParents(normalName), ...(existing ? [] : [normalName])]);
    this.#makeParents(commit, normalName);
    if (existing === undefined) return this.#make(commit, normalName, { specialUses });
    existing.isSelectable = true;
    existing.specialUses = [...specialUses];
    existing.uidValidity = this.#index.takeUidValidity(commit);
    this.#noteCreated(commit, existing);
    return existing;
  }

  /** @see MailStore.deleteMailbox */
  delete(commit: Commit, name: string): void {
    const mailbox = this.#require(name);
    if (mailbox.name === 'INBOX') throw new StoreError('CANNOT', 'INBOX cannot be deleted');
    const isParent = this.#hasChildren(mailbox.name);
    if (isParent && !mailbox.isSelectable) {
      throw new StoreError('HASCHILDREN', `"${mailbox.name}" has children`);
    }
    this.#mailboxes.delete(mailbox.name);
    this.#index.remove(commit, mailbox);
    const { id: mailboxId } = mailbox;
    commit.noteInAccount(this.listeners, { kind: 'deleted', mailboxId, name: mailbox.name });
    if (isParent) this.#make(commit, mailbox.name, { isSelectable: false });
  }

  /** @see MailStore.renameMailbox; INBOX is not renamed but emptied, which is the store's to do */
  rename(commit: Commit, name: string, newName: string): void {
    const mailbox = this.#require(name);
    const normalNewName = this.checkNewName(newName);
    if (normalNewName.startsWith(`${mailbox.name}/`)) {
      throw new StoreError('CANNOT', 'A mailbox cannot become its own child');
    }
    const renamed = [...this.#mailboxes.values()]
      .filter((each) => each === mailbox || each.name.startsWith(`${mailbox.name}/`))
      .map((each) => ({
        mailbox: each,
        movedName: movedMailboxName(normalNewName + each.name.slice(mailbox.name.length)),
      }));
    this.#checkCount(this.#missingParents(normalNewName));
    this.#makeParents(commit, normalNewName);
    for (const { mailbox: each } of renamed) this.#mailboxes.delete(each.name);
    for (const { mailbox: each, movedName } of renamed) {
      const names = { oldName: each.name, name: movedName };
      each.name = movedName;
      this.#mailboxes.set(movedName, each);
      commit.noteInAccount(this.listeners, { kind: 'renamed', mailboxId: each.id, ...names });
    }
  }

  /** The name as it is kept, if no mailbox has it. `CANNOT`, `ALREADYEXISTS`. */
  checkNewName(name: string): string {
    const existing = this.#find(name);
    if (existing !== undefined) throw alreadyExists(existing.name);
    return newMailboxName(name);
  }

  removeAll(commit: Commit): void {
    for (const mailbox of this.#mailboxes.values()) this.#index.remove(commit, mailbox);
    commit.noteInAccount(this.listeners, { kind: 'gone' });
  }

  /** Its own, and those of all its mailboxes. */
  get allMetadata(): MemoryMetadata[] {
    return [this.metadata, ...Array.from(this.#mailboxes.values(), ({ metadata }) => metadata)];
  }

  /** @see MailStore.subscribe */
  subscribe(commit: Commit, name: string): void {
    const normalName = newMailboxName(name);
    if (this.#subscriptions.size >= limits.maxSubscriptions) {
      throw new StoreError(
        'LIMIT',
        `An account has at most ${limits.maxSubscriptions} subscriptions`,
      );
    }
    if (this.#subscriptions.has(normalName)) return;
    this.#subscriptions.add(normalName);
    commit.noteInAccount(this.listeners, { kind: 'subscribed', name: normalName });
  }

  /** @see MailStore.unsubscribe */
  unsubscribe(commit: Commit, name: string): void {
    const normalName = findableMailboxName(name);
    if (normalName === undefined || !this.#subscriptions.delete(normalName)) return;
    commit.noteInAccount(this.listeners, { kind: 'unsubscribed', name: normalName });
  }

  /** @see MailStore.listSubscriptions */
  get subscriptions(): string[] {
    return sortByMailboxName([...this.#subscriptions], (name) => name);
  }

  /** @see MailStore.isSubscribed */
  isSubscribed(name: string): boolean {
    return this.#subscriptions.has(name);
  }

  #make(
    commit: Commit,
    name: string,
    {
      isSelectable = true,
      specialUses = [],
    }: { isSelectable?: boolean; specialUses?: readonly SpecialUse[] },
  ): MemoryMailbox {
    const mailbox = this.#index.make(commit, {
      accountId: this.id,
      accountListeners: this.listeners,
      name,
      isSelectable,
      specialUses: [...specialUses],
    });
    this.#mailboxes.set(name, mailbox);
    this.#noteCreated(commit, mailbox);
    return mailbox;
  }

  #noteCreated(commit: Commit, mailbox: MemoryMailbox): void {
    const told = toMailbox(mailbox, this.#hasChildren(mailbox.name));
    commit.noteInAccount(this.listeners, { kind: 'created', mailbox: told });
  }

  #missingParents(name: string): string[] {
    return parentNames(name).filter((parent) => !this.#mailboxes.has(parent));
  }

  #makeParents(commit: Commit, name: string): void {
    for (const parent of this.#missingParents(name)) this.#make(commit, parent, {});
  }

  /** `USEATTR` if a mailbox has one of them. */
  #checkUses(specialUses: readonly SpecialUse[]): void {
    for (const mailbox of this.#mailboxes.values()) {
      const taken = mailbox.specialUses.find((use) => specialUses.includes(use));
      if (taken !== undefined) throw useIsTaken(taken, mailbox.name);
    }
  }

  /** `LIMIT` if the account has no room for so many more. */
  #checkCount(added: readonly string[]): void {
    if (this.#mailboxes.size + added.length > limits.maxMailboxes) {
      throw new StoreError('LIMIT', `An account has at most ${limits.maxMailboxes} mailboxes`);
    }
  }

  #find(name: string): MemoryMailbox | undefined {
    const normalName = findableMailboxName(name);
    return normalName === undefined ? undefined : this.#mailboxes.get(normalName);
  }

  #require(name: string): MemoryMailbox {
    const mailbox = this.#find(name);
    if (mailbox === undefined) {
      throw new StoreError('NONEXISTENT', `No mailbox is named "${name}"`);
    }
    return mailbox;
  }

  #hasChildren(name: string): boolean {
    for (const each of this.#mailboxes.keys()) if (each.startsWith(`${name}/`)) return true;
    return false;
  }
}

function toMailbox(
  { accountId, id, name, isSelectable, specialUses }: MemoryMailbox,
  hasChildren: boolean,
): Mailbox {
  return {
    accountId,
    mailboxId: id,
    name,
    isSelectable,
    hasChildren,
    specialUses: [...specialUses],
  };
}

function parentName(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

function alreadyExists(name: string): StoreError {
  return new StoreError('ALREADYEXISTS', `A mailbox named "${name}" exists`);
}
