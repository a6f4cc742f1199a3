import type { X509Certificate } from 'node:crypto';
import { subjectAlternatives } from './subject-alternatives.ts';

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
