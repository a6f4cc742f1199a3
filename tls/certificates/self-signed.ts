import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { type Clock, steadyClock } from '../time.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** What the certificate says. */
export interface SelfSignedCertificateOptions {
  /** DNS names and IP addresses; the loopback addresses are added to them. */
  readonly hostNames: readonly string[];
  /** Default 3650. */
  readonly validDays?: number;
  /** Default: the time now. */
  readonly clock?: Clock;
}

/** A certificate that is signed by its own key, and this key. */
export interface SelfSignedCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM (PKCS #8), secret and not encrypted. */
  readonly key: string;
}

/**
 * Makes a certificate for a server that was given none: ECDSA P-256, signed by itself. It is its own CA, so that a
 * client can be told to trust it.
 */
export async function makeSelfSignedCertificate(
  options: SelfSignedCertificateOptions,
): Promise<SelfSignedCertificate> {
  // Loaded when a certificate is to be made, which most servers do once. The library's dependency injection
  // needs reflect-metadata, and leaves it to its users to bring it.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const names = [...new Set([...options.hostNames, '127.0.0.1', '::1'])];
  const nowMs = (options.clock ?? steadyClock)();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [options.hostNames[0] ?? 'localhost'] }],
      // Clients whose clock is a little behind take it too.
      notBefore: new Date(nowMs - dayMs),
      notAfter: new Date(nowMs + (options.validDays ?? 3_650) * dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
        ),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') };
}
