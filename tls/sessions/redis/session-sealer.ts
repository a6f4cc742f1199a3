import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;
/** What sealing adds to a session. */
export const sealBytes = nonceBytes + tagBytes;
const keyBytes = 32;
/** Bytes of each of {@link SessionSealer.ownerTags}. */
export const ownerTagBytes = 16;

/**
 * Seals sessions for a place that others can read and write: AES-256-GCM, bound to the session's id, its
 * deadline and the place, so that nothing can be read, changed, moved or made to live longer there.
 *
 * Each session has a key of its own, made from its id, since random nonces wear out a key that many machines
 * use for years.
 *
 * @see NIST SP 800-38D, section 8.3
 */
export class SessionSealer {
  readonly #keys: readonly Buffer[];
  readonly #tagKeys: readonly Buffer[];
  readonly #place: Buffer;

  /**
   * @param secrets - at least 32 random bytes each; the first one seals, all of them open
   * @param place - where the sessions lie, such as the prefix of their keys; the same on all machines
   * @throws RangeError where there is no secret, or a short one
   */
  constructor(secrets: readonly Uint8Array[], place: string) {
    if (secrets.length === 0) throw new RangeError('Cannot seal sessions without a secret');
    for (const { length } of secrets) {
      if (length < keyBytes) {
        throw new RangeError(
          `Cannot seal sessions with a secret of "${length}" bytes: at least ${keyBytes} are needed`,
        );
      }
    }
    this.#keys = secrets.map((secret) => derive(secret, 'reprise session seal 1'));
    this.#tagKeys = secrets.map((secret) => derive(secret, 'reprise session owner 1'));
    this.#place = Buffer.from(place);
  }

  /** The sealed session: {@link sealBytes} longer. */
  seal(id: Uint8Array, session: Uint8Array, expiresAt: number): Buffer {
    const nonce = randomBytes(nonceBytes);
    const key = sessionKey(this.#keys[0]!, id);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(this.#associatedData(id, expiresAt));
    const sealed = Buffer.concat([nonce, cipher.update(session), cipher.final()]);
    key.fill(0);
    return Buffer.concat([sealed, cipher.getAuthTag()]);
  }

  /** The session, which the caller owns; undefined where it was not sealed like this by one of the secrets. */
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
   * Stand for an account or a certificate where its name must not be read, one for each secret: the first is
   * for what is stored now. {@link ownerTagBytes} bytes each.
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
    // The tag is another's.
    return undefined;
  } finally {
    opened.fill(0);
  }
}
