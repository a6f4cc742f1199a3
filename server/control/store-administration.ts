import {
  type Account,
  type Credentials,
  type MailStore,
  StoreError,
} from '../../store/mail-store.ts';
import { normalizeMailboxName } from '../../protocol/mailbox-name.ts';
import type { ImportTarget } from '../import/import-target.ts';
import type { Administration } from './administration.ts';
import { StoreImportTarget } from './store-import-target.ts';

/** Who is told of what a {@link StoreAdministration} does. */
export interface StoreAdministrationOptions {
  /** Called after the password of an account has changed, or the account is gone; the operator waits for it. */
  readonly onAccountChanged?: (account: Account) => Promise<void>;
  /** Called by `close`, to end what the administration alone uses. */
  readonly onClose?: () => Promise<void>;
}

/** Administration on an open store. */
export class StoreAdministration implements Administration {
  readonly #store: MailStore;
  readonly #options: StoreAdministrationOptions;

  constructor(store: MailStore, options: StoreAdministrationOptions = {}) {
    this.#store = store;
    this.#options = options;
  }

  async addUser(name: string, credentials: Credentials): Promise<void> {
    await this.#store.createAccount(name, credentials);
  }

  async listUsers(): Promise<readonly string[]> {
    return (await this.#store.listAccounts()).map((account) => account.name);
  }

  async changePassword(name: string, credentials: Credentials): Promise<void> {
    const account = await this.findAccount(name);
    await this.#store.changeCredentials(name, credentials);
    await this.#options.onAccountChanged?.(account);
  }

  async removeUser(name: string): Promise<void> {
    const account = await this.findAccount(name);
    await this.#store.removeAccount(name);
    await this.#options.onAccountChanged?.(account);
  }

  /** The account of a name, however its case. `NONEXISTENT`. */
  async findAccount(name: string): Promise<Account> {
    const account = await this.#store.findAccount(name);
    if (account === undefined) throw new StoreError('NONEXISTENT', `There is no user "${name}"`);
    return account;
  }

  async openImport(userName: string, mailboxName: string): Promise<ImportTarget> {
    const account = await this.findAccount(userName);
    const name = normalizeMailboxName(mailboxName);
    const found = await this.#store.findMailbox(account.id, name);
    // A level that only holds children becomes a mailbox when it is created.
    const mailbox =
      found?.isSelectable === true ? found : await this.#store.createMailbox(account.id, name);
    const { uidValidity } = await this.#store.readStatus(mailbox);
    return new StoreImportTarget(this.#store, mailbox, uidValidity);
  }

  async subscribe(userName: string, mailboxName: string): Promise<void> {
    const account = await this.findAccount(userName);
    await this.#store.subscribe(account.id, normalizeMailboxName(mailboxName));
  }

  async close(): Promise<void> {
    await this.#options.onClose?.();
  }
}
