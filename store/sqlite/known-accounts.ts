import { limits } from '../limits.ts';
import type { Account } from '../mail-store.ts';

/**
 * What a client of the store has read last of accounts, as long as none comes, changes or goes: each login asks twice for
 * its account, which takes the database 16 µs each time. A name without an account is known too, so that the time that a
 * refusal takes does not tell it from one of an account that was read before.
 *
 * Nothing stale is found. The version is read before the account is; the writer changes it after it has committed and
 * before it tells anybody ({@link makeWatchCounters} says why that suffices).
 */
export class KnownAccounts {
  readonly #version: Int32Array;
  readonly #accounts = new Map<string, Account | undefined>();
  #knownVersion = 0;

  /** @param version the writer's to change; one number, 0 until it knows the client: nothing is kept before */
  constructor(version: Int32Array) {
    this.#version = version;
  }

  /** The account of a name, as it is now; undefined if there is none. */
  find(name: string, read: () => Account | undefined): Account | undefined {
    const version = Atomics.load(this.#version, 0);
    if (version !== this.#knownVersion) {
      this.#accounts.clear();
      this.#knownVersion = version;
    }
    const known = this.#accounts.get(name);
    if (known !== undefined || this.#accounts.has(name)) return known;
    const account = read();
    // Strangers choose names, and so how much is kept of a longer one.
    if (version !== 0 && name.length <= limits.maxAccountNameLength) this.#keep(name, account);
    return account;
  }

  /** The one that was read first makes room. */
  #keep(name: string, account: Account | undefined): void {
    if (this.#accounts.size >= limits.knownAccounts) {
      this.#accounts.delete(this.#accounts.keys().next().value!);
    }
    this.#accounts.set(name, account);
  }
}
