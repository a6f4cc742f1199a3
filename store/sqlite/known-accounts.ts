import { limits } from '../limits.ts';
import type { Account } from '../mail-store.ts';

/**
 * The accounts that a client of the store has read last, as long as none changes: each login asks twice for its account,
 * which takes the database 16 µs each time.
 *
 * Nothing stale is found. The version is read before the account is; the writer changes it after it has committed and
 * before it tells anybody ({@link makeWatchCounters} says why that suffices).
 */
export class KnownAccounts {
  readonly #version: Int32Array;
  readonly #accounts = new Map<string, Account>();
  #knownVersion = 0;

  /** @param version the writer's to change; one number, 0 until it knows the client: nothing is kept before */
  constructor(version: Int32Array) {
    this.#version = version;
  }

  /** The account of a name, as it is now; undefined if there is none, which is not kept. */
  find(name: string, read: () => Account | undefined): Account | undefined {
    const version = Atomics.load(this.#version, 0);
    if (version !== this.#knownVersion) {
      this.#accounts.clear();
      this.#knownVersion = version;
    }
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account = read();
    if (account !== undefined && version !== 0) this.#keep(name, account);
    return account;
  }

  /** The one that was read first makes room. */
  #keep(name: string, account: Account): void {
    if (this.#accounts.size >= limits.knownAccounts) {
      this.#accounts.delete(this.#accounts.keys().next().value!);
    }
    this.#accounts.set(name, account);
  }
}
