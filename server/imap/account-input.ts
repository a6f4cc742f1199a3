/** A client that has logged in. */
export interface InputHolder {
  /** Drops its input, tells it why, and ends it. */
  endForInput(): void;
}

/** How much clients that have logged in may make a thread hold, in bytes. */
export interface AccountInputLimits {
  /**
   * Of all clients of an account: dozens that upload large messages at once. Above it one of them is ended, so that it hurts
   * nobody else.
   */
  readonly accountInputBytes: number;
  /** Of all clients of a thread; above it the account that holds most loses one. */
  readonly threadInputBytes: number;
  /** Of them, for what is known of whole messages and waits for others, of an account; above it, that goes to the disk. */
  readonly accountMailBytes: number;
  /** The same, of a thread. */
  readonly threadMailBytes: number;
}

interface Holding {
  readonly account: Account;
  bytes: number;
}

/** The clients of an account that hold something. */
interface Account {
  readonly id: number;
  bytes: number;
  /** Who has sent nothing for longest comes first. */
  readonly holders: Set<InputHolder>;
}

/** A client that holds no more does not count: what most commands need. */
const uncountedBytes = 8 * 1024;

/**
 * The memory that clients which have logged in make a thread hold by what they do not finish: commands and literals without
 * their end, and the messages of an APPEND that has more to come. At a bound the client is ended that has sent nothing for
 * longest, of the account that is at its bound or, in a thread that is at its own, of the account that holds most: an honest
 * client goes on sending, and other accounts notice nothing.
 */
export class AccountInput {
  readonly #limits: AccountInputLimits;
  readonly #holdings = new Map<InputHolder, Holding>();
  readonly #accounts = new Map<number, Account>();
  #bytes = 0;

  constructor(limits: AccountInputLimits) {
    this.#limits = limits;
  }

  /** Bytes that are held now, without those that do not count. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True if an account, and all of them, hold so little that whole messages can wait in memory. */
  hasRoomForMail(accountId: number): boolean {
    const { accountMailBytes, threadMailBytes } = this.#limits;
    const accountBytes = this.#accounts.get(accountId)?.bytes ?? 0;
    return accountBytes <= accountMailBytes && this.#bytes <= threadMailBytes;
  }

  /** A client of an account holds so many bytes from now on. Ends it or others if they are too many. */
  hold(holder: InputHolder, accountId: number, bytes: number): void {
    if (bytes <= uncountedBytes) return this.release(holder);
    const holding = this.#holdings.get(holder) ?? this.#enter(holder, accountId);
    if (holding.bytes === bytes) return;
    const { account } = holding;
    account.holders.delete(holder);
    account.holders.add(holder);
    this.#add(holding, bytes - holding.bytes);
    const { accountInputBytes, threadInputBytes } = this.#limits;
    // Both end, since nothing is held when everybody has been ended
    while (account.bytes > accountInputBytes) this.#endOne(account);
    while (this.#bytes > threadInputBytes) this.#endOne(this.#fullest());
  }

  /** A client is gone, or has logged out of its account. Harmless if it held nothing. */
  release(holder: InputHolder): void {
    const holding = this.#holdings.get(holder);
    if (holding === undefined) return;
    const { account } = holding;
    this.#add(holding, -holding.bytes);
    this.#holdings.delete(holder);
    account.holders.delete(holder);
    if (account.holders.size === 0) this.#accounts.delete(account.id);
  }

  #enter(holder: InputHolder, accountId: number): Holding {
    const account = this.#accounts.get(accountId) ?? {
      id: accountId,
      bytes: 0,
      holders: new Set(),
    };
    const holding = { account, bytes: 0 };
    this.#accounts.set(accountId, account);
    this.#holdings.set(holder, holding);
    return holding;
  }

  #add(holding: Holding, bytes: number): void {
    holding.bytes += bytes;
    holding.account.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Looks at every account, which costs less than what a client sends to get here. */
  #fullest(): Account | undefined {
    let fullest: Account | undefined;
    for (const account of this.#accounts.values()) {
      if (account.bytes > (fullest?.bytes ?? 0)) fullest = account;
    }
    return fullest;
  }

  #endOne(account: Account | undefined): void {
    const [holder] = account?.holders ?? [];
    if (holder === undefined) return;
    this.release(holder);
    holder.endForInput();
  }
}
