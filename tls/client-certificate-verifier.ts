import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import {
  type ClientCertificate,
  type ClientCertificatePolicy,
  describeClientCertificate,
} from './client-certificate.ts';
import { pemBlocks } from './pem.ts';
import { RevocationLists } from './revocation-lists.ts';

/** A chain longer than this is a loop, or nobody's. */
const maxChainLength = 10;

/**
 * Checks client certificates as they are now. TLS does so in a full handshake only: a session brings along the
 * verdict of its time, however long ago that was.
 */
export class ClientCertificateVerifier {
  readonly policy: ClientCertificatePolicy;
  /** The revocation lists, each as PEM; undefined: nothing is revoked. */
  readonly crl: readonly string[] | undefined;
  /** Changes with whom the server trusts. */
  readonly trustDigest: string;
  readonly #authorities: readonly X509Certificate[];
  readonly #lists: Promise<RevocationLists | 'unreadable' | undefined>;

  /** @throws TypeError where there is no authority or list, and what the parser throws for a bad authority */
  constructor(policy: ClientCertificatePolicy) {
    this.policy = policy;
    this.#authorities = readAuthorities(policy.ca);
    const fingerprints = this.#authorities.map(({ fingerprint256 }) => fingerprint256).toSorted();
    this.trustDigest = createHash('sha256').update(fingerprints.join()).digest('hex');
    this.crl = policy.crl === undefined ? undefined : pemBlocks(policy.crl, 'X509 CRL');
    if (this.crl?.length === 0) throw new TypeError('Cannot find a revocation list in the CRL');
    this.#lists = readLists(this.crl, this.#authorities);
  }

  /** The certificate that the client of a connection has shown, with the verdict of now; undefined: none. */
  async check(
    socket: TLSSocket,
    isResumed: boolean,
    nowMs: number,
  ): Promise<ClientCertificate | undefined> {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    const reason = await this.#fault(certificate, nowMs);
    // TLS's own verdict, which knows more rules, is of the full handshake; sessions it refused are not kept.
    const isRefused = reason === undefined && !isResumed && !socket.authorized;
    return describeClientCertificate(
      certificate,
      isRefused ? String(socket.authorizationError) : reason,
    );
  }

  /** Why the certificate is not valid now; undefined where it is. */
  async #fault(certificate: X509Certificate, nowMs: number): Promise<string | undefined> {
    const lists = await this.#lists;
    if (lists === 'unreadable') return 'the revocation lists cannot be read';
    let current = certificate;
    for (let length = 1; length <= maxChainLength; length++) {
      if (nowMs < current.validFromDate.getTime()) return 'it is not valid yet';
      if (nowMs >= current.validToDate.getTime()) return 'it has expired';
      const authority = this.#authorities.find((authority) => hasIssued(authority, current));
      if (authority === undefined) return 'its authority is not trusted';
      const fault = lists?.fault(current, authority, nowMs);
      if (fault !== undefined) return fault;
      if (authority.fingerprint256 === current.fingerprint256) return undefined;
      current = authority;
    }
    return 'its chain is too long';
  }
}

function readAuthorities(pem: string): readonly X509Certificate[] {
  const blocks = pemBlocks(pem, 'CERTIFICATE');
  if (blocks.length === 0) throw new TypeError('Cannot trust anyone without a CA certificate');
  return blocks.map((block) => new X509Certificate(block));
}

async function readLists(
  crl: readonly string[] | undefined,
  authorities: readonly X509Certificate[],
): Promise<RevocationLists | 'unreadable' | undefined> {
  if (crl === undefined) return undefined;
  try {
    return await RevocationLists.read(crl, authorities);
  } catch {
    return 'unreadable';
  }
}

function hasIssued(authority: X509Certificate, certificate: X509Certificate): boolean {
  return (
    authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  );
}
