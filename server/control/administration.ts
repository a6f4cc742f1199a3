import type { Credentials } from '../../store/mail-store.ts';
import type { ImportTarget } from '../import/import-target.ts';

/**
 * What an operator can do from the command line, be it on the data directory itself or through the server
 * that has it open. Methods reject with a `StoreError` for what the operator can have caused.
 */
export interface Administration {
  /** `ALREADYEXISTS`, `CANNOT` (name). */
  addUser(name: string, credentials: Credentials): Promise<void>;
  /** All names, sorted. */
  listUsers(): Promise<readonly string[]>;
  /** `NONEXISTENT`. Counts from the next login on; clients that are logged in are sent away. */
  changePassword(name: string, credentials: Credentials): Promise<void>;
  /** The account with all its mail. `NONEXISTENT`. */
  removeUser(name: string): Promise<void>;
  /** Makes the mailbox if it is missing. One mailbox at a time. `NONEXISTENT` (account), `CANNOT` (name). */
  openImport(userName: string, mailboxName: string): Promise<ImportTarget>;
  /** The mailbox need not exist. `NONEXISTENT` (account), `CANNOT` (name), `LIMIT`. */
  subscribe(userName: string, mailboxName: string): Promise<void>;
  close(): Promise<void>;
}
