import { hash, randomBytes } from 'node:crypto';
import type { Account, MailStore } from '../../store/mail-store.ts';
import { foldAsciiCase } from '../../store/names.ts';
import { addressGroup, type Clock, type SessionCache, steadyClock } from '../../tls/index.ts';
import type { LoginAttempt } from './failed-logins.ts';
import { maxAccountKeyLength } from './limits.ts';
import { PasswordCheckQueue, type PasswordChecks } from './password-check-queue.ts';
import { defaultArgon2Parameters, isPasswordOf } from './password-hash.ts';
import { preparePassword, saslprep } from './saslprep.ts';
import {
  clientKeyOf,
  isClientKeyOf,
  parseScramVerifier,
  type ScramKeys,
  unmatchedScramKeys,
} from './scram-verifier.ts';
import { findNamedAccount } from './user-name.ts';

/**
 * Runs a check that the client has to wait for. The check is told by the signal if the client has gone: it no longer
 * waits, and the check rejects with the signal's reason.
 */
export type LoginWait = <Value>(check: (gone?: AbortSignal) => Promise<Value>) => Promise<Value>;

/** Checks the name and password of a login. */
export interface PasswordVerifier {
  /**
   * The account whose password this is, as it is in the store now; undefined if there is no such account or the
   * password is wrong. Which of the two cannot be told from the time it takes. Rejects with a `LoginBusyError` if
   * too many wait.
   *
   * @param address - the client's IP address; absent: all without one count as one client
   * @param wait - called if the login is not answered at once; absent: the check is awaited
   */
  verify(
    userName: string,
    password: string,
    address?: string,
    wait?: LoginWait,
  ): Promise<Account | undefined>;
}

/** A login by SCRAM that has begun, with what the client is told of its password. */
export interface ScramLogin {
  readonly userName: string;
  /** Undefined if there is none, of which the client learns nothing. */
  readonly account: Account | undefined;
  readonly keys: ScramKeys;
}

/** What a client sends instead of its password. */
export interface ScramProof {
  readonly proof: Uint8Array;
  /** All that was said before, which it signs. @see RFC 5802, section 3 */
  readonly authMessage: string;
}

/** Checks logins whose clients prove that they know the password. @see RFC 7677 */
export interface ScramVerifier {
  /** The keys of an account, or plausible ones: for a name without account, and for an account without keys. */
  beginScram(userName: string): Promise<ScramLogin>;
  /** As {@link PasswordVerifier.verify}. */
  verifyScram(
    login: ScramLogin,
    proof: ScramProof,
    address?: string,
    wait?: LoginWait,
  ): Promise<Account | undefined>;
  /** The account as it is in the store now; undefined if it was removed or its password was changed since it was read. */
  readAgain(account: Account): Promise<Account | undefined>;
}

/** How long a right password need not be checked again: a phone that reconnects all day pays argon2 once an hour. */
export const verifiedLoginLifetimeMs = 60 * 60 * 1000;

/** Memory for verified logins, about 25,000 of them. */
export const verifiedLoginBytes = 4 * 1024 * 1024;

/** Where a {@link StoredPasswordVerifier} looks passwords up. */
export interface StoredPasswordVerifierOptions {
  readonly accounts: Pick<MailStore, 'findAccount'>;
  /** A cache of its own, whose entries live {@link verifiedLoginLifetimeMs}. The caller closes it. */
  readonly verifiedLogins: SessionCache;
  /** The clock of `verifiedLogins`. */
  readonly clock?: Clock;
  /** Decides when a password is checked. The caller closes it. Default: a queue of this verifier alone. */
  readonly checks?: PasswordChecks;
  /** Verified logins are hashed with it: 32 bytes, secret; verifiers that share `verifiedLogins` share it. Default: random. */
  readonly key?: Uint8Array;
  /** What names without an account get their salts of: 32 bytes, secret, the same at each start. Default: random. */
  readonly saltSecret?: Uint8Array;
}

/** Drops the verified logins of an account, as after a change of its password. */
export async function forgetVerifiedLogins(
  verifiedLogins: SessionCache,
  account: Pick<Account, 'id'>,
): Promise<void> {
  // No login depends on it, since the changed hash gives another id: this only frees the room early.
  await verifiedLogins.purge({ account: ownerName(account) });
}

/** What is stored under the id of a verified login; the id itself says everything. */
export const verifiedMark = new Uint8Array([1]);

/** A hash that no password has, with the cost of a real one: checked if there is no account, so that it takes as long. */
const unmatchedHash = `$argon2id$v=19$m=${defaultArgon2Parameters.memoryKiB},t=${defaultArgon2Parameters.passes},p=${defaultArgon2Parameters.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Verifies against the argon2id hash of the store, and proofs of SCRAM against its keys beside the hash. A right password is kept as a MAC over account, password and
 * the hash that the store holds at that login, under a key that never leaves memory: after a change of the password,
 * or a removal of the account, the next login is refused. A wrong one is not kept.
 *
 * A login whose password was verified before is answered at once, unless there were so many wrong ones for the
 * account from the same address group that somebody there must be guessing; then it waits for its turn.
 */
export class StoredPasswordVerifier implements PasswordVerifier, ScramVerifier {
  readonly #accounts: Pick<MailStore, 'findAccount'>;
  readonly #verifiedLogins: SessionCache;
  readonly #clock: Clock;
  readonly #checks: PasswordChecks;
  readonly #key: string;
  readonly #saltSecret: Uint8Array;
  /** Checks that somebody waits for, so that the connections a client opens at once share one. */
  readonly #pending = new Map<string, SharedCheck>();

  constructor(options: StoredPasswordVerifierOptions) {
    this.#accounts = options.accounts;
    this.#verifiedLogins = options.verifiedLogins;
    this.#clock = options.clock ?? steadyClock;
    this.#key = Buffer.from(options.key ?? randomBytes(32)).toString('base64');
    this.#saltSecret = options.saltSecret ?? randomBytes(32);
    this.#checks = options.checks ?? new PasswordCheckQueue();
  }

  async verify(
    userName: string,
    password: string,
    address = '',
    wait: LoginWait = (check) => check(),
  ): Promise<Account | undefined> {
    const account = await findNamedAccount(this.#accounts, userName);
    const prepared = preparePassword(password);
    const known = account?.credentials.argon2id;
    const id = this.#loginId(account, userName, [known, prepared ?? password]);
    const check = () => this.#check(account, prepared);
    const isRight = await this.#isRight({ id, account, userName, check, address, wait });
    return isRight && account !== undefined ? this.readAgain(account) : undefined;
  }

  async beginScram(userName: string): Promise<ScramLogin> {
    const account = await findNamedAccount(this.#accounts, userName);
    const keys = account && parseScramVerifier(account.credentials.scramSha256);
    if (keys !== undefined) return { userName, account, keys };
    const prepared = saslprep(userName);
    const name = foldAsciiCase(account?.name ?? ('text' in prepared ? prepared.text : userName));
    return { userName, account, keys: unmatchedScramKeys(this.#saltSecret, name) };
  }

  async verifyScram(
    { userName, account, keys }: ScramLogin,
    { proof, authMessage }: ScramProof,
    address = '',
    wait: LoginWait = (check) => check(),
  ): Promise<Account | undefined> {
    const clientKey = clientKeyOf(keys, authMessage, proof);
    const isKnown = isClientKeyOf(keys, clientKey);
    // A right proof gives the client key, which stands for the password; a wrong one gives another key each time.
    const known = account?.credentials.scramSha256;
    const id = this.#loginId(account, userName, [known, clientKey.toString('base64')]);
    clientKey.fill(0);
    // It takes its turn as a password does, so that nobody guesses faster this way.
    const check = async () => isKnown;
    const isRight = await this.#isRight({ id, account, userName, check, address, wait });
    return isRight && account !== undefined ? this.readAgain(account) : undefined;
  }

  /** Whether a login is right: at once if it was before, else when its turn comes. */
  async #isRight(login: PendingLogin): Promise<boolean> {
    const { id, account, userName, check, address, wait } = login;
    const attempt: LoginAttempt = {
      group: addressGroup(address),
      account: account?.name ?? userName.toLowerCase().slice(0, maxAccountKeyLength),
      // Never 0, which stands for no mark.
      passwordMark: id.readInt32LE() | 1,
    };
    const isQuick = !this.#checks.failedLogins.isGuessing(attempt);
    if (isQuick && (await this.#isVerified(id))) return true;
    return wait((gone) =>
      this.#runOnce(id, attempt, () => this.#checkAndKeep(id, account, check), gone),
    );
  }

  async #checkAndKeep(
    id: Uint8Array,
    account: Account | undefined,
    check: () => Promise<boolean>,
  ): Promise<boolean> {
    // Another thread may have verified it meanwhile.
    if (await this.#isVerified(id)) return true;
    if (!(await check()) || account === undefined) return false;
    const expiresAt = this.#clock() + verifiedLoginLifetimeMs;
    await this.#verifiedLogins.put(id, verifiedMark, { expiresAt, account: ownerName(account) });
    return true;
  }

  /**
   * Checks a password whose turn has come. Does as much if there is no account, or no password looks like this, so
   * that it takes as long.
   */
  async #check(account: Account | undefined, password: string | undefined): Promise<boolean> {
    if (account !== undefined && password !== undefined) {
      return isPasswordOf(password, account.credentials.argon2id);
    }
    await isPasswordOf('', unmatchedHash);
    return false;
  }

  async #isVerified(id: Uint8Array): Promise<boolean> {
    return (await this.#verifiedLogins.get(id)) !== undefined;
  }

  async readAgain({ id, name, credentials }: Account): Promise<Account | undefined> {
    const account = await this.#accounts.findAccount(name);
    const isUnchanged =
      account?.id === id &&
      account.credentials.argon2id === credentials.argon2id &&
      account.credentials.scramSha256 === credentials.scramSha256;
    return isUnchanged ? account : undefined;
  }

  /** Joins the same login of the same address group, if one waits or runs. It waits until the last client has gone. */
  async #runOnce(
    id: Uint8Array,
    attempt: LoginAttempt,
    check: () => Promise<boolean>,
    gone: AbortSignal | undefined,
  ): Promise<boolean> {
    gone?.throwIfAborted();
    const key = `${attempt.group} ${Buffer.from(id).toString('base64')}`;
    let shared = this.#pending.get(key);
    if (shared === undefined) {
      const abandon = new AbortController();
      const result = this.#checks.run(attempt, check, abandon.signal);
      shared = { result, abandon, clientCount: 0 };
      this.#pending.set(key, shared);
    }
    shared.clientCount += 1;
    try {
      return await untilGone(shared.result, gone);
    } finally {
      shared.clientCount -= 1;
      if (shared.clientCount === 0) {
        this.#pending.delete(key);
        shared.abandon.abort();
      }
    }
  }

  /** @param proof - what the store has, and what the client has shown */
  #loginId(
    account: Account | undefined,
    userName: string,
    proof: readonly (string | undefined)[],
  ): Buffer {
    const { id, name = userName } = account ?? {};
    // JSON keeps the fields apart, whatever they hold.
    const text = JSON.stringify([this.#key, id, name, ...proof]);
    // With the key in front this is a MAC: a hash of SHA-512/256 shows only half of the state, so that none can be lengthened.
    return hash('sha512-256', text, 'buffer');
  }
}

/** A login that is to be checked, at once or later. */
interface PendingLogin {
  /** Of account and password, or what stands for the password. */
  readonly id: Buffer;
  readonly account: Account | undefined;
  readonly userName: string;
  readonly check: () => Promise<boolean>;
  readonly address: string;
  readonly wait: LoginWait;
}

/** One check, and the clients that wait for it. */
interface SharedCheck {
  readonly result: Promise<boolean>;
  /** Aborts when the last client has gone. */
  readonly abandon: AbortController;
  clientCount: number;
}

/** Settles as the work does; rejects with the signal's reason if that aborts before. */
async function untilGone<Value>(work: Promise<Value>, gone?: AbortSignal): Promise<Value> {
  if (gone === undefined) return work;
  const end = Promise.withResolvers<never>();
  const onGone = (): void => end.reject(gone.reason);
  gone.addEventListener('abort', onGone);
  try {
    return await Promise.race([work, end.promise]);
  } finally {
    gone.removeEventListener('abort', onGone);
  }
}

function ownerName(account: Pick<Account, 'id'>): string {
  return String(account.id);
}
