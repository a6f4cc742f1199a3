import type * as Jose from 'jose';
import { type Clock, steadyClock } from '../../tls/index.ts';
import { maxTokenBytes, tokenClockToleranceSeconds } from './limits.ts';
import { TokenKeys } from './token-keys.ts';

/** Whose tokens count, and for whom. Plain data, which can be sent to another thread. */
export interface TokenSettings {
  /** The `iss` of tokens, a URL. */
  readonly issuer: string;
  /** One of these must be among the `aud` of a token. */
  readonly audiences: readonly string[];
  /** Where the issuer's keys are: a URL, or the path of a file (RFC 7517). */
  readonly keys: string;
  /** The claim that names the account. */
  readonly claim: string;
}

/** Why a token does not count: a word for the log, and what the client is told. @see RFC 6750, section 3.1 */
export class TokenRefusedError extends Error {
  readonly status = 'invalid_token';

  constructor(reason: string) {
    super(reason);
    this.name = 'TokenRefusedError';
  }
}

/** What a token that counts says. */
export interface CheckedToken {
  /** What the claim for it says. */
  readonly userName: string;
  /**
   * When it counts no longer, by the wall clock, in milliseconds since 1970: later than its `exp` by how far clocks may differ.
   */
  readonly expiresAt: number;
}

/** Checks the tokens of OAuth clients. */
export interface TokenVerifier {
  /** Where clients find the issuer, for those that have no token that counts. */
  readonly configurationUrl: string;
  /** Rejects with a {@link TokenRefusedError}, or a `TokenKeysError` if it cannot be told now. */
  verify(token: string): Promise<CheckedToken>;
}

/** How a {@link JwtVerifier} tells the time, and whom it tells of trouble. */
export interface JwtVerifierOptions extends TokenSettings {
  /** Wall clock, for what tokens say. */
  readonly wallClock?: Clock;
  readonly clock?: Clock;
  /** Told why keys could not be read. */
  readonly onError: (error: unknown) => void;
}

/**
 * Signatures that only who has the issuer's private key can make. Not `none`, and none by a shared secret (HS256): a public key
 * taken for one would let anybody make tokens.
 */
const algorithms = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
];

/** Checks tokens that are JWTs (RFC 7519), as all big issuers make them, by the issuer's public keys. */
export class JwtVerifier implements TokenVerifier {
  readonly configurationUrl: string;
  readonly #options: JwtVerifierOptions;
  readonly #keys: TokenKeys;
  readonly #wallClock: Clock;

  constructor(options: JwtVerifierOptions) {
    const { issuer, keys: source, clock = steadyClock, onError } = options;
    this.configurationUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    this.#options = options;
    this.#keys = new TokenKeys({ source, clock, onError });
    this.#wallClock = options.wallClock ?? Date.now;
  }

  async verify(token: string): Promise<CheckedToken> {
    if (token.length > maxTokenBytes) throw new TokenRefusedError('too long');
    // Only servers that are configured for it need it.
    const jose = await import('jose');
    const claims = await this.#check(jose, token);
    const { claim } = this.#options;
    const userName = claims[claim];
    if (typeof userName !== 'string' || userName === '') {
      throw new TokenRefusedError(`no claim "${claim}"`);
    }
    // Whoever signs up with somebody else's address is not that one. Some issuers say it as text.
    const isVerified = claims['email_verified'] ?? true;
    if (claim === 'email' && isVerified !== true && isVerified !== 'true') {
      throw new TokenRefusedError('the address is not verified');
    }
    // Otherwise a token that still counts would be a login that ends at once.
    const expiresAt = ((claims.exp ?? 0) + tokenClockToleranceSeconds) * 1000;
    return { userName, expiresAt };
  }

  /** The claims of a token that counts. A key that is not known may be new. */
  async #check(jose: typeof Jose, token: string): Promise<Jose.JWTPayload> {
    try {
      return await this.#checkBy(jose, token);
    } catch (error) {
      if (!(error instanceof jose.errors.JWKSNoMatchingKey)) throw refusalOf(jose, error);
      if (!(await this.#keys.renew())) throw new TokenRefusedError('unknown key');
    }
    try {
      return await this.#checkBy(jose, token);
    } catch (error) {
      throw refusalOf(jose, error);
    }
  }

  async #checkBy(jose: typeof Jose, token: string): Promise<Jose.JWTPayload> {
    const { issuer, audiences } = this.#options;
    const find = jose.createLocalJWKSet(await this.#keys.current());
    const { payload } = await jose.jwtVerify(token, find, {
      algorithms,
      issuer,
      audience: [...audiences],
      requiredClaims: ['exp'],
      clockTolerance: tokenClockToleranceSeconds,
      currentDate: new Date(this.#wallClock()),
    });
    return payload;
  }
}

/** What is wrong with a token by the words of the library, which hold nothing of it; other errors as they are. */
function refusalOf(jose: typeof Jose, error: unknown): unknown {
  if (!(error instanceof jose.errors.JOSEError)) return error;
  const { code } = error;
  const claim = 'claim' in error ? ` ${String(error.claim)}` : '';
  return new TokenRefusedError(`${code}${claim}`);
}
