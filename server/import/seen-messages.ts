import { DatabaseSync, type StatementSync } from 'node:sqlite';

/**
 * Counts the messages that a run of an import has met: equal ones are told from each other by their number. It lies in a
 * temporary file, so that memory does not grow with the mail.
 */
export class SeenMessages {
  readonly #database: DatabaseSync;
  readonly #count: StatementSync;

  constructor() {
    // A database without a name is temporary, and nobody else's.
    this.#database = new DatabaseSync('');
    this.#database.exec(`CREATE TABLE seen (
      mailbox TEXT NOT NULL,
      sha256 TEXT NOT NULL,
      count INTEGER NOT NULL,
      PRIMARY KEY (mailbox, sha256)
    ) WITHOUT ROWID`);
    this.#count = this.#database.prepare(
      'INSERT INTO seen VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count',
    );
  }

  /** Counts one more message for a mailbox; returns which of its equals it is, from 1 on. */
  count(mailbox: string, sha256: string): number {
    return (this.#count.get(mailbox, sha256) as { count: number }).count;
  }

  close(): void {
    this.#database.close();
  }
}
