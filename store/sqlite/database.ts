import { StoreError } from '../mail-store.ts';
import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

/** A value that SQLite returns; integers of the store all are safe integers. */
export type SqlValue = number | string | Uint8Array | null;

/** Primary result codes of SQLite that tell of the disk. */
export const sqliteCodes = {
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  noDatabase: 26,
} as const;

/** The primary result code of an error of SQLite; undefined for other errors. */
export function sqliteCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode } = error as Error & { readonly errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** What a client is told of an error of SQLite that a damaged file is the reason of; undefined for other errors. */
export function damageOf(error: unknown): StoreError | undefined {
  const code = sqliteCodeOf(error);
  if (code !== sqliteCodes.corrupt && code !== sqliteCodes.noDatabase) return undefined;
  return new StoreError('CORRUPTION', 'The mail store is damaged, see the log of the server', {
    cause: error,
  });
}

/** As {@link damageOf}, also for a disk that cannot be read. */
function readFailureOf(error: unknown): unknown {
  const code = sqliteCodeOf(error);
  if (code !== sqliteCodes.ioError && code !== sqliteCodes.cannotOpen) {
    return damageOf(error) ?? error;
  }
  return new StoreError('UNAVAILABLE', 'The disk of the server cannot be read', { cause: error });
}

/** What is in the log, in pages. */
export interface LogState {
  /** All that readers find there. */
  readonly pageCount: number;
  /** Those that are not written back to the file. */
  readonly pendingCount: number;
}

/**
 * One connection to the store's file. Statements are prepared once by their text, and rows are arrays, which
 * Node reads four times as fast as objects.
 */
export class Database {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #role: 'reader' | 'writer';

  /**
   * Opens a connection; `reader` cannot write. The file must exist for a reader, whose methods throw a {@link StoreError} if
   * the disk or the file is not what it should be. A writer gets the errors of SQLite.
   */
  constructor(path: string, role: 'reader' | 'writer') {
    this.path = path;
    this.#role = role;
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

  /** Writes the log back to the file, as far as nobody reads an older state. Does nothing if the disk does not let it. */
  checkpoint(): void {
    try {
      this.#connection.exec('PRAGMA wal_checkpoint');
    } catch {
      // The log has it all; the next one may do it.
    }
  }

  /** From now on the log is only written back by {@link writeBack}, and not by every thousandth page that is committed. */
  stopWritingBack(): void {
    this.#connection.exec('PRAGMA wal_autocheckpoint = 0');
  }

  /** How long the log is. It asks shared memory, for two microseconds. */
  logState(): LogState {
    return this.#checkpoint('NOOP');
  }

  /**
   * As {@link checkpoint}; returns what is left. Others read and write meanwhile, but cannot do the same: then it does nothing.
   *
   * @throws the error of SQLite if the disk does not let it
   */
  writeBack(): LogState {
    return this.#checkpoint('PASSIVE');
  }

  #checkpoint(mode: 'NOOP' | 'PASSIVE'): LogState {
    const sql = `PRAGMA wal_checkpoint(${mode})`;
    const [, pageCount, writtenCount] = this.row<[number, number, number]>(sql)!;
    return { pageCount, pendingCount: pageCount - writtenCount };
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
    return this.#try(() => this.#statement(sql).all(...values) as unknown as T[]);
  }

  /** The first row; undefined if there is none. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names its columns
  row<T extends readonly SqlValue[]>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#try(() => this.#statement(sql).get(...values) as unknown as T | undefined);
  }

  /** Rows one by one. The caller runs it to its end, or leaves its loop, before it awaits anything. */
  *iterate<T extends readonly SqlValue[]>(
    sql: string,
    ...values: SQLInputValue[]
  ): Generator<T, void, undefined> {
    try {
      yield* this.#statement(sql).iterate(...values) as unknown as IterableIterator<T>;
    } catch (error) {
      throw this.#toError(error);
    }
  }

  /** The number of rows that a statement changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#try(() => Number(this.#statement(sql).run(...values).changes));
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

  #try<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.#toError(error);
    }
  }

  #toError(error: unknown): unknown {
    return this.#role === 'reader' ? readFailureOf(error) : error;
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
