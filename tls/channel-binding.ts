import { createHash, X509Certificate } from 'node:crypto';
import type { ServedCredential } from './certificates/served-credentials.ts';
import type { TlsConnection } from './handshake.ts';
import { tlsLimits } from './limits.ts';
import type { Clock } from './time.ts';

/** What a login can be bound to, so that nobody between client and server can pass it on. */
export const channelBindingTypes = ['tls-exporter', 'tls-unique', 'tls-server-end-point'] as const;

/** @see RFC 9266 (`tls-exporter`); RFC 5929, sections 3 and 4 (the others; `tls-unique` ends with TLS 1.2) */
export type ChannelBindingType = (typeof channelBindingTypes)[number];

/**
 * True if this is what a client says that shares the connection, and no other server is between the two.
 *
 * @param data - what the client took from its side; false for a type that this connection does not have
 */
export function isBoundTo(
  connection: TlsConnection,
  type: ChannelBindingType,
  data: Uint8Array,
): boolean {
  return bindingsOf[type](connection).some((binding) => Buffer.compare(binding, data) === 0);
}

const bindingsOf: Readonly<
  Record<ChannelBindingType, (connection: TlsConnection) => readonly Uint8Array[]>
> = {
  'tls-exporter': ({ socket, hasUniqueSecret }) => {
    // An empty context and none are two things before TLS 1.3.
    const context = Buffer.alloc(0);
    const read = () => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', context);
    return hasUniqueSecret ? [read()] : [];
  },
  'tls-unique': ({ socket, hasUniqueSecret, protocol, isResumed }) => {
    if (protocol !== 'TLSv1.2' || !hasUniqueSecret) return [];
    // The first Finished of the handshake, which is the server's if a session is resumed
    const finished = isResumed ? socket.getFinished() : socket.getPeerFinished();
    return finished === undefined ? [] : [finished];
  },
  'tls-server-end-point': (connection) => connection.ownCertificates.endPointsOf(connection),
};

/** The certificates that an acceptor serves, and those that clients who resume may have seen before. */
export class OwnCertificates {
  readonly #clock: Clock;
  /** PEM, with the time at which it was replaced; infinite: it has not been. */
  readonly #endedAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** These are served from now on, no others. */
  serve(credentials: readonly ServedCredential[]): void {
    const nowMs = this.#clock();
    const served = new Set(credentials.flatMap(({ cert }) => cert));
    for (const [cert, endedAt] of this.#endedAt) {
      if (served.has(cert)) continue;
      if (endedAt === Number.POSITIVE_INFINITY) this.#endedAt.set(cert, nowMs);
      else if (endedAt + tlsLimits.resumptionChainMs <= nowMs) this.#endedAt.delete(cert);
    }
    for (const cert of served) this.#endedAt.set(cert, Number.POSITIVE_INFINITY);
  }

  /**
   * What `tls-server-end-point` is for this connection. A client that resumes was shown no certificate: for it each counts
   * that its chain of resumptions can have begun with, all of which nobody but this server has the keys of.
   */
  endPointsOf({ socket, isResumed }: TlsConnection): readonly Uint8Array[] {
    const shown = isResumed
      ? [...this.#endedAt.keys()].map((pem) => new X509Certificate(pem))
      : [socket.getX509Certificate()];
    return shown.map((certificate) => certificate && endPointOf(certificate)).filter(isKnown);
  }
}

/**
 * The hash of a certificate by the function of its signature, SHA-256 instead of weaker ones; undefined if the signature names
 * none (Ed25519, RSASSA-PSS).
 *
 * @see RFC 5929, section 4.1
 */
function endPointOf(certificate: X509Certificate): Uint8Array | undefined {
  const [, name] =
    /^(?:ecdsa-with-)?(sha\d+|md5)/i.exec(certificate.signatureAlgorithm ?? '') ?? [];
  if (name === undefined) return undefined;
  const isWeak = ['sha1', 'md5'].includes(name.toLowerCase());
  return createHash(isWeak ? 'sha256' : name)
    .update(certificate.raw)
    .digest();
}

function isKnown(hash: Uint8Array | undefined): hash is Uint8Array {
  return hash !== undefined;
}
