import { createHash, X509Certificate } from 'node:crypto';
import type { Server, TLSSocket } from 'node:tls';
import { subjectAlternatives } from './credentials.ts';
import {
  newestLists,
  pemBlocks,
  readRevocationLists,
  type RevocationList,
} from './revocation-lists.ts';

/** That clients may or must show a certificate. They resume from the cache only, never with tickets. */
export interface ClientCertificatePolicy {
  /**
   * PEM: the authorities that are trusted, up to their roots. Authorities between a root and a client's certificate
   * may stand here too, or the client sends them.
   */
  readonly ca: string;
  /**
   * PEM: revocation lists, one of each authority above a client's certificate, roots included. A certificate is
   * refused if the list of one of these is missing or out of date. Of two lists of an authority the newer counts.
   * Delta lists and lists in parts are not known. Absent: nothing is revoked.
   */
  readonly crl?: string;
  /** Whether clients without a valid certificate are refused. */
  readonly isRequired: boolean;
}

/** The certificate that a client has shown, with this handshake or with the one it resumes. */
export interface ClientCertificate {
  /** SHA-256, as 64 lower-case hexadecimal digits; names the owner for `SessionCache.purge`. */
  readonly fingerprint256: string;
  /** The whole subject, one attribute a line, as `CN=Alice`. */
  readonly subject: string;
  /** Undefined unless the subject has exactly one. */
  readonly commonName: string | undefined;
  /** E-mail addresses among the subject's alternative names. */
  readonly emailAddresses: readonly string[];
  /**
   * Whether it is valid: in its time, of a trusted authority, not revoked. OpenSSL decides in the full handshake; a
   * session is resumed only as long as nothing that it decided by has changed or ended.
   */
  readonly isAuthorized: boolean;
  /** Why it is not valid, as the end of a sentence; undefined if it is. */
  readonly reason: string | undefined;
}

/** @param reason - why it is not valid; undefined: it is */
export function describeClientCertificate(
  certificate: X509Certificate,
  reason: string | undefined,
): ClientCertificate {
  const { CN: commonName } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  return {
    fingerprint256: fingerprintOf(certificate),
    subject: certificate.subject,
    commonName: typeof commonName === 'string' ? commonName : undefined,
    emailAddresses: subjectAlternatives(certificate, 'email'),
    isAuthorized: reason === undefined,
    reason,
  };
}

/** SHA-256 of a certificate, as 64 lower-case hexadecimal digits. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The certificate that a client has shown, with OpenSSL's verdict; undefined if it has shown none. */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const code = String(socket.authorizationError);
  const reason = socket.authorized ? undefined : (reasons[code] ?? code);
  return describeClientCertificate(certificate, reason);
}

/**
 * Lets a server with `rejectUnauthorized` accept clients with a bad certificate, which Node would drop without a word;
 * so they can be told. Clients without a certificate are still refused by OpenSSL, with the alert that fits.
 *
 * `keylog` is the only event that has the socket before the handshake ends. The keys that it tells are overwritten.
 *
 * @see RFC 8446, section 4.4.2.4
 */
export function takeBadCertificates(server: Server): void {
  server.on('keylog', (line, socket) => {
    line.fill(0);
    (socket as { _rejectUnauthorized?: boolean })._rejectUnauthorized = false;
  });
}

const untrusted = 'its authority is not trusted';

/** What OpenSSL's verdicts mean; others are told as they are. */
const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it has been revoked',
  INVALID_PURPOSE: 'it is not for clients of TLS',
  UNABLE_TO_GET_CRL: 'there is no revocation list of its authority',
  CRL_HAS_EXPIRED: 'the revocation list of its authority is out of date',
  CRL_NOT_YET_VALID: 'the revocation list of its authority is not valid yet',
  CRL_SIGNATURE_FAILURE: 'the revocation list of its authority is not signed by it',
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
};

/** More certificates than this are no chain that OpenSSL takes for valid. */
const maxChainLength = 100;

/** The part of a {@link ClientTrust} that has ended. */
export interface EndedTrust {
  readonly authorities: readonly X509Certificate[];
  /** When each of the revocation lists was to be renewed, in milliseconds since 1970. */
  readonly listEnds: readonly number[];
}

/** Whom a server trusts to vouch for clients, as OpenSSL is told. */
export class ClientTrust {
  readonly policy: ClientCertificatePolicy;
  /** The revocation lists that count, each as PEM; undefined: nothing is revoked. */
  readonly crl: readonly string[] | undefined;
  /** Of the authorities and revocation lists; it does not depend on their order or on white space. */
  readonly digest: string;
  readonly #authorities: readonly X509Certificate[];
  readonly #lists: readonly RevocationList[];

  /**
   * @param nowMs - wall clock, in milliseconds since 1970
   * @throws TypeError if there is no authority or list or one cannot be read, and what the parser throws for a bad
   *   authority
   */
  constructor(policy: ClientCertificatePolicy, nowMs: number) {
    const authorities = pemBlocks(policy.ca, 'CERTIFICATE').map((pem) => new X509Certificate(pem));
    if (authorities.length === 0) {
      throw new TypeError('Cannot trust anyone without a CA certificate');
    }
    this.policy = policy;
    this.#authorities = authorities;
    const lists = policy.crl === undefined ? undefined : readRevocationLists(policy.crl);
    this.#lists = newestLists(lists ?? [], nowMs);
    this.crl = lists && this.#lists.map(({ pem }) => pem);
    this.digest = digestOf(authorities, this.crl);
  }

  /** What has ended by this time of the wall clock: certificates of clients below it are not valid any more. */
  ended(nowMs: number): EndedTrust {
    return {
      authorities: this.#authorities.filter(({ validToDate }) => validToDate.getTime() <= nowMs),
      listEnds: this.#lists.map(({ nextUpdate }) => nextUpdate).filter((end) => end <= nowMs),
    };
  }

  /**
   * The instant from which OpenSSL might decide otherwise about a client that has just made a full handshake: the
   * first at which a certificate of its chain or a revocation list ends, or a list begins. Lists that are out of date
   * already play no part in a verdict that the certificate is valid.
   *
   * @param nowMs - wall clock, as what is returned
   */
  verdictEndsAt(socket: TLSSocket, nowMs: number): number {
    const listTimes = this.#lists.flatMap(({ thisUpdate, nextUpdate }) => [thisUpdate, nextUpdate]);
    return Math.min(...listTimes.filter((time) => time > nowMs), ...chainEnds(socket));
  }
}

/** When each certificate of the chain ends with which OpenSSL has checked a client. */
function chainEnds(socket: TLSSocket): readonly number[] {
  const ends: number[] = [];
  let current = socket.getPeerCertificate(true);
  // A root is its own issuer.
  for (let issuer = current.issuerCertificate; ends.length < maxChainLength;) {
    ends.push(Date.parse(current.valid_to));
    if (issuer === undefined || issuer === current) break;
    current = issuer;
    issuer = current.issuerCertificate;
  }
  return ends;
}

function digestOf(
  authorities: readonly X509Certificate[],
  crl: readonly string[] | undefined,
): string {
  const fingerprints = authorities.map(({ fingerprint256 }) => fingerprint256).toSorted();
  // Without the white space between, which says nothing.
  const lists = crl?.map((list) => list.replaceAll(/\s/g, '')).toSorted();
  const text = JSON.stringify([fingerprints, lists ?? null]);
  return createHash('sha256').update(text).digest('hex');
}
