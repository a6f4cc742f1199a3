import type { MailStore } from './mail-store.ts';
import type { MemoryStoreOptions } from './memory/store.ts';
import type { OpenedStore, StoreLink } from './opened-store.ts';
import type { SqliteStoreOptions } from './sqlite/open.ts';
import type { SqliteLink } from './sqlite/store.ts';

/** Which engine keeps the mail, and what it needs. */
export type StoreOptions =
  | ({ readonly engine: 'sqlite' } & SqliteStoreOptions)
  | ({ readonly engine: 'memory' } & MemoryStoreOptions);

/**
 * Opens a store; its engine is loaded now.
 *
 * @throws {DataDirectoryInUseError} if another store has the data directory
 * @throws {StoreMissingError} if there was a store, and its file is gone or empty
 * @throws {StoreOpenError} if its file cannot be opened
 * @throws {StoreVersionError} if a newer version of this program wrote it
 * @throws {StoreSpaceError} if it is to be migrated, and the file system has not the space for that
 */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  return options.engine === 'memory' ? openInMemory(options) : openOnDisk(options);
}

async function openInMemory(options: MemoryStoreOptions): Promise<OpenedStore> {
  const { MemoryMailStore } = await import('./memory/store.ts');
  const store = new MemoryMailStore(options);
  return {
    store,
    link: () => undefined,
    figures: () => store.readFigures(),
    close: () => store.close(),
  };
}

async function openOnDisk(options: SqliteStoreOptions): Promise<OpenedStore> {
  const { openSqliteStore } = await import('./sqlite/open.ts');
  const store = await openSqliteStore(options);
  return {
    store,
    link: () => {
      const value = store.createLink();
      return { engine: 'sqlite', value, transfer: [value.port] };
    },
    figures: () => store.readFigures(),
    close: () => store.close(),
  };
}

/** One more client of a store that another thread has opened. Closing it leaves the store open. */
export async function connectStore({ value }: StoreLink): Promise<MailStore> {
  const { connectSqliteStore } = await import('./sqlite/open.ts');
  return connectSqliteStore(value as SqliteLink);
}
