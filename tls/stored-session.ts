/** A session as it lies in the cache. */
export interface StoredSession {
  /** As OpenSSL serializes it; secret. */
  readonly session: Uint8Array;
  /** Id of the session it was made from, which goes when this one is used; undefined after a full handshake. */
  readonly predecessorId: Uint8Array | undefined;
  /** When its chain of resumptions began, in milliseconds since 1970; kept in whole seconds, rounded down. */
  readonly fullHandshakeAt: number;
  /** SHA-256 fingerprint of the client's certificate, 64 hexadecimal digits, where there was one. */
  readonly certificate?: string | undefined;
}

/*
 * Two octets, the lengths of the predecessor's id and of the fingerprint; these two; four octets, seconds since
 * 1970; the session. All of it lies in the value, so that a cache needs to know nothing of it.
 */
const idLengths: readonly number[] = [0, 32];
const fingerprintLengths: readonly number[] = [0, 32];
const headBytes = 2;
const timeBytes = 4;

/** The octets that are stored. */
export function encodeStoredSession(stored: StoredSession): Uint8Array {
  const { session, fullHandshakeAt } = stored;
  const id = stored.predecessorId ?? new Uint8Array(0);
  const fingerprint = Buffer.from(stored.certificate ?? '', 'hex');
  const timeStart = headBytes + id.length + fingerprint.length;
  const octets = new Uint8Array(timeStart + timeBytes + session.length);
  octets.set([id.length, fingerprint.length]);
  octets.set(id, headBytes);
  octets.set(fingerprint, headBytes + id.length);
  viewOf(octets).setUint32(timeStart, Math.floor(fullHandshakeAt / 1000));
  octets.set(session, timeStart + timeBytes);
  return octets;
}

/** Views on stored octets; undefined where they are not what {@link encodeStoredSession} makes. */
export function decodeStoredSession(octets: Uint8Array): StoredSession | undefined {
  const [idBytes = -1, fingerprintBytes = -1] = octets;
  if (!idLengths.includes(idBytes) || !fingerprintLengths.includes(fingerprintBytes)) {
    return undefined;
  }
  const idEnd = headBytes + idBytes;
  const timeStart = idEnd + fingerprintBytes;
  if (octets.length <= timeStart + timeBytes) return undefined;
  const fingerprint = Buffer.from(octets.subarray(idEnd, timeStart)).toString('hex');
  return {
    session: octets.subarray(timeStart + timeBytes),
    predecessorId: idBytes === 0 ? undefined : octets.subarray(headBytes, idEnd),
    fullHandshakeAt: viewOf(octets).getUint32(timeStart) * 1000,
    certificate: fingerprint === '' ? undefined : fingerprint,
  };
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}
