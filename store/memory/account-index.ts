import { type Account, StoreError } from '../mail-store.ts';
import { foldAsciiCase, normalizeAccountName } from '../names.ts';
import type { MemoryAccount } from './accounts.ts';

/** The accounts of a store, by name and by id. */
export class AccountIndex {
  /** By name in lower case. */
  readonly #byName = new Map<string, MemoryAccount>();
  readonly #byId = new Map<number, MemoryAccount>();
  #lastId = 0;

  get count(): number {
    return this.#byName.size;
  }

  /** In the order in which they were made. */
  all(): Iterable<MemoryAccount> {
    return this.#byName.values();
  }

  /** By name. */
  list(): readonly Account[] {
    return [...this.#byName]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { account }]) => account);
  }

  /** Adds what `make` makes of an id and the name as it is kept. `ALREADYEXISTS`, `CANNOT` (name). */
  add(
    name: string,
    make: (properties: { readonly id: number; readonly name: string }) => MemoryAccount,
  ): MemoryAccount {
    const normalName = normalizeAccountName(name);
    const key = foldAsciiCase(normalName);
    if (this.#byName.has(key)) {
      throw new StoreError('ALREADYEXISTS', `An account named "${normalName}" exists`);
    }
    const account = make({ id: ++this.#lastId, name: normalName });
    this.#byName.set(key, account);
    this.#byId.set(account.id, account);
    return account;
  }

  /** Undefined if there is none. */
  find(name: string): MemoryAccount | undefined {
    return this.#byName.get(keyOf(name));
  }

  /** Undefined if there is none. */
  findById(id: number): MemoryAccount | undefined {
    return this.#byId.get(id);
  }

  /** `NONEXISTENT`. */
  require(name: string): MemoryAccount {
    const account = this.find(name);
    if (account === undefined) {
      throw new StoreError('NONEXISTENT', `No account is named "${name}"`);
    }
    return account;
  }

  /** `NONEXISTENT`. */
  requireById(id: number): MemoryAccount {
    const account = this.#byId.get(id);
    if (account === undefined) throw new StoreError('NONEXISTENT', 'The account does not exist');
    return account;
  }

  remove(account: MemoryAccount): void {
    this.#byName.delete(keyOf(account.account.name));
    this.#byId.delete(account.id);
  }
}

/** What accounts are found by. */
function keyOf(name: string): string {
  return foldAsciiCase(name.normalize('NFC'));
}
