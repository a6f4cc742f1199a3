import type { MailboxKey, MailStore } from '../../store/mail-store.ts';
import type { Clock } from '../../tls/index.ts';
import { MailboxFeed } from './mailbox-feed.ts';

interface Entry {
  readonly feed: Promise<MailboxFeed>;
  /** Once it is loaded. */
  loaded: MailboxFeed | undefined;
  /** Sessions that have the mailbox selected, or are about to. */
  userCount: number;
  /** True while only searches of several mailboxes have used it. */
  isBorrowed: boolean;
  /** When the last of them left. */
  idleSinceMs: number;
}

/** Whose mailboxes are followed, and how long. */
export interface MailboxFeedsOptions {
  readonly store: MailStore;
  /** Steady clock. */
  readonly clock: Clock;
  /** How long a feed stays after its last session has left, in milliseconds: phones come back. */
  readonly retentionMs: number;
  /** Bytes of all feeds that stay so. */
  readonly retainedBytes: number;
}

/** The feeds of a thread, by mailbox. Sessions that select the same mailbox share one, which is read once. */
export class MailboxFeeds {
  readonly #options: MailboxFeedsOptions;
  /** Those without users in the order in which they were left. */
  readonly #entries = new Map<number, Entry>();

  constructor(options: MailboxFeedsOptions) {
    this.#options = options;
  }

  /** Feeds that are loaded or being loaded. */
  get count(): number {
    return this.#entries.size;
  }

  /**
   * The feed of a mailbox, without its messages if nobody has needed them. The caller reads from it by `follow`, ends that, and
   * then {@link release}s it. `NONEXISTENT`.
   */
  acquire(box: MailboxKey): Promise<MailboxFeed> {
    const entry = this.#find(box) ?? this.#add(box);
    entry.isBorrowed = false;
    return this.#use(entry);
  }

  /**
   * As {@link acquire}, for a caller who does not select the mailbox: unless others do meanwhile, the feed does not stay behind, so
   * that one who goes through all mailboxes of an account drives away no feed that somebody comes back for.
   */
  borrow(box: MailboxKey): Promise<MailboxFeed> {
    return this.#use(this.#find(box) ?? this.#add(box));
  }

  async #use(entry: Entry): Promise<MailboxFeed> {
    entry.userCount += 1;
    try {
      return await entry.feed;
    } catch (error) {
      entry.userCount -= 1;
      throw error;
    }
  }

  release(feed: MailboxFeed): void {
    const { mailboxId } = feed.box;
    const entry = this.#entries.get(mailboxId);
    // One that has ended may have been replaced already.
    if (entry?.loaded !== feed) return feed.readerCount === 0 ? feed.close() : undefined;
    entry.userCount -= 1;
    if (entry.userCount > 0) return;
    if (feed.ended !== undefined || entry.isBorrowed) return this.#drop(mailboxId, entry);
    entry.idleSinceMs = this.#options.clock();
    // To the end of those that are left.
    this.#entries.delete(mailboxId);
    this.#entries.set(mailboxId, entry);
    this.#keepWithinBytes();
  }

  /** Drops the feeds that nobody has used for long enough; called now and then. */
  sweep(): void {
    const dueMs = this.#options.clock() - this.#options.retentionMs;
    for (const [mailboxId, entry] of this.#entries) {
      if (entry.userCount === 0 && entry.idleSinceMs <= dueMs) this.#drop(mailboxId, entry);
    }
  }

  /** Ends all feeds. */
  close(): void {
    for (const [mailboxId, entry] of this.#entries) this.#drop(mailboxId, entry);
  }

  /** A feed that has ended serves those who have it, and nobody else. */
  #find(box: MailboxKey): Entry | undefined {
    const entry = this.#entries.get(box.mailboxId);
    if (entry?.loaded?.ended === undefined) return entry;
    this.#entries.delete(box.mailboxId);
    return undefined;
  }

  #add(box: MailboxKey): Entry {
    const feed = MailboxFeed.watch(this.#options.store, box);
    const entry: Entry = {
      feed,
      loaded: undefined,
      userCount: 0,
      isBorrowed: true,
      idleSinceMs: 0,
    };
    this.#entries.set(box.mailboxId, entry);
    feed.then(
      (loaded) => {
        entry.loaded = loaded;
      },
      () => {
        if (this.#entries.get(box.mailboxId) === entry) this.#entries.delete(box.mailboxId);
      },
    );
    return entry;
  }

  #drop(mailboxId: number, entry: Entry): void {
    this.#entries.delete(mailboxId);
    entry.loaded?.close();
  }

  #keepWithinBytes(): void {
    const idle = [...this.#entries].filter(([, { userCount }]) => userCount === 0);
    let bytes = idle.reduce((sum, [, { loaded }]) => sum + (loaded?.sizeBytes ?? 0), 0);
    for (const [mailboxId, entry] of idle) {
      if (bytes <= this.#options.retainedBytes) return;
      bytes -= entry.loaded?.sizeBytes ?? 0;
      this.#drop(mailboxId, entry);
    }
  }
}
