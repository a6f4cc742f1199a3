import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** A message that an import was adding when it ended. */
export interface PendingMessage {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** The UID it got is this or more, if it was added. */
  readonly fromUid: number;
}

/** Another import has the journal of this data directory open. */
export class ImportRunningError extends Error {
  constructor(dataDirectory: string) {
    super(`Another import into "${dataDirectory}" is running, wait until it has ended`);
    this.name = 'ImportRunningError';
  }
}

const schema = `
  CREATE TABLE IF NOT EXISTS imported (
    mailbox TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (mailbox, sha256)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pending (
    mailbox TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    from_uid INTEGER NOT NULL
  );
  CREATE TEMP TABLE seen (
    mailbox TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (mailbox, sha256)
  ) WITHOUT ROWID;
`;

const sqliteBusy = 5;

/**
 * Remembers which messages have been imported into which mailbox, and how often each, so that a second
 * import adds nothing twice: neither what clients have deleted or moved since, nor what an import added that was
 * killed before it could say so. A file of its own in the data directory, opened by the importing process.
 *
 * Before messages are added they are noted as pending; after a crash the mailbox itself tells which of those
 * are there.
 */
export class ImportJournal {
  readonly #database: DatabaseSync;
  readonly #countImported: StatementSync;
  readonly #countSeen: StatementSync;
  readonly #addImported: StatementSync;
  readonly #addPending: StatementSync;
  readonly #dropPending: StatementSync;
  readonly #selectPending: StatementSync;

  /** Throws an {@link ImportRunningError} if another import has it open. */
  constructor(dataDirectory: string) {
    this.#database = new DatabaseSync(join(dataDirectory, 'imports.db'));
    try {
      // Exclusive: the first write locks the file until it is closed, however the process ends.
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;');
      this.#database.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT;`);
    } catch (error) {
      this.#database.close();
      if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
      throw new ImportRunningError(dataDirectory);
    }
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#countImported = prepare('SELECT count FROM imported WHERE mailbox = ? AND sha256 = ?');
    this.#countSeen = prepare(
      'INSERT INTO seen VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count',
    );
    this.#addImported = prepare(
      'INSERT INTO imported VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1',
    );
    this.#addPending = prepare('INSERT INTO pending VALUES (?, ?, ?, ?)');
    this.#dropPending = prepare('DELETE FROM pending WHERE mailbox = ?');
    this.#selectPending = prepare(
      'SELECT sha256, size_bytes AS sizeBytes, from_uid AS fromUid FROM pending WHERE mailbox = ?',
    );
  }

  /**
   * Counts one more occurrence of a message in what is imported now. True if that many have been imported
   * already: the n-th of several equal messages is skipped if at least n were imported.
   */
  isImported(mailbox: string, sha256: string): boolean {
    const seen = numberOf(this.#countSeen.get(mailbox, sha256));
    return seen <= numberOf(this.#countImported.get(mailbox, sha256));
  }

  /** What an earlier import was adding when it ended. */
  pending(mailbox: string): readonly PendingMessage[] {
    return this.#selectPending.all(mailbox) as unknown as PendingMessage[];
  }

  /** Notes in one durable step which messages were added, and which ones are added next. */
  advance(
    mailbox: string,
    added: readonly Pick<PendingMessage, 'sha256'>[],
    next: readonly PendingMessage[],
  ): void {
    this.#database.exec('BEGIN');
    for (const { sha256 } of added) this.#addImported.run(mailbox, sha256);
    this.#dropPending.run(mailbox);
    for (const { sha256, sizeBytes, fromUid } of next) {
      this.#addPending.run(mailbox, sha256, sizeBytes, fromUid);
    }
    this.#database.exec('COMMIT');
  }

  close(): void {
    this.#database.close();
  }
}

function numberOf(row: unknown): number {
  return (row as { count: number } | undefined)?.count ?? 0;
}
