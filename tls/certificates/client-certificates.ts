import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { X509Crl } from '@peculiar/x509';
import { subjectAlternatives } from './credentials.ts';

/** That clients may or must show a certificate. They resume from the cache only, never with tickets. */
export interface ClientCertificatePolicy {
  /**
   * PEM: the authorities that are trusted, each with all that are above it up to a root. What a client sends
   * between its certificate and one of these does not count: when it resumes, only its own is known.
   */
  readonly ca: string;
  /**
   * PEM: revocation lists, one of each authority in `ca`. A certificate of an authority whose list is missing
   * or out of date is refused. Delta lists and lists in parts are not known. Absent: nothing is revoked.
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
  /** Where the subject has exactly one. */
  readonly commonName: string | undefined;
  /** E-mail addresses among the subject's alternative names. */
  readonly emailAddresses: readonly string[];
  /** Whether it is valid at this handshake: in its time, of a trusted authority, not revoked. */
  readonly isAuthorized: boolean;
  /** Why it is not. */
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
  /** Changes with whom the server trusts and with what they have revoked, however the files are written. */
  readonly trustDigest: string;
  readonly #authorities: readonly X509Certificate[];
  readonly #lists: Promise<RevocationLists | 'unreadable' | undefined>;

  /** @throws TypeError where there is no authority or list, and what the parser throws for a bad authority */
  constructor(policy: ClientCertificatePolicy) {
    this.policy = policy;
    this.#authorities = readAuthorities(policy.ca);
    this.crl = policy.crl === undefined ? undefined : pemBlocks(policy.crl, 'X509 CRL');
    if (this.crl?.length === 0) throw new TypeError('Cannot find a revocation list in the CRL');
    this.trustDigest = digestOf(this.#authorities, this.crl);
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

interface RevocationList {
  readonly serialNumbers: ReadonlySet<string>;
  /** The instant from which it is out of date. */
  readonly staleAt: number;
}

/** Which certificates their authorities have revoked. */
export class RevocationLists {
  readonly #lists = new Map<string, RevocationList>();

  /**
   * Reads lists and checks that authorities have signed them; those of others are left out.
   *
   * @param blocks - each list as PEM
   * @throws what the parser throws where one cannot be read
   */
  static async read(
    blocks: readonly string[],
    authorities: readonly X509Certificate[],
  ): Promise<RevocationLists> {
    // The library's dependency injection needs reflect-metadata, and leaves it to its users to bring it.
    await import('reflect-metadata');
    const x509 = await import('@peculiar/x509');
    const lists = blocks.map((block) => new x509.X509Crl(block));
    const result = new RevocationLists();
    for (const authority of authorities) {
      const { publicKey } = new x509.X509Certificate(authority.raw);
      for (const list of lists) {
        if (await list.verify({ publicKey })) result.#add(authority, list);
      }
    }
    return result;
  }

  /** Why a certificate of this authority is not to be trusted; undefined where it is not revoked. */
  fault(
    certificate: X509Certificate,
    authority: X509Certificate,
    nowMs: number,
  ): string | undefined {
    const list = this.#lists.get(authority.fingerprint256);
    if (list === undefined) return 'there is no revocation list of its authority';
    if (nowMs >= list.staleAt) return 'the revocation list of its authority is out of date';
    return list.serialNumbers.has(normalize(certificate.serialNumber))
      ? 'it has been revoked'
      : undefined;
  }

  /** Of several lists of an authority the newest counts. */
  #add(authority: X509Certificate, list: X509Crl): void {
    const staleAt = list.nextUpdate?.getTime() ?? Infinity;
    const known = this.#lists.get(authority.fingerprint256);
    if (known !== undefined && known.staleAt >= staleAt) return;
    const serialNumbers = new Set(list.entries.map((entry) => normalize(entry.serialNumber)));
    this.#lists.set(authority.fingerprint256, { serialNumbers, staleAt });
  }
}

/** Serial numbers are written with or without zeros before them. */
function normalize(serialNumber: string): string {
  return serialNumber.toLowerCase().replace(/^0+/, '');
}

/** The blocks of a PEM text that have a label (`CERTIFICATE`, `X509 CRL`), each as PEM. @see RFC 7468 */
export function pemBlocks(text: string, label: string): readonly string[] {
  const block = new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g');
  return text.match(block) ?? [];
}
