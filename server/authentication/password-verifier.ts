import { createHmac, randomBytes } from 'node:crypto';
import type { Account, MailStore } from '../../store/mail-store.ts';
import { type Clock, steadyClock } from '../../tls/clock.ts';
import type { SessionCache } from '../../tls/session-cache.ts';
import { defaultArgon2Parameters, isPasswordOf } from './password-hash.ts';
import { preparePassword } from './prepare-password.ts';
import { VerificationQueue } from './verification-queue.ts';

/** Checks the name and password of a login. */
export interface PasswordVerifier {
  /**
   * The account whose password this is; undefined where there is no such account or the password is
   * another. Which of the two cannot be told from the time it takes. Rejects with a
   * `VerificationQueueFullError` where too many wait.
   */
  verify(userName: string, password: string): Promise<Account | undefined>;
}

/** How long a right password is remembered: a phone that reconnects all day pays argon2 once an hour. */
export const rememberedVerificationMs = 60 * 60 * 1000;

/** Memory for what is remembered, about 25,000 logins. */
export const rememberedVerificationBytes = 4 * 1024 * 1024;

/**
 * Two of libuv's four threads, which all threads of ours share: the other two are for files. 256 waiting take
 * about four seconds at 30 ms each, after which a client has given up.
 */
const queueBounds = { concurrency: 2, maxWaiting: 256 };

export interface StoredPasswordVerifierOptions {
  readonly accounts: Pick<MailStore, 'findAccount'>;
  /** A cache of its own, whose entries live {@link rememberedVerificationMs}. The caller closes it. */
  readonly remembered: SessionCache;
  /** The clock of `remembered`. */
  readonly clock?: Clock;
  readonly queue?: VerificationQueue;
  /** With which logins are hashed: 32 octets, secret; verifiers that share `remembered` share it. Default: random. */
  readonly key?: Uint8Array;
  /** Verifiers in other threads that share the bounds of the queue, this one included. Default 1. */
  readonly shareCount?: number;
}

/** Drops what is remembered of an account, as after a change of its password. */
export async function forgetVerifications(
  remembered: SessionCache,
  account: Pick<Account, 'id'>,
): Promise<void> {
  // No login depends on it, since the changed hash gives another id: this only frees the room early.
  await remembered.purge({ account: ownerName(account) });
}

/** What is stored beside a remembered id; the id itself says everything. */
export const rememberedMark = new Uint8Array([1]);

/** A hash of no password, with the cost of a real one. */
const decoyHash = `$argon2id$v=19$m=${defaultArgon2Parameters.memoryKiB},t=${defaultArgon2Parameters.passes},p=${defaultArgon2Parameters.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Verifies against the argon2id hash of the store. A right password is remembered as an HMAC over account,
 * password and the hash that the store holds at that login, under a key that never leaves memory: after a
 * change of the password, or a removal of the account, the next login is refused. A wrong one is not
 * remembered.
 */
export class StoredPasswordVerifier implements PasswordVerifier {
  readonly #accounts: Pick<MailStore, 'findAccount'>;
  readonly #remembered: SessionCache;
  readonly #clock: Clock;
  readonly #queue: VerificationQueue;
  readonly #key: Uint8Array;
  /** Checks under way, so that the connections a client opens at once share one. */
  readonly #checks = new Map<string, Promise<boolean>>();

  constructor(options: StoredPasswordVerifierOptions) {
    this.#accounts = options.accounts;
    this.#remembered = options.remembered;
    this.#clock = options.clock ?? steadyClock;
    this.#key = options.key ?? randomBytes(32);
    this.#queue = options.queue ?? sharedQueue(options.shareCount ?? 1);
  }

  async verify(userName: string, password: string): Promise<Account | undefined> {
    const account = await this.#accounts.findAccount(userName);
    const prepared = preparePassword(password);
    if (account === undefined || prepared === undefined) {
      await this.#queue.run(() => isPasswordOf('decoy', decoyHash));
      return undefined;
    }
    const id = this.#rememberedId(account, prepared);
    if ((await this.#remembered.get(id)) !== undefined) return account;
    if (!(await this.#check(id, account, prepared))) return undefined;
    const expiresAt = this.#clock() + rememberedVerificationMs;
    await this.#remembered.put(id, rememberedMark, { expiresAt, account: ownerName(account) });
    return account;
  }

  async #check(id: Uint8Array, account: Account, password: string): Promise<boolean> {
    const key = Buffer.from(id).toString('base64');
    const running = this.#checks.get(key);
    if (running !== undefined) return running;
    const check = this.#queue
      .run(() => isPasswordOf(password, account.credentials.argon2id))
      .finally(() => this.#checks.delete(key));
    this.#checks.set(key, check);
    return check;
  }

  #rememberedId(account: Account, password: string): Uint8Array {
    // JSON keeps the fields apart, whatever they hold.
    const text = JSON.stringify([account.id, account.name, account.credentials.argon2id, password]);
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

function sharedQueue(shareCount: number): VerificationQueue {
  const { concurrency, maxWaiting } = queueBounds;
  return new VerificationQueue({
    concurrency: Math.ceil(concurrency / shareCount),
    maxWaiting: Math.ceil(maxWaiting / shareCount),
  });
}

function ownerName(account: Pick<Account, 'id'>): string {
  return String(account.id);
}
