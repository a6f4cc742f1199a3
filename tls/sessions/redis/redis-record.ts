import { ownerTagBytes } from './session-sealer.ts';

const noTag = Buffer.alloc(ownerTagBytes);
const expiresAtOffset = 2 * ownerTagBytes;
const headerBytes = expiresAtOffset + 8;

/** Where in a record the tag of its account begins, and that of its certificate. */
export const tagOffsets = { account: 0, certificate: ownerTagBytes } as const;

/** What Redis keeps for a session. Only the tags can change: they lie outside of what is sealed. */
export interface RedisSessionRecord {
  /** Milliseconds of the cache's clock. */
  readonly expiresAt: number;
  readonly sealed: Uint8Array;
}

/** By what a record is found when the sessions of an owner are purged; undefined if it has none. */
export interface OwnerTags {
  readonly account: Buffer | undefined;
  readonly certificate: Buffer | undefined;
}

/** Tag of the account, tag of the certificate (zeros where there is none), deadline, sealed session. */
export function encodeRecord(record: RedisSessionRecord, tags: OwnerTags): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header.set(tags.account ?? noTag, tagOffsets.account);
  header.set(tags.certificate ?? noTag, tagOffsets.certificate);
  header.writeDoubleBE(record.expiresAt, expiresAtOffset);
  return Buffer.concat([header, record.sealed]);
}

/** Views on the tags of a record that is long enough; zeros stand for none and belong to nobody. */
export function decodeTags(bytes: Buffer): OwnerTags {
  const tagAt = (start: number): Buffer => bytes.subarray(start, start + ownerTagBytes);
  return { account: tagAt(tagOffsets.account), certificate: tagAt(tagOffsets.certificate) };
}

/** Views on a record; undefined where it is too short for one. */
export function decodeRecord(bytes: Buffer): RedisSessionRecord | undefined {
  if (bytes.length < headerBytes) return undefined;
  return {
    expiresAt: bytes.readDoubleBE(expiresAtOffset),
    sealed: bytes.subarray(headerBytes),
  };
}
