// CPU time of the server for a resumed TLS 1.3 connection, greeting included, beside nginx's stream module, and beside
// what Node's TLS takes at the least:
//
//     npm run bench -- tls-connections [rounds] [connections a round] [NAME=value of Reprise's environment …]
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { compareCpu, printCosts, printRatio } from './compare-cpu.ts';
import { visits } from './load-client.ts';
import { startNginxStream } from './peers/nginx-stream.ts';
import { startNodeTls } from './peers/node-tls.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf } from './settings.ts';

const [rounds = '5', connections = '2000', ...settings] = process.argv.slice(2);
/** CPU of Reprise as a multiple of nginx's as a proxy in front of another server, by the number of workers. */
const maxRatios = { 0: 1.15, 2: 1.25 } as const;
const environment = environmentOf(settings);
const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peers: Peer[] = [];
const backend = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.end('* OK ready\r\n');
}).listen(0, '127.0.0.1');
try {
  await once(backend, 'listening');
  const { port: backendPort } = backend.address() as AddressInfo;
  for (const workerCount of [2, 0]) {
    peers.push(
      await startReprise({ credential, workerCount, password: 'correct-horse', environment }),
    );
  }
  peers.push(await startNodeTls(credential, environment));
  peers.push(await startNginxStream({ credential, workerCount: 2, backendPort }));
  peers.push(await startNginxStream({ credential, workerCount: 2 }));
  const costs = await compareCpu({
    peers,
    steps: visits.greeting(),
    roundCount: Number(rounds),
    visitsPerRound: Number(connections),
  });
  printCosts(costs);
  const [twoWorkers, oneThread, , proxy, nginx] = costs;
  printRatio(oneThread, proxy, maxRatios[0]);
  printRatio(twoWorkers, proxy, maxRatios[2]);
  printRatio(oneThread, nginx);
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  backend.close();
  await Promise.all(peers.map((peer) => peer.stop()));
}
