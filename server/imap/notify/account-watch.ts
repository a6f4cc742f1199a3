import { nextTick } from 'node:process';
import {
  type AccountEvent,
  type Mailbox,
  type MailboxStatus,
  type MailStore,
  type MetadataChange,
  StoreError,
} from '../../../store/mail-store.ts';
import { maxDescribedMailboxes, maxOwedNameBytes } from '../limits.ts';
import { ChangedMailboxes } from './changed-mailboxes.ts';

/** What happened to the name of a mailbox, or to metadata. */
export interface NameChange {
  /** The version of the account that it made. */
  readonly version: number;
  readonly kind: 'created' | 'deleted' | 'renamed' | 'subscribed' | 'unsubscribed' | 'metadata';
  /** Empty for metadata of the account. */
  readonly name: string;
  /** Of a mailbox that is renamed. */
  readonly oldName?: string;
  /** Which entries of metadata were set or removed, and by whom. */
  readonly metadata?: Pick<MetadataChange, 'entries' | 'author'>;
}

/** A mailbox as it is when it is asked for. */
export interface DescribedMailbox {
  readonly mailbox: Mailbox;
  readonly isSubscribed: boolean;
  readonly status: MailboxStatus;
}

/** Whoever follows an account. */
export interface AccountReader {
  /** The changes of names up to this version are told, or it does not want any. */
  readonly toldNames: number;
  /** Called after changes, several of them at a time. */
  onAccountChange(): void;
}

/** What a change of a name takes beside its characters, about. */
const nameChangeBytes = 128;

/**
 * What happens to the mailboxes of an account, for all clients of a thread that want to know: one subscription to the store's
 * events, whichever thread makes the changes. Each event makes a new version of the account. A client remembers the version up to
 * which it has been told all, and finds here what has happened since; that costs the same for one client and for a hundred.
 */
export class AccountWatch {
  readonly accountId: number;
  readonly changed = new ChangedMailboxes();
  readonly #store: MailStore;
  readonly #readers = new Set<AccountReader>();
  /** Changes of names that some reader has not told yet, the oldest first. */
  readonly #names: NameChange[] = [];
  #nameBytes = 0;
  /** Changes of names up to this version are not known any more. */
  #forgottenVersion = 0;
  #version = 0;
  /** The last change, if it was that of a name of which children may follow. */
  #parent: NameChange | undefined;
  /** What has been read of mailboxes that have not changed since. */
  readonly #described = new Map<number, Promise<DescribedMailbox | undefined>>();
  #isTelling = false;
  #close: (() => void) | undefined;

  private constructor(store: MailStore, accountId: number) {
    this.#store = store;
    this.accountId = accountId;
  }

  /** Watches the account from now on. `NONEXISTENT`. */
  static async open(store: MailStore, accountId: number): Promise<AccountWatch> {
    const watch = new AccountWatch(store, accountId);
    watch.#close = await store.watchAccount(accountId, watch.#onEvent);
    return watch;
  }

  /** The present version of the account, from 0 up. */
  get version(): number {
    return this.#version;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Bytes that changes of names take, about. */
  get nameBytes(): number {
    return this.#nameBytes;
  }

  /** Adds a reader; the return value removes it. */
  follow(reader: AccountReader): () => void {
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
      this.forgetNames();
    };
  }

  close(): void {
    this.#close?.();
    this.#close = undefined;
  }

  /** The first change of a name after a version; undefined if there is none. */
  nextName(version: number): NameChange | undefined {
    return this.#names.find((change) => change.version > version);
  }

  /** True if some changes of names after this version are not known any more: who wanted them has not told them in time. */
  hasForgotten(version: number): boolean {
    return version < this.#forgottenVersion;
  }

  /** Lets go of what all readers have told. */
  forgetNames(): void {
    let told = this.#version;
    for (const { toldNames } of this.#readers) told = Math.min(told, toldNames);
    while (this.#names[0] !== undefined && this.#names[0].version <= told) this.#dropName();
  }

  /** What a mailbox is now; undefined if it is gone, or only holds others. Read once for all readers. */
  describe(mailboxId: number): Promise<DescribedMailbox | undefined> {
    const known = this.#described.get(mailboxId);
    if (known !== undefined) return known;
    const [oldest] = this.#described.keys();
    if (this.#described.size >= maxDescribedMailboxes) this.#described.delete(oldest!);
    const described = this.#read(mailboxId);
    this.#described.set(mailboxId, described);
    described.catch(() => this.#described.delete(mailboxId));
    return described;
  }

  async #read(mailboxId: number): Promise<DescribedMailbox | undefined> {
    const { accountId } = this;
    const mailbox = await this.#store.findMailboxById({ accountId, mailboxId });
    if (mailbox?.isSelectable !== true) return undefined;
    try {
      const status = await this.#store.readStatus(mailbox);
      this.changed.noteRead(mailboxId, status);
      const isSubscribed = await this.#store.isSubscribed(accountId, mailbox.name);
      return { mailbox, isSubscribed, status };
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NONEXISTENT') return undefined;
      throw error;
    }
  }

  readonly #onEvent = (event: AccountEvent): void => {
    switch (event.kind) {
      case 'credentials':
      case 'gone':
        return;
      case 'changed':
        this.#version += 1;
        this.#described.delete(event.mailboxId);
        this.changed.noteChange(event.mailboxId, this.#version, event);
        break;
      default:
        this.#version += 1;
        this.#described.clear();
        this.#noteName(event);
    }
    this.#tellSoon();
  };

  #noteName(event: NameEvent): void {
    const version = this.#version;
    switch (event.kind) {
      case 'created':
        this.changed.noteName(event.mailbox.mailboxId, version);
        this.#addName({ version, kind: 'created', name: event.mailbox.name });
        break;
      case 'renamed':
        this.changed.noteName(event.mailboxId, version);
        // RFC 5465, section 5.4: of children nothing is told.
        if (this.#parent !== undefined && isBelow(event, this.#parent)) return;
        this.#addName({ ...event, version });
        break;
      case 'deleted':
        this.changed.remove(event.mailboxId);
        this.#addName({ version, kind: 'deleted', name: event.name });
        break;
      case 'metadata': {
        const { mailbox, entries, author } = event;
        const metadata = { entries, author };
        this.#addName({ version, kind: 'metadata', name: mailbox?.name ?? '', metadata });
        break;
      }
      default:
        this.#addName({ ...event, version });
    }
  }

  #addName(change: NameChange): void {
    this.#parent = change.kind === 'renamed' ? change : undefined;
    this.#names.push(change);
    this.#nameBytes += bytesOf(change);
    this.forgetNames();
    while (this.#nameBytes > maxOwedNameBytes) this.#forgottenVersion = this.#dropName();
  }

  /** Drops the oldest; its version. */
  #dropName(): number {
    const dropped = this.#names.shift()!;
    this.#nameBytes -= bytesOf(dropped);
    return dropped.version;
  }

  /** Changes of one commit are told together. */
  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    nextTick(() => {
      this.#isTelling = false;
      for (const reader of this.#readers) reader.onAccountChange();
    });
  }
}

type NameEvent = Exclude<AccountEvent, { readonly kind: 'changed' | 'credentials' | 'gone' }>;

function bytesOf({ name, oldName = '', metadata }: NameChange): number {
  const entries = metadata?.entries ?? [];
  const characters = entries.reduce((sum, entry) => sum + entry.length, 0);
  return nameChangeBytes * (1 + entries.length) + 2 * (name.length + oldName.length + characters);
}

/** True for a mailbox that is renamed since the one above it is. */
function isBelow(
  { oldName, name }: { readonly oldName: string; readonly name: string },
  parent: NameChange,
): boolean {
  const { oldName: oldParent = '' } = parent;
  if (!oldName.startsWith(`${oldParent}/`)) return false;
  return name === parent.name + oldName.slice(oldParent.length);
}

/** Those of a thread, by account. Clients of the same account share one. */
export class AccountWatches {
  readonly #store: MailStore;
  readonly #watches = new Map<number, { users: number; readonly watch: Promise<AccountWatch> }>();

  constructor(store: MailStore) {
    this.#store = store;
  }

  /** Accounts that are watched. */
  get count(): number {
    return this.#watches.size;
  }

  /** The watch of an account; who has it {@link release}s it. `NONEXISTENT`. */
  async acquire(accountId: number): Promise<AccountWatch> {
    const entry = this.#watches.get(accountId) ?? {
      users: 0,
      watch: AccountWatch.open(this.#store, accountId),
    };
    this.#watches.set(accountId, entry);
    entry.users += 1;
    try {
      return await entry.watch;
    } catch (error) {
      if (this.#watches.get(accountId) === entry) this.#watches.delete(accountId);
      throw error;
    }
  }

  release(watch: AccountWatch): void {
    const entry = this.#watches.get(watch.accountId);
    if (entry === undefined || (entry.users -= 1) > 0) return;
    this.#watches.delete(watch.accountId);
    watch.close();
  }
}
