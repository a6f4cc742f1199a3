import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { tlsLimits } from '../../limits.ts';

const nonceBytes = 12;
const tagBytes = 16;
/** Bytes that sealing adds to a session. */
export const sealBytes = nonceBytes + tagBytes;
/** Bytes of an AES-256 key. */
const keyBytes = 32;
/** Bytes of an owner tag, see {@link SessionSealer.ownerTags}. */
export const ownerTagBytes = 16;

/**
 * Seals sessions for a place that others can read and write. AES-256-GCM binds them to their id, their deadline and
 * the place, so that nobody there can read, change or move them, or make them live longer.
 *
 * Each session has a key of its own, made from its id: a key that many machines use for years would be used with
 * too many random nonces.
 *
 * @see NIST SP 800-38D, section 8.3
 */
export class SessionSealer {
  readonly #keys: readonly Buffer[];
  readonly #tagKeys: readonly Buffer[];
  readonly #place: Buffer;

  /**
   * @param secrets - at least 32 random bytes each; the first one seals, each of them opens
   * @param place - a name of the place, such as the prefix of the keys; the same on all machines
   * @throws RangeError if there is no secret, or if one is too short
   */
  constructor(secrets: readonly Uint8Array[], place: string) {
    if (secrets.length === 0) throw new RangeError('Cannot seal sessions without a secret');
    for (const { length } of secrets) {
      if (length < tlsLimits.secretBytes) {
        throw new RangeError(
          `Cannot seal sessions with a secret of "${length}" bytes: at least ${tlsLimits.secretBytes} are needed`,
        );
      }
    }
    this.#keys = secrets.map((secret) => derive(secret, 'reprise session seal 1'));
    this.#tagKeys = secrets.map((secret) => derive(secret, 'reprise session owner 1'));
    this.#place = Buffer.from(place);
  }

  /** Returns the sealed session, which is {@link sealBytes} longer. */
  seal(id: Uint8Array, session: Uint8Array, expiresAt: number): Buffer {
    const nonce = randomBytes(nonceBytes);
    const key = sessionKey(this.#keys[0]!, id);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(this.#associatedData(id, expiresAt));
    const sealed = Buffer.concat([nonce, cipher.update(session), cipher.final()]);
    key.fill(0);
    return Buffer.concat([sealed, cipher.getAuthTag()]);
  }

  /** Returns the session, which the caller owns; undefined if none of the secrets has sealed it like this. */
  open(id: Uint8Array, sealed: Uint8Array, expiresAt: number): Uint8Array | undefined {
    if (sealed.length < sealBytes) return undefined;
    const data = this.#associatedData(id, expiresAt);
    for (const root of this.#keys) {
      const key = sessionKey(root, id);
      const session = openWith(key, sealed, data);
      key.fill(0);
      if (session !== undefined) return session;
    }
    return undefined;
  }

  /**
   * Returns tags that stand for an account or a certificate without telling its name: one for each secret, of
   * {@link ownerTagBytes} bytes. The first is for new sessions.
   */
  ownerTags(kind: 'account' | 'certificate', name: string): Buffer[] {
    return this.#tagKeys.map((key) => {
      const hmac = createHmac('sha256', key).update(`${kind}\0`).update(this.#place);
      return hmac.update(`\0${name}`).digest().subarray(0, ownerTagBytes);
    });
  }

  #associatedData(id: Uint8Array, expiresAt: number): Buffer {
    const data = Buffer.allocUnsafe(9 + id.length + this.#place.length);
    data.writeDoubleBE(expiresAt);
    data[8] = id.length;
    data.set(id, 9);
    data.set(this.#place, 9 + id.length);
    return data;
  }
}

function derive(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), purpose, keyBytes));
}

function sessionKey(root: Buffer, id: Uint8Array): Buffer {
  return createHmac('sha256', root).update(id).digest();
}

function openWith(key: Buffer, sealed: Uint8Array, data: Buffer): Uint8Array | undefined {
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(data).setAuthTag(sealed.subarray(end));
  const opened = decipher.update(sealed.subarray(nonceBytes, end));
  try {
    decipher.final();
    return Uint8Array.from(opened);
  } catch {
    // It was sealed by another key, or changed.
    return undefined;
  } finally {
    opened.fill(0);
  }
}
