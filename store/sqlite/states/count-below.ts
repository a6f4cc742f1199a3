import { lowerBound } from '../../../protocol/sequence-set.ts';
import type { CountsBelow, MailboxKey } from '../../mail-store.ts';
import type { Database } from '../database.ts';
import { readCounters } from '../mailbox-counters.ts';
import { pageOf } from './state-pages.ts';

/**
 * Reads the pages in which the UIDs lie, and the counts of those before them.
 *
 * @see MailStore.countBelow
 */
export function countBelow(database: Database, box: MailboxKey, uids: Uint32Array): CountsBelow {
  const { highestModseq } = readCounters(database, box);
  const counts = new Uint32Array(uids.length);
  // Messages in pages that begin below `firstUid`.
  let [before, firstUid, place] = [0, 0, 0];
  // Ends: each round counts for one UID at least.
  while (place < uids.length) {
    const page = database.row<[id: number, firstUid: number, between: number]>(
      `SELECT id, first_uid, (SELECT total(message_count) FROM state_pages
         WHERE mailbox_id = ?1 AND first_uid >= ?2 AND first_uid < p.first_uid)
       FROM state_pages p WHERE mailbox_id = ?1 AND first_uid <= ?3
       ORDER BY first_uid DESC LIMIT 1`,
      box.mailboxId,
      firstUid,
      uids[place]!,
    );
    if (page === undefined) {
      place += 1;
      continue;
    }
    before += page[2];
    firstUid = page[1];
    const own = pageOf(database, page[0]).states.uids;
    do counts[place] = before + lowerBound(own, own.length, uids[place]!);
    while (++place < uids.length && uids[place]! <= own.at(-1)!);
  }
  return { counts, highestModseq };
}
