import { readFile } from 'node:fs/promises';
import type { JSONWebKeySet } from 'jose';
import { type Clock, steadyClock } from '../../tls/index.ts';
import { tokenKeyLimits } from './limits.ts';

/** The keys of an issuer cannot be had now. The text goes to the client; `cause` says why. */
export class TokenKeysError extends Error {
  /** The response code for the client (RFC 5530). */
  readonly code = 'UNAVAILABLE';

  constructor(cause: unknown) {
    super('Cannot check tokens now, try again later', { cause });
    this.name = 'TokenKeysError';
  }
}

/** Where keys come from, and by which time they are kept. */
export interface TokenKeysOptions {
  /** An `https:` or `http:` URL, or the path of a file. */
  readonly source: string;
  readonly clock?: Clock;
  /** Told why keys could not be read. */
  readonly onError: (error: unknown) => void;
}

/**
 * The public keys of an issuer of tokens (RFC 7517), read when they are first needed, and again after a while or if a token
 * names one that is not there. Old ones count as long as there are no new ones, so that an issuer that is down for a while
 * keeps nobody out. All who wait share one request.
 */
export class TokenKeys {
  readonly #source: string;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #keys: JSONWebKeySet | undefined;
  #error: unknown;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor({ source, clock = steadyClock, onError }: TokenKeysOptions) {
    this.#source = source;
    this.#clock = clock;
    this.#onError = onError;
  }

  /** The keys, which may be old. @throws TokenKeysError if there have never been any */
  async current(): Promise<JSONWebKeySet> {
    const ageMs = this.#clock() - this.#readAt;
    if (this.#keys === undefined) await this.renew();
    else if (ageMs >= tokenKeyLimits.lifetimeMs) void this.renew();
    if (this.#keys === undefined) throw new TokenKeysError(this.#error);
    return this.#keys;
  }

  /** Reads the keys again, unless that was just tried; true if it has been done. Never rejects. */
  async renew(): Promise<boolean> {
    if (this.#reading === undefined) {
      if (this.#clock() - this.#readAt < tokenKeyLimits.cooldownMs) return false;
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
    return true;
  }

  async #read(): Promise<void> {
    try {
      this.#keys = isUrl(this.#source)
        ? parse(await download(this.#source))
        : await readKeyFile(this.#source);
    } catch (error) {
      this.#error = error;
      this.#onError(error);
    } finally {
      this.#readAt = this.#clock();
    }
  }
}

/**
 * What a server warns of at its start: the file of keys cannot be used, and nobody could log in by a token. An issuer is not asked,
 * since it may be away then.
 */
export async function warningOfTokenKeys(source: string): Promise<string | undefined> {
  if (isUrl(source)) return undefined;
  try {
    await readKeyFile(source);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `Cannot read token keys "${source}": ${code ?? message}`;
  }
}

function isUrl(source: string): boolean {
  return /^https?:/i.test(source);
}

async function readKeyFile(path: string): Promise<JSONWebKeySet> {
  return parse(await readFile(path, 'utf8'));
}

async function download(url: string): Promise<string> {
  const signal = AbortSignal.timeout(tokenKeyLimits.deadlineMs);
  const response = await fetch(url, {
    signal,
    headers: { accept: 'application/json' },
    // An issuer says where its keys are; who is between could say something else.
    redirect: 'error',
  });
  if (!response.ok) throw new Error(`"${url}" answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > tokenKeyLimits.maxBytes) throw new Error(`"${url}" sends too much`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Throws for what is no key set, so that the one before goes on counting. @see RFC 7517, sections 4.1 and 5 */
function parse(text: string): JSONWebKeySet {
  const value: unknown = JSON.parse(text);
  if (!hasField(value, 'keys') || !Array.isArray(value.keys)) {
    throw new Error('The key set has no "keys"');
  }
  for (const key of value.keys as unknown[]) {
    if (!hasField(key, 'kty')) throw new Error('The key set has a key without "kty"');
  }
  return value as JSONWebKeySet;
}

function hasField<Name extends string>(
  value: unknown,
  name: Name,
): value is { readonly [Key in Name]: unknown } {
  return typeof value === 'object' && value !== null && name in value;
}
