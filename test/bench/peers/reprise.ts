import type { SelfSignedCertificate } from '../../../tls/self-signed-certificate.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { makePeerDirectory } from './peer-directory.ts';
import type { Peer } from './peer.ts';
import { treeCpuMs } from './process-tree.ts';

export interface RepriseOptions {
  readonly credential: SelfSignedCertificate;
  readonly workerCount: number;
  /** Of the account alice. */
  readonly password: string;
  /** Added to its environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Reprise as it comes, but for ports, certificate and number of workers. */
export async function startReprise(options: RepriseOptions): Promise<Peer> {
  const { credential, workerCount, password, environment } = options;
  const directory = await makePeerDirectory();
  const server = await startServerProcess({
    environment: {
      REPRISE_TLS_CERT: await directory.write('certificate.pem', credential.cert),
      REPRISE_TLS_KEY: await directory.write('key.pem', credential.key),
      REPRISE_WORKERS: String(workerCount),
      ...environment,
    },
  });
  await server.addUser('alice', password);
  return {
    name: `Reprise, ${workerCount === 0 ? 'no workers' : `${workerCount} workers`}`,
    port: server.imapsPort,
    // Of each of two workers V8 has compiled what it runs often only after some twenty thousand.
    warmUpVisits: 40_000,
    cpuMs: () => treeCpuMs(server.pid),
    stop: async () => {
      await server.stop();
      await directory.remove();
    },
  };
}
