// The files of certificates: the server's own, and those that tell whose client certificates count. They are
// read at the start, and again when they change.
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import {
  type ClientCertificatePolicy,
  ClientTrust,
  type Credential,
  CredentialError,
  CredentialWatcher,
  FileWatcher,
  type LoadedCredential,
  neverShown,
  optionsOfPolicy,
  tlsLimits,
} from '../../tls/index.ts';
import type { ClientCertificateFiles, ServerConfiguration } from '../config/configuration.ts';
import { errorFields } from '../error-fields.ts';
import { credentialFilesOf, credentialInMemory } from '../own-credential.ts';

/** Whose files are watched, and who is told. */
export interface WatchedCredentialsOptions {
  readonly configuration: ServerConfiguration;
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
 * @throws CredentialError if one of them cannot be used to begin with
 */
export async function watchCredentials(
  options: WatchedCredentialsOptions,
): Promise<WatchedCredentials> {
  const { configuration, logger, onChange } = options;
  const { certificates, dataDirectory } = configuration;
  if (certificates.length === 0 && dataDirectory === undefined) {
    return { credentials: [await credentialInMemory(configuration)], close: () => undefined };
  }
  let credentials: readonly Credential[] = [];
  const adopt = (loaded: readonly LoadedCredential[]) => {
    for (const warning of checkCredentials(loaded, configuration)) logger.warn(warning);
    credentials = loaded;
  };
  const refuse = (error: unknown) => {
    logger.error(errorFields(error), 'new certificate refused, the old one stays');
  };
  const watcher = await CredentialWatcher.open({
    files:
      dataDirectory === undefined ? certificates : await credentialFilesOf(configuration, logger),
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

/**
 * Returns what an operator should know of credentials, a sentence each.
 *
 * @throws CredentialError if one of them cannot be used
 */
export function checkCredentials(
  loaded: readonly LoadedCredential[],
  configuration: ServerConfiguration,
): readonly string[] {
  for (const credential of loaded) checkUse(credential, configuration);
  const hidden = neverShown(loaded).map(
    ({ name }) =>
      `Certificate "${name}" is never shown: an earlier one has its names and its kind of key`,
  );
  return [...loaded.flatMap(({ warnings }) => warnings), ...hidden];
}

/** A worker that is sent what TLS refuses could only crash. */
function checkUse({ name, cert, key }: Credential, { tlsPolicy }: ServerConfiguration): void {
  try {
    createSecureContext({ ...optionsOfPolicy(tlsPolicy), cert, key });
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new CredentialError(`Cannot use certificate "${name}": ${reason}`, { cause });
  }
}

/** Which files are watched, and who is told. */
export interface WatchedClientCertificatesOptions {
  /** Absent: clients are not asked for certificates. */
  readonly files: ClientCertificateFiles | undefined;
  readonly logger: Logger;
  /** Called with the new policy when a file has changed and can be used. */
  readonly onChange: (policy: ClientCertificatePolicy) => void;
}

/** Whose client certificates count, as the files say now. */
export interface WatchedClientCertificates {
  /** Undefined if clients are not asked for certificates. */
  readonly policy: ClientCertificatePolicy | undefined;
  /** Tells no more changes. */
  close(): void;
}

/**
 * Reads the files of authorities and revocation lists, and reads them again when they change. What is wrong
 * with new files is logged, and the old ones count.
 *
 * @throws CredentialError if they cannot be used to begin with
 */
export async function watchClientCertificates(
  options: WatchedClientCertificatesOptions,
): Promise<WatchedClientCertificates> {
  const { files, logger, onChange } = options;
  if (files === undefined) return { policy: undefined, close: () => undefined };
  const { caPath, crlPath } = files;
  const paths = crlPath === undefined ? [caPath] : [caPath, crlPath];
  const watcher = await FileWatcher.open({ paths, pollMs: tlsLimits.revocationPollMs });
  const read = async (): Promise<ClientCertificatePolicy> => {
    const { policy, warnings } = await readClientCertificates(files);
    for (const warning of warnings) logger.warn(warning);
    return policy;
  };
  let policy = await read();
  await watcher.start(async () => {
    try {
      const changed = await read();
      if (watcher.isClosed || (changed.ca === policy.ca && changed.crl === policy.crl)) return;
      policy = changed;
      onChange(changed);
      logger.info('authorities and revocation lists of clients replaced');
    } catch (error) {
      if (watcher.isClosed) return;
      logger.error(
        errorFields(error),
        'new authorities or revocation lists refused, the old ones stay',
      );
    }
  });
  return {
    get policy() {
      return policy;
    },
    close: () => watcher.close(),
  };
}

/** What the files of authorities and revocation lists say. */
export interface ReadClientCertificates {
  readonly policy: ClientCertificatePolicy;
  /** What an operator should know of them, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads the files of authorities and revocation lists.
 *
 * @throws CredentialError if one of them cannot be used
 */
export async function readClientCertificates(
  files: ClientCertificateFiles,
): Promise<ReadClientCertificates> {
  const { caPath, crlPath, isRequired } = files;
  const ca = await readText(caPath);
  const crl = crlPath === undefined ? undefined : await readText(crlPath);
  const policy = { ca, ...(crl !== undefined && { crl }), isRequired };
  checkFile(caPath, () => {
    createSecureContext({ ca });
    return new ClientTrust({ ca, isRequired }, Date.now());
  });
  const trust = checkFile(crlPath ?? caPath, () => {
    const trust = new ClientTrust(policy, Date.now());
    createSecureContext({ ca, ...(trust.crl !== undefined && { crl: [...trust.crl] }) });
    return trust;
  });
  return { policy, warnings: warningsOf(trust, files) };
}

function warningsOf(
  trust: ClientTrust,
  { caPath, crlPath }: ClientCertificateFiles,
): readonly string[] {
  const { authorities, listEnds } = trust.ended(Date.now());
  const ofAuthorities = authorities.map(
    ({ subject, validTo }) =>
      `Authority "${subject.replaceAll('\n', ', ')}" in "${caPath}" ended on ${validTo}: ` +
      'no client certificate of it is valid',
  );
  const ofLists = listEnds.map(
    (end) =>
      `A revocation list in "${crlPath}" is out of date since ${new Date(end).toISOString()}: ` +
      'no client certificate of its authority is valid',
  );
  return [...ofAuthorities, ...ofLists];
}

/** @throws CredentialError if `use` throws, naming the file */
function checkFile<Used>(path: string, use: () => Used): Used {
  try {
    return use();
  } catch (cause) {
    throw new CredentialError(`Cannot use "${path}": ${(cause as Error).message}`, { cause });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new CredentialError(`Cannot read "${path}": ${reason}`, { cause });
  }
}
