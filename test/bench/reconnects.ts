// CPU time of the server for a client that comes back over TLS 1.3, beside Dovecot's high-performance profile:
//
//     npm run bench -- reconnects [rounds] [reconnects a round] [login|idle] [NAME=value of Reprise's environment …]
//
// login: LOGIN, LOGOUT; idle: LOGIN, SELECT, IDLE, and the client leaves.
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { compareCpu, printCosts, printRatio } from './compare-cpu.ts';
import { visits } from './load-client.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf } from './settings.ts';

const [rounds = '5', reconnects = '1000', kind = 'login', ...settings] = process.argv.slice(2);
/** CPU of one thread of Reprise for LOGIN and LOGOUT, as a multiple of Dovecot's. */
const maxRatio = 0.12;
const password = 'correct-horse';
const environment = environmentOf(settings);
const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peers: Peer[] = [];
try {
  for (const workerCount of [2, 0]) {
    peers.push(await startReprise({ credential, workerCount, password, environment }));
  }
  peers.push(await startDovecot({ credential, password }));
  const costs = await compareCpu({
    peers,
    steps: kind === 'idle' ? visits.idle(password) : visits.login(password),
    roundCount: Number(rounds),
    visitsPerRound: Number(reconnects),
  });
  printCosts(costs);
  if (kind !== 'idle') printRatio(costs[1], costs[2], maxRatio);
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
}
