import { access, constants } from 'node:fs/promises';
import { warningOfTokenKeys } from '../authentication/token-keys.ts';
import { formatByteSize } from '../config/byte-size.ts';
import { type Configuration, toKeys } from '../config/configuration.ts';
import { checkCredentials, readClientCertificates } from '../threads/certificate-files.ts';
import { readSessionSecrets, resumptionKindOf } from '../threads/open-resumption.ts';
import { describeProof, proofOf } from '../threads/resumption-proof.ts';
import { loadCredential, SessionCacheModuleError } from '../../tls/index.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { GlobalOptions } from './command-options.ts';

/** What a cached session takes with its place in the index, measured with a million of them. */
const bytesPerSession = 200;

/** `check-config`: the keys in effect, in a form that can be pasted into an environment file. */
export async function checkConfig(options: GlobalOptions): Promise<void> {
  const configuration = readCommandConfiguration(options);
  const warnings = await checkFiles(configuration);
  for (const [key, value] of toKeys(configuration)) console.log(`${key}=${value}`);
  for (const warning of warnings) console.log(`# Warning: ${warning}`);
  const { sessionCache, clientCertificates } = configuration;
  const { kind } = sessionCache;
  if (kind === 'memory' || kind === 'module') console.log(`# ${describeCache(configuration)}`);
  // Clients that are asked for certificates are given no tickets.
  if (kind !== 'off' && clientCertificates === undefined)
    console.log(`# ${await describeTickets(configuration)}`);
  const proof = await proofOf(configuration, resumptionKindOf({ configuration }));
  console.log(`# ${describeProof(proof)}`);
}

/**
 * Reads the files that a server reads at its start; of a module for sessions it only looks whether it is there, since that
 * might begin to work. Returns what the server would warn of.
 */
async function checkFiles(configuration: Configuration): Promise<readonly string[]> {
  const { certificates, clientCertificates, sessionCache, sessionSecretPaths, tokens } =
    configuration;
  if (sessionCache.kind === 'module') await checkModule(sessionCache.path);
  const files = certificates.map(({ certPath, keyPath }) => loadCredential(certPath, keyPath));
  const credentials = await Promise.all(files);
  const ofCredentials =
    credentials.length === 0 ? [] : checkCredentials(credentials, configuration);
  const clients = clientCertificates && (await readClientCertificates(clientCertificates));
  const { secrets, warnings: ofSecrets } = await readSessionSecrets(sessionSecretPaths);
  for (const secret of secrets) secret.fill(0);
  const ofTokens = tokens && (await warningOfTokenKeys(tokens.keys));
  const warnings = [...ofCredentials, ...(clients?.warnings ?? []), ...ofSecrets, ofTokens];
  return warnings.filter((warning) => warning !== undefined);
}

async function checkModule(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    const text = `Cannot load session cache module "${path}": ${reason}`;
    throw new SessionCacheModuleError(text, { cause });
  }
}

/** What is in force with this Node, as a server finds out at its start. */
async function describeTickets(configuration: Configuration): Promise<string> {
  const { ticketKeyMode } = await proofOf(configuration, 'tickets');
  if (ticketKeyMode === 'native') {
    return 'Ticket keys: native (each resumption with TLS 1.3 brings a new ticket)';
  }
  const reason =
    configuration.ticketKeyMode === undefined
      ? 'this Node cannot renew tickets'
      : 'as REPRISE_TICKET_KEYS says, no ticket is renewed';
  return `Ticket keys: per_key (${reason}: a client that uses each only once resumes twice)`;
}

function describeCache({ sessionCacheBytes, sessionLifetimeSeconds }: Configuration): string {
  const sessionCount = Math.floor(sessionCacheBytes / bytesPerSession);
  const perSecond = Math.floor(sessionCount / sessionLifetimeSeconds);
  return (
    `${formatByteSize(sessionCacheBytes)} hold about ${sessionCount.toLocaleString('en')} TLS sessions: ` +
    `enough for ${perSecond.toLocaleString('en')} new ones a second over a lifetime of ${sessionLifetimeSeconds} s`
  );
}
