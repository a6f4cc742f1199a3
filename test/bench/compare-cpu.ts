import { LoadClient, type LoadProtocol, type VisitStep } from './load-client.ts';
import { median, printFigure } from './figures.ts';
import type { Peer } from './peers/peer.ts';

/** Clients at a time. */
const clientCount = 8;

export interface CompareOptions {
  /** Measured in turns, so that what else the machine does weighs on all alike. */
  readonly peers: readonly Peer[];
  readonly steps: readonly VisitStep[];
  /** Of the clients; default TLS 1.3. */
  readonly protocol?: LoadProtocol;
  readonly roundCount: number;
  /** Of each peer in each round. */
  readonly visitsPerRound: number;
}

/** CPU time of a server for one visit, in milliseconds: one figure a round, after a warm-up. */
export interface PeerCost {
  readonly peer: Peer;
  readonly roundsMs: readonly number[];
  readonly medianMs: number;
  /** Of the measured visits. */
  readonly resumedCount: number;
  readonly visitCount: number;
}

/** Measures what visits cost each peer. */
export async function compareCpu(options: CompareOptions): Promise<readonly PeerCost[]> {
  const { peers, steps, protocol, roundCount, visitsPerRound } = options;
  const runs = peers.map((peer) => ({
    peer,
    clients: Array.from({ length: clientCount }, () => new LoadClient(peer.port, protocol)),
    roundsMs: [] as number[],
    resumedCount: 0,
  }));
  for (const { clients, peer } of runs) await visitAll(clients, steps, peer.warmUpVisits);
  for (let round = 0; round < roundCount; round++) {
    for (const run of runs) {
      const before = await run.peer.cpuMs();
      run.resumedCount += await visitAll(run.clients, steps, visitsPerRound);
      run.roundsMs.push(((await run.peer.cpuMs()) - before) / visitsPerRound);
    }
  }
  return runs.map(({ peer, roundsMs, resumedCount }) => ({
    peer,
    roundsMs,
    medianMs: median(roundsMs),
    resumedCount,
    visitCount: roundCount * visitsPerRound,
  }));
}

/** Prints costs, and each as a multiple of the last one's. */
export function printCosts(costs: readonly PeerCost[]): void {
  const last = costs.at(-1)?.medianMs ?? Number.NaN;
  for (const { peer, medianMs, roundsMs, resumedCount, visitCount } of costs) {
    const rounds = roundsMs.map((ms) => ms.toFixed(3)).join(' ');
    console.log(
      `${peer.name.padEnd(28)} ${medianMs.toFixed(3)} ms of CPU each (rounds: ${rounds}), ` +
        `${(medianMs / last).toFixed(2)} times the last, ${resumedCount} of ${visitCount} resumed`,
    );
  }
}

/** Prints the CPU of one as a multiple of another's, and what it is to be at most, if anything. */
export function printRatio(
  one: PeerCost | undefined,
  other: PeerCost | undefined,
  atMost?: number,
): void {
  if (one === undefined || other === undefined) return;
  const name = `${one.peer.name} / ${other.peer.name}`;
  printFigure(name, one.medianMs / other.medianMs, 'times', atMost === undefined ? {} : { atMost });
}

/** Visits in turn by several clients; returns how many of them were resumed. */
export async function visitAll(
  clients: readonly LoadClient[],
  steps: readonly VisitStep[],
  visitCount: number,
): Promise<number> {
  let begun = 0;
  let resumedCount = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (begun++ < visitCount) if (await client.visit(steps)) resumedCount++;
    }),
  );
  return resumedCount;
}
