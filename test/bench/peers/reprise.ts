import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SelfSignedCertificate } from '../../../tls/certificates/self-signed.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { makePeerDirectory } from './peer-directory.ts';
import { freePort, type Peer } from './peer.ts';
import { treeCpuMs } from './process-tree.ts';

export interface RepriseOptions {
  readonly credential: SelfSignedCertificate;
  readonly workerCount: number;
  /** Of every account. */
  readonly password: string;
  /** Default: alice alone. */
  readonly accounts?: readonly string[];
  /** Added to its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of node itself, as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
  /** Another checkout of the project, of an earlier commit. */
  readonly checkout?: string;
}

/** Reprise as it comes, but for ports, certificate and number of workers. */
export async function startReprise(options: RepriseOptions): Promise<Peer> {
  const {
    credential,
    workerCount,
    password,
    accounts = ['alice'],
    environment,
    nodeOptions,
    checkout,
  } = options;
  const directory = await makePeerDirectory();
  const dataDirectory = join(directory.path, 'data');
  await mkdir(dataDirectory, { mode: 0o700 });
  const port = await freePort();
  const serverOptions = {
    dataDirectory,
    environment: {
      REPRISE_TLS_CERT: await directory.write('certificate.pem', credential.cert),
      REPRISE_TLS_KEY: await directory.write('key.pem', credential.key),
      REPRISE_WORKERS: String(workerCount),
      REPRISE_IMAPS_PORT: String(port),
      ...environment,
    },
    ...(nodeOptions !== undefined && { nodeOptions }),
    ...(checkout !== undefined && { checkout }),
  };
  let server = await startServerProcess(serverOptions);
  for (const account of accounts) await server.addUser(account, password);
  return {
    name: `${checkout ?? 'Reprise'}, ${workerCount === 0 ? 'no workers' : `${workerCount} workers`}`,
    port,
    // Of each of two workers V8 has compiled what it runs often only after some twenty thousand.
    warmUpVisits: 40_000,
    cpuMs: () => treeCpuMs(server.pid),
    restart: async () => {
      await server.stop();
      server = await startServerProcess(serverOptions);
    },
    stop: async () => {
      await server.stop();
      await directory.remove();
    },
  };
}
