import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Credential, makeThrowAwayCredential, type Resumption } from '../../tls/index.ts';
import type { Configuration, ServerConfiguration } from '../config/configuration.ts';
import { createServer, type RepriseServer } from '../create-server.ts';
import { createLogger } from '../logging.ts';
import { openStarttlsDoor } from './visit.ts';
import type { TestedPort } from './report.ts';

/** A server to be tried, and how clients come to it. */
export interface TestedServer {
  readonly kind: Resumption['kind'];
  readonly server: RepriseServer;
  readonly ports: Readonly<Record<TestedPort, number>>;
  /** The certificate that clients show, if they are asked. */
  readonly clientCredential: Credential | undefined;
  close(): Promise<void>;
}

/** Bytes of its session cache: some thousand sessions. */
const sessionCacheBytes = 1024 * 1024;

/**
 * Starts a server with the TLS settings and the workers of a configuration, but on free ports of 127.0.0.1, with its data in a
 * temporary directory, a certificate of its own, and memory in the place of a session cache elsewhere. It disturbs no server
 * that runs with the same configuration.
 */
export async function startTestedServer(
  configuration: Configuration,
  options: { readonly kind: Resumption['kind']; readonly lifetimeSeconds: number },
): Promise<TestedServer> {
  const directory = mkdtempSync(join(tmpdir(), 'reprise-self-test-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Also if the operator ends the test.
  process.on('exit', remove);
  await using parts = new AsyncDisposableStack();
  parts.defer(() => {
    process.off('exit', remove);
    remove();
  });
  const clientCredential =
    configuration.clientCertificates === undefined ? undefined : makeThrowAwayCredential();
  const caPath = join(directory, 'client-ca.pem');
  if (clientCredential !== undefined) await writeFile(caPath, clientCredential.cert);
  const server = await createServer({
    configuration: testedConfiguration(configuration, { ...options, directory, caPath }),
    logger: createLogger({ level: 'silent' }),
  });
  parts.defer(() => server.close({ deadlineMs: 1000 }));
  const door = await openStarttlsDoor(server.imapPort);
  parts.defer(() => door.close());
  const opened = parts.move();
  return {
    server,
    kind: options.kind,
    ports: { imaps: server.imapsPort, starttls: door.port },
    clientCredential,
    close: () => opened.disposeAsync(),
  };
}

function testedConfiguration(
  { workerCount, tlsPolicy, clientCertificates, ...rest }: Configuration,
  place: {
    readonly kind: Resumption['kind'];
    readonly lifetimeSeconds: number;
    readonly directory: string;
    readonly caPath: string;
  },
): ServerConfiguration {
  const isRequired = clientCertificates?.isRequired ?? false;
  return {
    dataDirectory: join(place.directory, 'data'),
    host: '127.0.0.1',
    imapPort: 0,
    imapsPort: 0,
    workerCount,
    certificates: [],
    tlsPolicy,
    ...(clientCertificates !== undefined && {
      clientCertificates: { caPath: place.caPath, isRequired },
    }),
    sessionCache: { kind: place.kind === 'stateful' ? 'memory' : place.kind },
    sessionSecretPaths: [],
    ...(rest.ticketKeyMode !== undefined && { ticketKeyMode: rest.ticketKeyMode }),
    sessionLifetimeSeconds: place.lifetimeSeconds,
    sessionCacheBytes,
    passwordChecks: rest.passwordChecks,
    waitingLogins: rest.waitingLogins,
    loginDelaySeconds: 0,
    capabilitiesOff: [],
    admin: { host: '127.0.0.1', port: -1 },
    logLevel: 'silent',
  };
}
