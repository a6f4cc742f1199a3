import type { MailboxKey } from '../mail-store.ts';
import type { Database } from './database.ts';
import { noMailbox } from './mailbox-counters.ts';

/**
 * Which messages are \Recent to nobody any more, as far as the file does not say it yet. A claim is kept here
 * and written with the next change of any mailbox, or after a while: a delivery to a mailbox in which many
 * sessions idle costs no write for any of them, and SELECT works if the disk is full.
 */
export class RecentClaims {
  /** By mailbox: the UID before which all is claimed. */
  readonly #nextUids = new Map<number, number>();

  /** True if there is nothing to write. */
  get isEmpty(): boolean {
    return this.#nextUids.size === 0;
  }

  /** Outside of a transaction, so that nothing is claimed that is then rolled back. @see MailStore.claimRecent */
  claim(
    database: Database,
    { accountId, mailboxId }: MailboxKey,
  ): { firstUid: number; nextUid: number } {
    const row = database.row<[recentFromUid: number, uidNext: number]>(
      'SELECT recent_from_uid, uid_next FROM mailboxes WHERE id = ? AND account_id = ?',
      mailboxId,
      accountId,
    );
    if (row === undefined) throw noMailbox();
    const [recentFromUid, nextUid] = row;
    const firstUid = Math.max(recentFromUid, this.#nextUids.get(mailboxId) ?? 0);
    if (nextUid > firstUid) this.#nextUids.set(mailboxId, nextUid);
    return { firstUid, nextUid };
  }

  /** Writes all, within the caller's transaction. They stay here until {@link clear}. */
  write(database: Database): void {
    for (const [mailboxId, nextUid] of this.#nextUids) {
      database.run(
        `UPDATE mailboxes SET recent_from_uid = ?1,
           recent_count = (SELECT count(*) FROM messages WHERE mailbox_id = ?2 AND uid >= ?1)
         WHERE id = ?2`,
        nextUid,
        mailboxId,
      );
    }
  }

  /** After the commit of what {@link write} wrote. */
  clear(): void {
    this.#nextUids.clear();
  }
}
