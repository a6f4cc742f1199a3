import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SelfSignedCertificate } from '../../../tls/certificates/self-signed.ts';
import { findProgram, makePeerDirectory, printed } from './peer-directory.ts';
import { freePort, type Peer, PeerMissingError, startPeer } from './peer.ts';

const packages = 'nginx-light libnginx-mod-stream';

export interface NginxStreamOptions {
  readonly credential: SelfSignedCertificate;
  readonly workerCount: number;
  /** Where connections go, in the clear, on 127.0.0.1; absent: nginx itself greets and closes. */
  readonly backendPort?: number;
}

/**
 * The stream module of nginx, with a session cache that its workers share. It keeps sessions, as we do, and
 * gives no tickets away, so that TLS 1.3 resumes from the cache too.
 */
export async function startNginxStream(options: NginxStreamOptions): Promise<Peer> {
  const path = findProgram('nginx', packages);
  const modulePath = await findStreamModule(path);
  const directory = await makePeerDirectory();
  const port = await freePort();
  await directory.write('certificate.pem', options.credential.cert);
  await directory.write('key.pem', options.credential.key);
  const content =
    options.backendPort === undefined
      ? 'return "* OK ready\\r\\n";'
      : `proxy_pass 127.0.0.1:${options.backendPort};`;
  const configuration = await directory.write(
    'nginx.conf',
    `load_module ${modulePath};
daemon off;
pid ${join(directory.path, 'nginx.pid')};
error_log stderr warn;
worker_processes ${options.workerCount};
events { worker_connections 4096; }
stream {
  ssl_certificate ${join(directory.path, 'certificate.pem')};
  ssl_certificate_key ${join(directory.path, 'key.pem')};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:sessions:64m;
  ssl_session_tickets off;
  ssl_session_timeout 2h;
  server {
    listen 127.0.0.1:${port} ssl reuseport backlog=4096;
    ${content}
  }
}
`,
  );
  return startPeer({
    name: options.backendPort === undefined ? 'nginx stream' : 'nginx stream, as a proxy',
    path,
    argv: ['-c', configuration, '-p', directory.path],
    port,
    onStopped: directory.remove,
  });
}

async function findStreamModule(path: string): Promise<string> {
  const directory = /--modules-path=(\S+)/.exec(await printed(path, '-V'))?.[1];
  const module = join(directory ?? '/usr/lib/nginx/modules', 'ngx_stream_module.so');
  if (existsSync(module)) return module;
  throw new PeerMissingError(`nginx has no stream module (apt-get install ${packages})`);
}
