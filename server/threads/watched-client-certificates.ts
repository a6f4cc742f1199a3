import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { ClientCertificatePolicy } from '../../tls/client-certificate.ts';
import { ClientCertificateVerifier } from '../../tls/client-certificate-verifier.ts';
import { CredentialError } from '../../tls/credential.ts';
import type { ClientCertificateFiles } from '../config/configuration.ts';

export interface WatchedClientCertificatesOptions {
  /** Absent: clients are not asked for certificates. */
  readonly files: ClientCertificateFiles | undefined;
  readonly logger: Logger;
  /** Called with the new policy when a file has changed and can be used. */
  readonly onChange: (policy: ClientCertificatePolicy) => void;
  /** How often the files are looked at, in milliseconds; default 2,000. */
  readonly pollMs?: number;
}

/** Whose client certificates count, as the files say now. */
export interface WatchedClientCertificates {
  /** Undefined where clients are not asked for certificates. */
  readonly policy: ClientCertificatePolicy | undefined;
  /** Tells no more changes. */
  close(): void;
}

/** A revoked certificate should not be good for long; looking at two files costs nothing. */
const defaultPollMs = 2_000;

/**
 * Reads the files of authorities and revocation lists, and reads them again when they change. What is wrong
 * with new files is logged, and the old ones count.
 *
 * @throws CredentialError where they cannot be used to begin with
 */
export async function watchClientCertificates(
  options: WatchedClientCertificatesOptions,
): Promise<WatchedClientCertificates> {
  const { files, logger, onChange, pollMs = defaultPollMs } = options;
  if (files === undefined) return { policy: undefined, close: () => undefined };
  const policy = await readClientCertificates(files);
  let isClosed = false;
  const read = async () => {
    try {
      const changed = await readClientCertificates(files);
      if (isClosed) return;
      onChange(changed);
      logger.info('authorities and revocation lists of clients replaced');
    } catch (error) {
      if (isClosed) return;
      logger.error(
        { err: error },
        'new authorities or revocation lists refused, the old ones stay',
      );
    }
  };
  const listener: StatsListener = () => void read();
  const { caPath, crlPath } = files;
  const paths = crlPath === undefined ? [caPath] : [caPath, crlPath];
  for (const path of paths) {
    watchFile(path, { persistent: false, interval: pollMs }, listener);
  }
  return {
    policy,
    close: () => {
      isClosed = true;
      for (const path of paths) unwatchFile(path, listener);
    },
  };
}

/**
 * Reads the files of authorities and revocation lists.
 *
 * @throws CredentialError where one of them cannot be used
 */
export async function readClientCertificates(
  files: ClientCertificateFiles,
): Promise<ClientCertificatePolicy> {
  const { caPath, crlPath, isRequired } = files;
  const ca = await readText(caPath);
  const crl = crlPath === undefined ? undefined : await readText(crlPath);
  const policy = { ca, ...(crl !== undefined && { crl }), isRequired };
  try {
    const { crl: lists } = new ClientCertificateVerifier(policy);
    createSecureContext({ ca, ...(lists !== undefined && { crl: [...lists] }) });
  } catch (cause) {
    const names = crlPath === undefined ? `"${caPath}"` : `"${caPath}" or "${crlPath}"`;
    throw new CredentialError(`Cannot use ${names}: ${(cause as Error).message}`, { cause });
  }
  return policy;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new CredentialError(`Cannot read "${path}": ${reason}`, { cause });
  }
}
