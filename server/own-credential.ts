import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import {
  type Credential,
  CredentialError,
  loadCredential,
  type SelfSignedCertificate,
} from '../tls/index.ts';
import { callInThread } from './threads/call-in-thread.ts';
import { writeDurably } from './write-durably.ts';
import type {
  CertificateFiles,
  Configuration,
  ServerConfiguration,
} from './config/configuration.ts';

/** A self-signed certificate that ends sooner than this is replaced at start. */
const renewBeforeMs = 30 * 24 * 60 * 60 * 1000;

/** Where the self-signed certificate of a data directory is kept, and its key. */
export function ownCredentialPaths(dataDirectory: string) {
  const directory = join(dataDirectory, 'tls');
  return {
    directory,
    certPath: join(directory, 'certificate.pem'),
    keyPath: join(directory, 'key.pem'),
  };
}

/**
 * The files of certificates and keys that the configuration names, or the self-signed ones of the data
 * directory, made at the first start. Rejects with an error of one clear line where those are broken.
 */
export async function credentialFilesOf(
  configuration: Configuration,
  logger: Logger,
): Promise<readonly CertificateFiles[]> {
  if (configuration.certificates.length > 0) return configuration.certificates;
  const paths = ownCredentialPaths(configuration.dataDirectory);
  if (!(await isUsable(paths.certPath, paths.keyPath))) {
    const hostNames = hostNamesOf(configuration);
    const { cert, key } = await callInThread('makeSelfSignedCertificate', { hostNames });
    await mkdir(paths.directory, { recursive: true, mode: 0o700 });
    // The certificate last: where it is, its key is too.
    await writeDurably(paths.keyPath, key, 0o600);
    await writeDurably(paths.certPath, cert, 0o644);
    logger.info({ certPath: paths.certPath, hostNames }, 'made a self-signed certificate');
  }
  return [{ certPath: paths.certPath, keyPath: paths.keyPath }];
}

/** Certificates of servers without a data directory, by their host names: a process makes each only once. */
const memoryCertificates = new Map<string, Promise<SelfSignedCertificate>>();

/** The self-signed certificate of a server that writes nothing to disk. It lasts as long as the process. */
export async function credentialInMemory(configuration: ServerConfiguration): Promise<Credential> {
  const hostNames = hostNamesOf(configuration);
  const name = hostNames.join();
  let making = memoryCertificates.get(name);
  if (making === undefined) {
    making = callInThread('makeSelfSignedCertificate', { hostNames });
    memoryCertificates.set(name, making);
    making.catch(() => memoryCertificates.delete(name));
  }
  return { name: 'self-signed', ...(await making) };
}

function hostNamesOf({ host = 'localhost' }: ServerConfiguration): string[] {
  return [...new Set(['localhost', hostname(), host])].filter(isCertifiable);
}

async function isUsable(certPath: string, keyPath: string): Promise<boolean> {
  try {
    const { cert } = await loadCredential(certPath, keyPath);
    return new X509Certificate(cert).validToDate.getTime() - Date.now() > renewBeforeMs;
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    // What is there and broken may be the operator's own: it is not overwritten.
    if (error instanceof CredentialError && cause?.code === 'ENOENT') return false;
    throw error;
  }
}

/** Host names of a system can be anything; a certificate takes DNS names and addresses. */
function isCertifiable(name: string): boolean {
  return isIP(name) !== 0 || /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*$/.test(name);
}
