// CPU time of the server for a connection, greeting included, by how it resumes and by the version of TLS: from the cache of
// one thread, with a ticket, or not at all. What the README says about which to choose comes from here:
//
//     npm run bench -- resumption-cost [rounds] [connections a round] [NAME=value of Reprise's environment …]
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { compareCpu, printCosts } from './compare-cpu.ts';
import type { Peer } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf } from './settings.ts';

const [rounds = '5', connections = '2000', ...settings] = process.argv.slice(2);
/** Values of REPRISE_SESSION_CACHE; the last is what the others are compared with. */
const modes = ['memory', 'tickets', 'off'];
const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peers: Peer[] = [];
try {
  for (const mode of modes) {
    const environment = { ...environmentOf(settings), REPRISE_SESSION_CACHE: mode };
    const peer = await startReprise({
      credential,
      workerCount: 0,
      password: 'correct-horse',
      environment,
    });
    peers.push({ ...peer, name: `REPRISE_SESSION_CACHE=${mode}` });
  }
  for (const protocol of ['TLSv1.3', 'TLSv1.2'] as const) {
    console.log(`${protocol}:`);
    const costs = await compareCpu({
      peers,
      steps: [{ after: '* OK' }],
      protocol,
      roundCount: Number(rounds),
      visitsPerRound: Number(connections),
    });
    printCosts(costs);
  }
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
}
