import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

/** A value that SQLite returns; integers of the store all are safe integers. */
export type SqlValue = number | string | Uint8Array | null;

/**
 * One connection to the store's file. Statements are prepared once by their text, and rows are arrays, which
 * Node reads four times as fast as objects.
 */
export class Database {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens a connection; `reader` cannot write. The file must exist for a reader. */
  constructor(path: string, role: 'reader' | 'writer') {
    this.path = path;
    this.#connection = new DatabaseSync(path, {
      readOnly: role === 'reader',
      returnArrays: true,
      timeout: 10_000,
    });
    try {
      if (role === 'writer') this.#prepareFile();
      this.#connection.exec('PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000');
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  #prepareFile(): void {
    // auto_vacuum only counts before the first table and before WAL.
    this.#connection.exec('PRAGMA auto_vacuum = INCREMENTAL');
    this.#connection.exec('PRAGMA journal_mode = WAL');
    // FULL: a commit is on disk when it returns. The log goes back to 16 MiB after a large transaction.
    this.#connection.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216');
  }

  /**
   * Says whether the commits from now on are on disk when they return, as they are at first. Those that are not are once a
   * later one is; a loss of power takes them from the last one on. Outside of a transaction.
   */
  setDurable(isDurable: boolean): void {
    this.#connection.exec(`PRAGMA synchronous = ${isDurable ? 'FULL' : 'NORMAL'}`);
  }

  /** True within a transaction; false again after SQLite itself has rolled it back. */
  get isTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  /** Runs statements that return nothing. */
  execute(sql: string): void {
    this.#connection.exec(sql);
  }

  /** All rows. */
  rows<T extends readonly SqlValue[]>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#statement(sql).all(...values) as unknown as T[];
  }

  /** The first row; undefined where there is none. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names its columns
  row<T extends readonly SqlValue[]>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#statement(sql).get(...values) as unknown as T | undefined;
  }

  /** Rows one by one. The caller runs it to its end, or leaves its loop, before it awaits anything. */
  iterate<T extends readonly SqlValue[]>(
    sql: string,
    ...values: SQLInputValue[]
  ): IterableIterator<T> {
    return this.#statement(sql).iterate(...values) as unknown as IterableIterator<T>;
  }

  /** The number of rows that a statement changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** Inserts one row; its id. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid);
  }

  /** Runs `read` on one state of the store. It is synchronous, so that no snapshot outlives a turn. */
  snapshot<T>(read: () => T): T {
    this.run('BEGIN');
    try {
      return read();
    } finally {
      // There is nothing to commit, and in a damaged file only this way out never fails.
      this.run('ROLLBACK');
    }
  }

  /**
   * Copies all of the file to another, in a thread of its own, `pages` at a time.
   *
   * @param onProgress told the share that is copied, 0 to 1
   */
  async copyTo(path: string, pages: number, onProgress: (share: number) => void): Promise<void> {
    await backup(this.#connection, path, {
      rate: pages,
      progress: ({ totalPages, remainingPages }) => onProgress(1 - remainingPages / totalPages),
    });
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
