import { cacheLimits } from '../../limits.ts';
import { ownerTagBytes } from './session-sealer.ts';

/** Whose sessions an index names. */
export type OwnerKind = 'account' | 'certificate';

/** The names of keys in Redis. */
export class RedisKeys {
  /** What all of them begin with. */
  readonly prefix: string;

  /** @param prefix - what all keys begin with */
  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Returns the key of a session; undefined if no session can have such an id. */
  session(id: Uint8Array): string | undefined {
    const isId = id.length > 0 && id.length <= cacheLimits.idBytes;
    return isId ? this.sessionNamed(idName(id)) : undefined;
  }

  /** Returns the key of the session with this {@link idName}. */
  sessionNamed(name: string): string {
    return `${this.prefix}s:${name}`;
  }

  /** Whether a key is that of a session. */
  isSession(key: string): boolean {
    return key.startsWith(`${this.prefix}s:`);
  }

  /** Returns the key of the index that names the sessions of an owner. */
  index(kind: OwnerKind, tag: Buffer): string {
    return `${this.prefix}${kind === 'account' ? 'a' : 'c'}:${tag.toString('base64url')}`;
  }
}

/** The name of an id in keys and indexes. */
export function idName(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('base64url');
}

const noTag = Buffer.alloc(ownerTagBytes);
const expiresAtOffset = 2 * ownerTagBytes;
const headerBytes = expiresAtOffset + 8;

/** The offsets at which the tags of account and certificate begin in a record. */
export const tagOffsets = { account: 0, certificate: ownerTagBytes } as const;

/** What Redis has of a session, but for the tags. These can change, since they are not sealed. */
export interface RedisSessionRecord {
  /** Milliseconds of the cache's clock. */
  readonly expiresAt: number;
  readonly sealed: Uint8Array;
}

/** The owners of a record, by which a purge finds it; undefined if it has none. */
export interface OwnerTags {
  readonly account: Buffer | undefined;
  readonly certificate: Buffer | undefined;
}

/** A record: tag of the account, tag of the certificate (zeros if there is none), deadline, sealed session. */
export function encodeRecord(record: RedisSessionRecord, tags: OwnerTags): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header.set(tags.account ?? noTag, tagOffsets.account);
  header.set(tags.certificate ?? noTag, tagOffsets.certificate);
  header.writeDoubleBE(record.expiresAt, expiresAtOffset);
  return Buffer.concat([header, record.sealed]);
}

/** Reads the tags of a record that is long enough; they are views. Zeros stand for none and are no owner's tag. */
export function decodeTags(bytes: Buffer): OwnerTags {
  const tagAt = (start: number): Buffer => bytes.subarray(start, start + ownerTagBytes);
  return { account: tagAt(tagOffsets.account), certificate: tagAt(tagOffsets.certificate) };
}

/** Reads a record; `sealed` is a view. Returns undefined if it is too short. */
export function decodeRecord(bytes: Buffer): RedisSessionRecord | undefined {
  if (bytes.length < headerBytes) return undefined;
  return {
    expiresAt: bytes.readDoubleBE(expiresAtOffset),
    sealed: bytes.subarray(headerBytes),
  };
}
