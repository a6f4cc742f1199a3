import { selectUsualFields } from '../../usual-fields.ts';
import { compactStep } from './compact-step.ts';
import { stepLimits } from './limits.ts';
import { sortKeysStep } from './sort-keys-step.ts';
import { statePagesStep } from './state-pages-step.ts';
import type { Database } from '../database.ts';

/** One step of the schema: SQL that runs in one transaction, or long work. */
export type SchemaStep = string | LongStep;

/** Work on many rows, in transactions of bounded size, that goes on where it was after it was ended. */
export interface LongStep {
  /** What is made before the work; all that a new file needs. */
  readonly sql: string;
  /** What is done after the work, with its end; a new file needs it too. */
  readonly endSql?: string;
  /** The position at which the work is done, about; for the progress that is told. */
  end(database: Database): number;
  /** Bytes by which the file grows, at most about. */
  growthBytes(database: Database): number;
  /**
   * Does what is next behind the position, which is 0 at first, within the caller's transaction: some milliseconds of
   * work. Returns the new position, above the old one, or undefined if nothing is left to do.
   */
  advance(database: Database, position: number): number | undefined;
}

type Row = [bodyId: number, header: Uint8Array | null];

/** Keeps the usual fields of every whole body in a row of its own. */
const headerFieldsStep: LongStep = {
  sql: `CREATE TABLE header_fields (
    body_id INTEGER PRIMARY KEY REFERENCES bodies (id),
    bytes BLOB NOT NULL
  ) STRICT`,
  end: (database) => database.row<[number | null]>('SELECT max(id) FROM bodies')?.[0] ?? 0,
  growthBytes: (database) => {
    const [count] = database.row<[number]>('SELECT count(*) FROM bodies')!;
    return count * stepLimits.usualFieldsBytes;
  },
  advance: (database, position) => {
    const rows = database.iterate<Row>(
      `SELECT b.id, CASE WHEN b.state = 1 AND b.header_bytes BETWEEN 1 AND ${stepLimits.chunkBytes}
         THEN substr(c.octets, 1, b.header_bytes) END
       FROM bodies b LEFT JOIN chunks c ON c.id = b.id * ${stepLimits.chunksOfBody}
       WHERE b.id > ? ORDER BY b.id LIMIT ?`,
      position,
      stepLimits.bodies,
    );
    let lastId: number | undefined;
    for (const [bodyId, header] of rows) {
      lastId = bodyId;
      const fields = header === null ? undefined : selectUsualFields(header);
      if (fields === undefined) continue;
      database.run('INSERT INTO header_fields (body_id, bytes) VALUES (?, ?)', bodyId, fields);
    }
    return lastId;
  },
};

/**
 * The schema, as the steps that lead to it: step n takes a file from version n to n + 1. A step that has
 * been released is never changed; a change is a new step at the end.
 *
 * A step has SQL of its own, for the tables as they are at that version. What it reads from messages (structures, usual
 * fields, sort keys) it reads with today's functions, so that a migrated store answers as one to which the mail comes now, and
 * leaves the rows to any newer walker, see `walks`. So these functions may find something better, but not put it into another
 * form: the steps behind would not know it. Whoever wants another form gives the old steps a copy of the old function
 * first. A test compares what the steps write with what they wrote when they were released.
 *
 * - `mailboxes.account_id` is null once the mailbox is removed; the collector then deletes its rows.
 * - `accounts` has the sums of the counters of its mailboxes, which triggers keep, whoever changes the counters.
 * - `mailboxes.expunged_horizon` is the modseq up to which rows of `expunged` may be deleted.
 * - `state_pages` has UIDs, modseqs and flags of messages, packed: see `PackedStates` and `StatePage`. Keywords have their number in
 *   `keywords` there. Its counts, and the modseqs beside them, are of the page's messages.
 * - `messages.saved_seconds` is null in messages that came before the column.
 * - `imports` says how often messages were imported into a mailbox, by the first bytes of their SHA-256.
 * - `expunged` has the UIDs from `first_uid` to `uid`; null: `uid` alone.
 * - `bodies.state`: see `bodyState`. `sha256` is null but in whole bodies.
 * - `bodies.cuts` has the offsets at which a body is divided into chunks, besides every 64 KiB, as JSON: see `ChunkLayout`.
 * - `chunks.id` is body id * 65,536 + number of the chunk * 2, so that one tree serves and rows lie in order; the row of the next
 *   id, if there is one, has the rest of the chunk. `inflated_bytes` is null in a chunk that is not compressed; such a one has its
 *   check in `crc32`, unless it came before the column.
 * - `body_texts.structure`: see `packStructure`. `walker` is the version of the MIME walker that has read the row's texts, and
 *   what else is read from a message.
 * - `walks` has one row: a walker, and the body that it has come to in reading again what older ones have read; null if it has
 *   seen all.
 * - `header_fields` has the usual fields of whole bodies, a second time: see `selectUsualFields`. A message of ordinary mail
 *   has some 500 bytes of them, so that eight messages lie in a page, and 3 to 4 KB of header, which is a page each. A body
 *   with too many of them has no row; its header is then read from its chunks.
 * - `unpublished_copies` names mailboxes with messages behind their end (`uid_next`), which a COPY has written and nobody
 *   sees. Without that COPY they are to be deleted.
 * - `sort_keys` has what SORT and THREAD compare, of every whole body: see `SortKeys`.
 * - `metadata` of an account itself has 0 for its mailbox. `accounts` has the sums of all entries of an account, names and values,
 *   which triggers keep.
 * - `bodies` has no foreign key from `messages`: it would need an index, and the collector only deletes
 *   bodies whose reference count is 0.
 */
export const schemaSteps: readonly SchemaStep[] = [
  `
  CREATE TABLE uid_validity (last INTEGER NOT NULL) STRICT;
  INSERT INTO uid_validity VALUES (0);

  CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    argon2id TEXT NOT NULL,
    scram_sha256 TEXT NOT NULL
  ) STRICT;

  CREATE TABLE subscriptions (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER REFERENCES accounts (id),
    name TEXT NOT NULL,
    is_selectable INTEGER NOT NULL,
    special_use TEXT,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL DEFAULT 1,
    highest_modseq INTEGER NOT NULL DEFAULT 1,
    message_count INTEGER NOT NULL DEFAULT 0,
    unseen_count INTEGER NOT NULL DEFAULT 0,
    deleted_count INTEGER NOT NULL DEFAULT 0,
    recent_count INTEGER NOT NULL DEFAULT 0,
    recent_from_uid INTEGER NOT NULL DEFAULT 1,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account_id, name)
  ) STRICT;

  CREATE TABLE keywords (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    UNIQUE (mailbox_id, number),
    UNIQUE (mailbox_id, name_key)
  ) STRICT;

  CREATE TABLE bodies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL,
    sha256 BLOB UNIQUE,
    size_bytes INTEGER NOT NULL,
    header_bytes INTEGER NOT NULL,
    sent_day INTEGER,
    reference_count INTEGER NOT NULL,
    unreferenced_at INTEGER
  ) STRICT;
  CREATE INDEX bodies_to_collect ON bodies (unreferenced_at) WHERE unreferenced_at IS NOT NULL;
  CREATE INDEX bodies_not_whole ON bodies (state) WHERE state <> 1;

  CREATE TABLE body_texts (
    body_id INTEGER PRIMARY KEY REFERENCES bodies (id),
    envelope TEXT NOT NULL,
    body_structure TEXT NOT NULL,
    structure TEXT NOT NULL
  ) STRICT;

  CREATE TABLE chunks (id INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;

  CREATE TABLE messages (
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
    uid INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    created_modseq INTEGER NOT NULL,
    body_id INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    internal_seconds INTEGER NOT NULL,
    zone_minutes INTEGER NOT NULL,
    system_flags INTEGER NOT NULL,
    keywords_low INTEGER NOT NULL,
    keywords_high INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX messages_by_modseq ON messages (mailbox_id, modseq, uid);

  CREATE TABLE expunged (
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, modseq, uid)
  ) STRICT, WITHOUT ROWID;
  `,
  headerFieldsStep,
  "ALTER TABLE messages ADD COLUMN keywords_more TEXT NOT NULL DEFAULT ''",
  'ALTER TABLE mailboxes ADD COLUMN expunged_horizon INTEGER NOT NULL DEFAULT 0',
  `
  ALTER TABLE accounts ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE accounts ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE accounts SET message_count = m.messages, size_bytes = m.bytes
  FROM (SELECT account_id, sum(message_count) AS messages, sum(size_bytes) AS bytes
    FROM mailboxes GROUP BY account_id) m
  WHERE id = m.account_id;

  CREATE TRIGGER mailbox_counted AFTER UPDATE OF message_count, size_bytes ON mailboxes
  WHEN new.message_count <> old.message_count OR new.size_bytes <> old.size_bytes BEGIN
    UPDATE accounts SET message_count = message_count + new.message_count - old.message_count,
      size_bytes = size_bytes + new.size_bytes - old.size_bytes
    WHERE id = new.account_id;
  END;
  CREATE TRIGGER mailbox_removed AFTER UPDATE OF account_id ON mailboxes
  WHEN new.account_id IS NULL BEGIN
    UPDATE accounts SET message_count = message_count - old.message_count,
      size_bytes = size_bytes - old.size_bytes
    WHERE id = old.account_id;
  END;
  `,
  'ALTER TABLE messages ADD COLUMN saved_seconds INTEGER',
  'CREATE TABLE unpublished_copies (mailbox_id INTEGER PRIMARY KEY REFERENCES mailboxes (id)) STRICT',
  `CREATE TABLE imports (
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
    digest BLOB NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, digest)
  ) STRICT, WITHOUT ROWID`,
  compactStep,
  sortKeysStep,
  'ALTER TABLE expunged ADD COLUMN first_uid INTEGER',
  statePagesStep,
  'ALTER TABLE chunks ADD COLUMN crc32 INTEGER',
  `
  ALTER TABLE mailboxes ADD COLUMN special_uses TEXT NOT NULL DEFAULT '';
  UPDATE mailboxes SET special_uses = coalesce(special_use, '');
  ALTER TABLE mailboxes DROP COLUMN special_use;
  `,
  `
  ALTER TABLE accounts ADD COLUMN metadata_count INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE accounts ADD COLUMN metadata_bytes INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE metadata (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    mailbox_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER metadata_added AFTER INSERT ON metadata BEGIN
    UPDATE accounts SET metadata_count = metadata_count + 1,
      metadata_bytes = metadata_bytes + length(new.name) + length(new.value)
    WHERE id = new.account_id;
  END;
  CREATE TRIGGER metadata_removed AFTER DELETE ON metadata BEGIN
    UPDATE accounts SET metadata_count = metadata_count - 1,
      metadata_bytes = metadata_bytes - length(old.name) - length(old.value)
    WHERE id = old.account_id;
  END;
  CREATE TRIGGER mailbox_without_metadata AFTER UPDATE OF account_id ON mailboxes
  WHEN new.account_id IS NULL BEGIN
    DELETE FROM metadata WHERE account_id = old.account_id AND mailbox_id = old.id;
  END;
  `,
];
