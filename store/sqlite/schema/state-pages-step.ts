import type { Database } from '../database.ts';
import type { FlagWords } from '../flag-words.ts';
import { highestOf, lowestOf, type PackedStates, packStates } from '../states/packed-states.ts';
import { countStates, sliceStates } from '../states/state-pages.ts';
import { stepLimits } from './limits.ts';
import type { LongStep } from './schema.ts';

/**
 * Packs UIDs, modseqs and flags of messages into pages. Rows move from the old table to a new one without these columns, and are
 * taken away from the old one, whose pages are used again. The position is how many have moved.
 */
export const statePagesStep: LongStep = makeStatePagesStep(stepLimits.movedPages);

/** {@link statePagesStep} with another bound of a transaction. */
export function makeStatePagesStep(maxPages: number): LongStep {
  return {
    sql: `
    DROP INDEX messages_by_modseq;
    ALTER TABLE messages RENAME TO old_messages;
    CREATE TABLE messages (
      mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
      uid INTEGER NOT NULL,
      body_id INTEGER NOT NULL,
      size_bytes INTEGER NOT NULL,
      internal_seconds INTEGER NOT NULL,
      zone_minutes INTEGER NOT NULL,
      saved_seconds INTEGER,
      PRIMARY KEY (mailbox_id, uid)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE state_pages (
      id INTEGER PRIMARY KEY,
      mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
      first_uid INTEGER NOT NULL,
      lowest_modseq INTEGER NOT NULL,
      highest_modseq INTEGER NOT NULL,
      message_count INTEGER NOT NULL,
      unseen_count INTEGER NOT NULL,
      deleted_count INTEGER NOT NULL,
      states BLOB NOT NULL,
      UNIQUE (mailbox_id, first_uid)
    ) STRICT;
  `,
    endSql: 'DROP TABLE old_messages',
    end: (database) => {
      const [moved] = database.row<[number]>('SELECT count(*) FROM messages')!;
      const [left] = database.row<[number]>('SELECT count(*) FROM old_messages')!;
      return moved + left;
    },
    // Rows are taken away as they move, and with them goes more than the pages take.
    growthBytes: () => stepLimits.movedBytes,
    advance: (database, position) => {
      let next = position;
      for (let count = 0; count < maxPages; count++) next += movePage(database);
      return next === position ? undefined : next;
    },
  };
}

type OldRow = [
  uid: number,
  modseq: number,
  system: number,
  low: number,
  high: number,
  more: string,
];

/** Moves the next messages of one mailbox; returns how many. */
function movePage(database: Database): number {
  const first = database.row<[number]>(
    'SELECT mailbox_id FROM old_messages ORDER BY mailbox_id, uid LIMIT 1',
  );
  if (first === undefined) return 0;
  const [mailboxId] = first;
  const rows = database.rows<OldRow>(
    `SELECT uid, modseq, system_flags, keywords_low, keywords_high, keywords_more
     FROM old_messages WHERE mailbox_id = ? ORDER BY uid LIMIT ?`,
    mailboxId,
    stepLimits.pageMessages,
  );
  const lastUid = rows.at(-1)![0];
  writePage(database, mailboxId, toStates(rows));
  database.run(
    `INSERT INTO messages (mailbox_id, uid, body_id, size_bytes, internal_seconds, zone_minutes,
       saved_seconds)
     SELECT mailbox_id, uid, body_id, size_bytes, internal_seconds, zone_minutes, saved_seconds
     FROM old_messages WHERE mailbox_id = ? AND uid <= ? ORDER BY uid`,
    mailboxId,
    lastUid,
  );
  database.run('DELETE FROM old_messages WHERE mailbox_id = ? AND uid <= ?', mailboxId, lastUid);
  return rows.length;
}

function toStates(rows: readonly OldRow[]): PackedStates {
  return {
    uids: Uint32Array.from(rows, ([uid]) => uid),
    modseqs: Float64Array.from(rows, ([, modseq]) => modseq),
    flags: Uint16Array.from(rows.keys()),
    sets: rows.map(([, , ...words]): FlagWords => words),
  };
}

/** In two halves if it takes too many bytes. */
function writePage(database: Database, mailboxId: number, states: PackedStates): void {
  const { uids, modseqs } = states;
  const packed = packStates(states);
  if (packed.length > stepLimits.pageBytes && uids.length > 1) {
    const half = Math.ceil(uids.length / 2);
    writePage(database, mailboxId, sliceStates(states, 0, half));
    return writePage(database, mailboxId, sliceStates(states, half));
  }
  const { unseenCount, deletedCount } = countStates(states);
  database.run(
    `INSERT INTO state_pages (mailbox_id, first_uid, lowest_modseq, highest_modseq, message_count,
       unseen_count, deleted_count, states) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    mailboxId,
    uids[0]!,
    lowestOf(modseqs),
    highestOf(modseqs),
    uids.length,
    unseenCount,
    deletedCount,
    packed,
  );
}
