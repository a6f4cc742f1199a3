import type { Database } from './database.ts';

/** One step of the schema: SQL that runs in one transaction, or long work. */
export type SchemaStep = string | LongStep;

/** Work on many rows, in transactions of bounded size, that goes on where it was after it was ended. */
export interface LongStep {
  /** What is made before the work; all that a new file needs. */
  readonly sql: string;
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
