/** A session as it lies in the cache. */
export interface StoredSession {
  /** As OpenSSL serializes it; secret. */
  readonly session: Uint8Array;
  /** Id of the session it was made from, which goes when this one is used; undefined after a full handshake. */
  readonly predecessorId: Uint8Array | undefined;
  /** When its chain of resumptions began, in milliseconds since 1970; kept in whole seconds, rounded down. */
  readonly fullHandshakeAt: number;
}

/*
 * One octet, the length of the predecessor's id; the id; four octets, seconds since 1970; the session. The
 * predecessor lies in the value, so that a cache needs to know nothing of it.
 */
const longestIdBytes = 32;
const timeBytes = 4;

/** The octets that are stored. */
export function encodeStoredSession(stored: StoredSession): Uint8Array {
  const { session, predecessorId, fullHandshakeAt } = stored;
  const timeStart = 1 + (predecessorId?.length ?? 0);
  const octets = new Uint8Array(timeStart + timeBytes + session.length);
  octets[0] = predecessorId?.length ?? 0;
  if (predecessorId !== undefined) octets.set(predecessorId, 1);
  viewOf(octets).setUint32(timeStart, Math.floor(fullHandshakeAt / 1000));
  octets.set(session, timeStart + timeBytes);
  return octets;
}

/** Views on stored octets; undefined where they are not what {@link encodeStoredSession} makes. */
export function decodeStoredSession(octets: Uint8Array): StoredSession | undefined {
  const timeStart = 1 + (octets[0] ?? Infinity);
  const sessionStart = timeStart + timeBytes;
  if (timeStart > 1 + longestIdBytes || octets.length <= sessionStart) return undefined;
  return {
    session: octets.subarray(sessionStart),
    predecessorId: timeStart === 1 ? undefined : octets.subarray(1, timeStart),
    fullHandshakeAt: viewOf(octets).getUint32(timeStart) * 1000,
  };
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}
