/** A session as it lies in the cache. */
export interface StoredSession {
  /** As OpenSSL serializes it; secret. */
  readonly session: Uint8Array;
  /** Id of the session it was made from, which goes when this one is used; undefined after a full handshake. */
  readonly predecessorId: Uint8Array | undefined;
}

/*
 * One octet, the length of the predecessor's id; the id; the session. The predecessor lies in the value, so
 * that a cache needs to know nothing of it.
 */
const longestIdBytes = 32;

/** The octets that are stored. */
export function encodeStoredSession({ session, predecessorId }: StoredSession): Uint8Array {
  const idBytes = predecessorId?.length ?? 0;
  const octets = new Uint8Array(1 + idBytes + session.length);
  octets[0] = idBytes;
  if (predecessorId !== undefined) octets.set(predecessorId, 1);
  octets.set(session, 1 + idBytes);
  return octets;
}

/** Views on stored octets; undefined where they are not what {@link encodeStoredSession} makes. */
export function decodeStoredSession(octets: Uint8Array): StoredSession | undefined {
  const idBytes = octets[0] ?? Infinity;
  if (idBytes > longestIdBytes || octets.length <= 1 + idBytes) return undefined;
  return {
    session: octets.subarray(1 + idBytes),
    predecessorId: idBytes === 0 ? undefined : octets.subarray(1, 1 + idBytes),
  };
}
