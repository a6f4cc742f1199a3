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
 * Two bytes, the lengths of the predecessor's id and of the fingerprint; these two; four bytes, seconds since
 * 1970; the session. All of it lies in the value, so that a cache needs to know nothing of it.
 */
const idLengths: readonly number[] = [0, 32];
const fingerprintLengths: readonly number[] = [0, 32];
const headBytes = 2;
const timeBytes = 4;

/** The bytes that are stored. */
export function encodeStoredSession(stored: StoredSession): Uint8Array {
  const { session, fullHandshakeAt } = stored;
  const id = stored.predecessorId ?? new Uint8Array(0);
  const fingerprint = Buffer.from(stored.certificate ?? '', 'hex');
  const timeStart = headBytes + id.length + fingerprint.length;
  const bytes = new Uint8Array(timeStart + timeBytes + session.length);
  bytes.set([id.length, fingerprint.length]);
  bytes.set(id, headBytes);
  bytes.set(fingerprint, headBytes + id.length);
  viewOf(bytes).setUint32(timeStart, Math.floor(fullHandshakeAt / 1000));
  bytes.set(session, timeStart + timeBytes);
  return bytes;
}

/** Views on stored bytes; undefined where they are not what {@link encodeStoredSession} makes. */
export function decodeStoredSession(bytes: Uint8Array): StoredSession | undefined {
  const [idBytes = -1, fingerprintBytes = -1] = bytes;
  if (!idLengths.includes(idBytes) || !fingerprintLengths.includes(fingerprintBytes)) {
    return undefined;
  }
  const idEnd = headBytes + idBytes;
  const timeStart = idEnd + fingerprintBytes;
  if (bytes.length <= timeStart + timeBytes) return undefined;
  const fingerprint = Buffer.from(bytes.subarray(idEnd, timeStart)).toString('hex');
  return {
    session: bytes.subarray(timeStart + timeBytes),
    predecessorId: idBytes === 0 ? undefined : bytes.subarray(headBytes, idEnd),
    fullHandshakeAt: viewOf(bytes).getUint32(timeStart) * 1000,
    certificate: fingerprint === '' ? undefined : fingerprint,
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
