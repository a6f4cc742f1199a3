import type { Database } from './database.ts';
import { schemaSteps } from './schema.ts';

/** The file was written by a newer version, whose schema this one does not know. */
export class StoreVersionError extends Error {
  readonly code = 'STORE_VERSION';

  constructor(version: number, knownVersion: number) {
    super(
      `Cannot open mail store of version ${version}, this program knows versions up to ${knownVersion}`,
    );
    this.name = 'StoreVersionError';
  }
}

/**
 * Brings the file to the newest schema, each step in a transaction of its own, so that a step that fails or
 * is interrupted leaves the version before it.
 *
 * @throws {StoreVersionError} where the file is newer than the steps
 */
export function migrate(database: Database, steps: readonly string[] = schemaSteps): void {
  const version = schemaVersion(database);
  if (version > steps.length) throw new StoreVersionError(version, steps.length);
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    database.execute('BEGIN IMMEDIATE');
    try {
      database.execute(step);
      database.execute(`PRAGMA user_version = ${index + 1}`);
      database.execute('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.execute('ROLLBACK');
      throw error;
    }
  }
}

/** The version of the file's schema; 0 for a new file. */
export function schemaVersion(database: Database): number {
  return database.row<[number]>('PRAGMA user_version')?.[0] ?? 0;
}
