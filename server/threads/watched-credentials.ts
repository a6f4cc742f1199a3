import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { type Credential, CredentialError, type LoadedCredential } from '../../tls/credential.ts';
import { CredentialWatcher } from '../../tls/credential-watcher.ts';
import { optionsOfPolicy } from '../../tls/tls-policy.ts';
import type { Configuration } from '../config/configuration.ts';
import { credentialFilesOf } from '../own-credential.ts';

export interface WatchedCredentialsOptions {
  readonly configuration: Configuration;
  readonly logger: Logger;
  /** Called with all of them when one is another; those that TLS cannot use are kept back. */
  readonly onChange: (credentials: readonly Credential[]) => void;
}

/** The credentials of a server, as their files are now. */
export interface WatchedCredentials {
  /** The first is for clients that name no server. */
  readonly credentials: readonly Credential[];
  /** Tells no more changes. */
  close(): void;
}

/**
 * Reads the credentials of a configuration and watches their files. What is wrong with new files is logged,
 * and the old credentials stay.
 *
 * @throws CredentialError where one of them cannot be used to begin with
 */
export async function watchCredentials(
  options: WatchedCredentialsOptions,
): Promise<WatchedCredentials> {
  const { configuration, logger, onChange } = options;
  let credentials: readonly Credential[] = [];
  const adopt = (loaded: readonly LoadedCredential[]) => {
    for (const credential of loaded) checkUse(credential, configuration);
    for (const { warnings } of loaded) for (const warning of warnings) logger.warn(warning);
    credentials = loaded;
  };
  const refuse = (error: unknown) => {
    logger.error({ err: error }, 'new certificate refused, the old one stays');
  };
  const watcher = await CredentialWatcher.open({
    files: await credentialFilesOf(configuration, logger),
    onError: refuse,
    onChange: (loaded) => {
      try {
        adopt(loaded);
      } catch (error) {
        return refuse(error);
      }
      onChange(loaded);
      logger.info({ certificates: loaded.map(({ name }) => name) }, 'certificates replaced');
    },
  });
  try {
    adopt(watcher.credentials);
  } catch (error) {
    watcher.close();
    throw error;
  }
  return {
    get credentials() {
      return credentials;
    },
    close: () => watcher.close(),
  };
}

/** A worker that is sent what TLS refuses could only crash. */
function checkUse({ name, cert, key }: Credential, { tlsPolicy }: Configuration): void {
  try {
    createSecureContext({ ...optionsOfPolicy(tlsPolicy), cert, key });
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new CredentialError(`Cannot use certificate "${name}": ${reason}`, { cause });
  }
}
