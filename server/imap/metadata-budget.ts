/** A client that is to be told of metadata. */
export interface MetadataListener {
  readonly accountId: number;
  /** Names of entries that wait to be told. */
  readonly untoldCount: number;
  /** Too much waits in the account: it is told nothing more, and holds nothing. */
  endOverflowing(): void;
}

interface AccountNews {
  untoldCount: number;
  /** Those for whom something waits. */
  readonly listeners: Set<MetadataListener>;
}

/**
 * Names of entries of metadata that wait to be told to the clients of each account. Of an account with too many those clients are
 * ended for whom most wait, since they ask least.
 */
export class MetadataBudget {
  readonly #maxUntold: number;
  readonly #accounts = new Map<number, AccountNews>();

  /** @param maxUntold - names of each account */
  constructor(maxUntold: number) {
    this.#maxUntold = maxUntold;
  }

  /** Takes in that so many names more wait for a client, or fewer, if it is below 0; its own count says so already. */
  count(listener: MetadataListener, change: number): void {
    if (change === 0) return;
    const { accountId, untoldCount } = listener;
    const account = this.#accounts.get(accountId) ?? { untoldCount: 0, listeners: new Set() };
    account.untoldCount += change;
    if (untoldCount === 0) account.listeners.delete(listener);
    else account.listeners.add(listener);
    if (account.listeners.size === 0) this.#accounts.delete(accountId);
    else this.#accounts.set(accountId, account);
    if (change > 0) this.#makeRoom(account);
  }

  #makeRoom(account: AccountNews): void {
    while (account.untoldCount > this.#maxUntold) {
      let most: MetadataListener | undefined;
      for (const listener of account.listeners) {
        if (listener.untoldCount > (most?.untoldCount ?? 0)) most = listener;
      }
      if (most === undefined) return;
      most.endOverflowing();
    }
  }
}
