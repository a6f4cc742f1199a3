import { hash } from 'node:crypto';
import { normalizeServerName } from '../certificates/credentials.ts';
import { sessionIdBytes } from './session-cache.ts';

/** A session as it lies in the cache, with what it is bound to. */
export interface StoredSession {
  /** As OpenSSL serializes it; secret. */
  readonly session: Uint8Array;
  /** Id of the session it was made from, which goes when this one is used; undefined after a full handshake. */
  readonly predecessorId: Uint8Array | undefined;
  /** When its chain of resumptions began, in milliseconds since 1970; kept in whole seconds, rounded down. */
  readonly fullHandshakeAt: number;
  /** {@link digestServerName} of the name that the client asked for; undefined if it asked for none. */
  readonly nameDigest: string | undefined;
  /** SHA-256 fingerprint of the client's certificate, 64 hexadecimal digits; undefined if there was none. */
  readonly certificate: string | undefined;
  /**
   * With a certificate: the instant of the wall clock from which OpenSSL must check it anew, in milliseconds since
   * 1970; kept in whole seconds, rounded down, and as 2106 if it is later.
   */
  readonly verdictEndsAt: number | undefined;
}

/** A session that was found for a client. */
export interface FoundSession extends StoredSession {
  readonly id: Uint8Array;
}

/** A session that a client was given, to come back with. */
export interface IssuedSession {
  readonly id: Uint8Array;
  /** Secret. */
  readonly session: Uint8Array;
}

/** Enough that nobody finds two names with one digest. */
const nameDigestBytes = 16;

/**
 * What is stored of a server name: 16 bytes however long it is, so that sessions of long names fit among the recent
 * ones too. It has no key, so that all machines that share a cache make the same digest. It needs none: a name travels
 * in clear text, and a client that tries names only finds its own sessions.
 *
 * @param name - as the client sent it; undefined if it sent none
 * @returns each byte as a character: connections keep it for as long as they are open, and a buffer of their own would
 *   cost them several times as much
 */
export function digestServerName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const digest = hash('sha256', normalizeServerName(name), 'buffer');
  return digest.toString('latin1', 0, nameDigestBytes);
}

/*
 * What is stored, in this order; a cache sees only bytes:
 *
 * - 1 byte: a mark, which other programs and older versions of this one do not write, and a bit for each field present
 * - 4 bytes: when the chain began, in seconds since 1970
 * - the fields that are present, then the session
 */
const mark = 0x40;
const markMask = 0xf8;
const fieldBits = { predecessorId: 1, nameDigest: 2, certificate: 4 } as const;
const fingerprintBytes = 32;
const fieldBytes = {
  predecessorId: sessionIdBytes,
  nameDigest: nameDigestBytes,
  // The fingerprint, then the end of the verdict.
  certificate: fingerprintBytes + 4,
} as const;
const timeStart = 1;
const headBytes = 5;

/** The bytes that are stored. */
export function encodeStoredSession(stored: StoredSession): Uint8Array {
  const { session, predecessorId, fullHandshakeAt } = stored;
  const nameDigest =
    stored.nameDigest === undefined ? undefined : Buffer.from(stored.nameDigest, 'latin1');
  const certificate = encodeCertificate(stored);
  const fields = [predecessorId, nameDigest, certificate, session];
  const bytes = new Uint8Array(
    fields.reduce((sum, field) => sum + (field?.length ?? 0), headBytes),
  );
  bytes[0] =
    mark |
    (predecessorId === undefined ? 0 : fieldBits.predecessorId) |
    (nameDigest === undefined ? 0 : fieldBits.nameDigest) |
    (certificate === undefined ? 0 : fieldBits.certificate);
  viewOf(bytes).setUint32(timeStart, secondsOf(fullHandshakeAt));
  let start = headBytes;
  for (const field of fields) {
    if (field === undefined) continue;
    bytes.set(field, start);
    start += field.length;
  }
  return bytes;
}

/** Views on stored bytes; undefined if they are not what {@link encodeStoredSession} makes. */
export function decodeStoredSession(bytes: Uint8Array): StoredSession | undefined {
  const head = bytes[0] ?? 0;
  if ((head & markMask) !== mark) return undefined;
  let start = headBytes;
  const read = (field: keyof typeof fieldBits): Uint8Array | undefined => {
    if ((head & fieldBits[field]) === 0) return undefined;
    return bytes.subarray(start, (start += fieldBytes[field]));
  };
  const predecessorId = read('predecessorId');
  const nameDigest = read('nameDigest');
  const certificate = read('certificate');
  if (bytes.length <= start) return undefined;
  return {
    session: bytes.subarray(start),
    predecessorId,
    fullHandshakeAt: viewOf(bytes).getUint32(timeStart) * 1000,
    nameDigest: nameDigest && Buffer.from(nameDigest).toString('latin1'),
    certificate:
      certificate && Buffer.from(certificate.subarray(0, fingerprintBytes)).toString('hex'),
    verdictEndsAt: certificate && viewOf(certificate).getUint32(fingerprintBytes) * 1000,
  };
}

function encodeCertificate({
  certificate,
  verdictEndsAt = Infinity,
}: StoredSession): Uint8Array | undefined {
  if (certificate === undefined) return undefined;
  const bytes = new Uint8Array(fieldBytes.certificate);
  bytes.set(Buffer.from(certificate, 'hex'));
  viewOf(bytes).setUint32(fingerprintBytes, secondsOf(verdictEndsAt));
  return bytes;
}

/** In 32 bits, which last until 2106. */
function secondsOf(timeMs: number): number {
  return Math.min(Math.floor(timeMs / 1000), 0xffff_ffff);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
