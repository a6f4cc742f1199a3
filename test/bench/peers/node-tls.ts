import { join } from 'node:path';
import type { SelfSignedCertificate } from '../../../tls/certificates/self-signed.ts';
import { makePeerDirectory } from './peer-directory.ts';
import { freePort, type Peer, startPeer } from './peer.ts';

/** Node's own TLS server, which resumes with tickets: what nothing that runs in Node can be below. */
export async function startNodeTls(
  credential: SelfSignedCertificate,
  environment: Readonly<Record<string, string>>,
): Promise<Peer> {
  const directory = await makePeerDirectory();
  const port = await freePort();
  const cert = await directory.write('certificate.pem', credential.cert);
  const key = await directory.write('key.pem', credential.key);
  const peer = await startPeer({
    name: 'Node by itself, one thread',
    path: process.execPath,
    argv: [join(import.meta.dirname, 'node-tls-server.ts'), String(port), cert, key],
    environment,
    port,
    onStopped: directory.remove,
  });
  return { ...peer, warmUpVisits: 10_000 };
}
