import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { warningOfSecretFile } from '../secret-file.ts';
import { type Clock, steadyClock } from '../time.ts';

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
 * @throws CredentialError if a file cannot be read, is not PEM, is encrypted, or if the key is not the certificate's
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
  const ofKey = await warningOfSecretFile('key', keyPath);
  const warnings = warningsOf(certificate, certPath, clock());
  return { name, cert, key, warnings: ofKey === undefined ? warnings : [...warnings, ofKey] };
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

/** Server names of a credential: those it tells, or the DNS names of its certificate. */
export function serverNamesOf(credential: Credential): readonly string[] {
  return credential.serverNames ?? subjectAlternatives(new X509Certificate(credential.cert), 'DNS');
}

/**
 * Finds what belongs to a server name: the exact name first, then a wildcard for its leftmost label, else
 * the default.
 *
 * @see RFC 6066, section 3; RFC 9525, section 6.3 (wildcards)
 */
export class ServerNameTable<Value> {
  readonly #default: Value;
  readonly #values = new Map<string, Value>();

  /** @param entries - at least one; the first is the default, and of two with one name the earlier counts */
  constructor(entries: readonly { readonly names: readonly string[]; readonly value: Value }[]) {
    const [first] = entries;
    if (first === undefined) throw new RangeError('Cannot do without a credential');
    this.#default = first.value;
    for (const { names, value } of entries) {
      for (const name of names.map(normalizeServerName)) {
        if (!this.#values.has(name)) this.#values.set(name, value);
      }
    }
  }

  /** @param name - as the client sent it, if it did */
  find(name: string | undefined): Value {
    if (name === undefined) return this.#default;
    const exact = normalizeServerName(name);
    const wildcard = exact.replace(/^[^.]+/, '*');
    return this.#values.get(exact) ?? this.#values.get(wildcard) ?? this.#default;
  }
}

/** A server name as it is compared: without regard to case, and to a dot at its end. @see RFC 6066, section 3 */
export function normalizeServerName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * The alternative names of a certificate's subject that are of a kind, as Node calls it: `DNS`, `email`.
 *
 * @see RFC 5280, section 4.2.1.6
 */
export function subjectAlternatives(certificate: X509Certificate, kind: string): readonly string[] {
  const names: string[] = [];
  // Node writes a name in which a comma or a quote could mislead as a JSON string.
  const item = /([\w ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;
  const text = certificate.subjectAltName ?? '';
  for (const [, itemKind, name = ''] of text.matchAll(item)) {
    if (itemKind !== kind) continue;
    names.push(name.startsWith('"') ? (JSON.parse(name) as string) : name);
  }
  return names;
}
