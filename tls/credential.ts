import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Clock, steadyClock } from './clock.ts';

/** A certificate chain and its key: what a server proves its name with. */
export interface Credential {
  /** Stays the same when the certificate is renewed, so that sessions outlive it. */
  readonly name: string;
  /** PEM: the certificate of the server, then its chain. */
  readonly cert: string;
  /** PEM, secret. */
  readonly key: string;
  /** DNS names it is for, `*` as the whole leftmost label; default: those in the certificate. */
  readonly serverNames?: readonly string[];
}

/** A credential from files, with what was found in them. */
export interface LoadedCredential extends Credential {
  /** What an operator should know but need not stop for, such as a certificate that has expired. */
  readonly warnings: readonly string[];
}

/** Why a credential cannot be used; the message names the file. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError';
}

/**
 * Reads a credential from two PEM files and checks that they fit together.
 *
 * @param name - of the credential; default: the path of the certificate
 * @throws CredentialError where a file can't be read, is not PEM, is encrypted, or the key is another's
 */
export async function loadCredential(
  certPath: string,
  keyPath: string,
  { name = certPath, clock = steadyClock }: { name?: string; clock?: Clock } = {},
): Promise<LoadedCredential> {
  const cert = await readText(certPath, 'certificate');
  const key = await readText(keyPath, 'key');
  const certificate = parse(
    () => new X509Certificate(cert),
    `Cannot use certificate "${certPath}": it is no PEM certificate`,
  );
  const privateKey = parse(
    () => createPrivateKey(key),
    `Cannot use key "${keyPath}": it is no PEM key, or it needs a passphrase`,
  );
  checkMatch(certificate, privateKey, certPath, keyPath);
  return { name, cert, key, warnings: warningsOf(certificate, certPath, clock()) };
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new CredentialError(`Cannot read ${what} "${path}": ${reason}`, { cause });
  }
}

// The cause is left out: what the parser says of a key does not belong into a log.
function parse<Parsed>(read: () => Parsed, message: string): Parsed {
  try {
    return read();
  } catch {
    throw new CredentialError(message);
  }
}

function checkMatch(
  certificate: X509Certificate,
  key: KeyObject,
  certPath: string,
  keyPath: string,
): void {
  if (certificate.checkPrivateKey(key)) return;
  throw new CredentialError(
    `Cannot use certificate "${certPath}" with key "${keyPath}": the key is not the certificate's`,
  );
}

function warningsOf(certificate: X509Certificate, certPath: string, nowMs: number): string[] {
  if (certificate.validToDate.getTime() <= nowMs) {
    return [`Certificate "${certPath}" expired on ${certificate.validTo}`];
  }
  if (certificate.validFromDate.getTime() > nowMs) {
    return [`Certificate "${certPath}" is not valid before ${certificate.validFrom}`];
  }
  return [];
}
