import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { writeBodyStructure } from '../../protocol/mime/body-structure.ts';
import { MimeWalker } from '../../protocol/mime/mime-walker.ts';
import { limits } from '../../store/limits.ts';
import { sentDayOf } from '../../store/sent-day.ts';
import { schemaSteps } from '../../store/sqlite/schema/schema.ts';

/** Messages of one transaction. */
const messagesAtOnce = 1_000;
const internalSeconds = 1_600_000_000;

/**
 * Writes the store of a data directory as version 1 of the schema had it: one account with one mailbox. Rows are written
 * directly, in bounded memory, which takes a fraction of the time that the code of that version would. A directory that
 * this code has made is in test/fixtures/data-directories, to test the migration itself.
 */
export function makeVersionOneStore(dataDirectory: string, messages: Iterable<Buffer>): void {
  const database = new DatabaseSync(join(dataDirectory, 'mail.db'));
  try {
    // For a file that nobody needs after a crash.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = OFF');
    database.exec(schemaSteps[0] as string);
    database.exec(`
      PRAGMA user_version = 1;
      UPDATE uid_validity SET last = 1;
      INSERT INTO accounts VALUES (1, 'alice', 'alice', '$argon2id$a', 'SCRAM-SHA-256$b');
      INSERT INTO mailboxes (id, account_id, name, is_selectable, uid_validity)
        VALUES (1, 1, 'INBOX', 1, 1)`);
    insertMessages(database, messages);
    database.exec(`
      UPDATE mailboxes SET (message_count, unseen_count, recent_count, size_bytes, uid_next, highest_modseq) =
        (SELECT count(*), count(*), count(*), coalesce(sum(size_bytes), 0), count(*) + 1, count(*) + 1
           FROM messages)`);
    database.exec('PRAGMA journal_mode = WAL');
  } finally {
    database.close();
  }
}

function insertMessages(database: DatabaseSync, messages: Iterable<Buffer>): void {
  const statements = {
    body: database.prepare('INSERT INTO bodies VALUES (?, 1, ?, ?, ?, ?, 1, NULL)'),
    texts: database.prepare('INSERT INTO body_texts VALUES (?, ?, ?, ?)'),
    chunk: database.prepare('INSERT INTO chunks VALUES (?, ?)'),
    message: database.prepare(`INSERT INTO messages VALUES (1, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)`),
  };
  let id = 0;
  database.exec('BEGIN');
  for (const message of messages) {
    insertMessage(statements, ++id, message);
    if (id % messagesAtOnce === 0) database.exec('COMMIT; BEGIN');
  }
  database.exec('COMMIT');
}

function insertMessage(
  statements: Readonly<Record<'body' | 'texts' | 'chunk' | 'message', StatementSync>>,
  id: number,
  message: Buffer,
): void {
  const walker = new MimeWalker();
  walker.push(message);
  const structure = walker.finish();
  const envelope = structure.envelope ?? '';
  const digest = createHash('sha256').update(message).digest();
  const { length } = message;
  statements.body.run(id, digest, length, structure.bodyStart, sentDayOf(envelope) ?? null);
  statements.texts.run(id, envelope, writeBodyStructure(structure), JSON.stringify(structure));
  for (let number = 0; number * limits.chunkBytes < length; number++) {
    const start = number * limits.chunkBytes;
    const chunk = message.subarray(start, start + limits.chunkBytes);
    statements.chunk.run(id * limits.maxChunkRows + number, chunk);
  }
  // UID, modseq and body have the same number; the first modseq of a mailbox is 1, without a message.
  statements.message.run(id, id + 1, id + 1, id, length, internalSeconds);
}
