import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type ProofKind, proofKinds } from '../../tls/index.ts';
import {
  type ResumptionResult,
  type RotationResult,
  type TestedPort,
  testedPorts,
} from './report.ts';
import type { TestedServer } from './test-servers.ts';
import { hasTicket, visit } from './visit.ts';

/** Reconnections of one client. */
const reconnectionCount = 5;

/** How long a ticket and its key live in the test of their change, in seconds: it takes a little longer. */
export const rotationLifetimeSeconds = 3;

/** A new client comes so often while keys change, and back after so long, in milliseconds. */
const rotationStepMs = 250;
const comeBackAfterMs = 600;

/** Who comes back later than this, on a machine that is busy, may find its ticket expired, and does not count. */
const lateAfterMs = (rotationLifetimeSeconds - 1) * 1000;

/** Ticket keys that are to be seen, and how many clients come at most until they are. */
const wantedKeys = 2;
const maxRotationClients = 24;

/** Bytes with which a ticket begins: the name of its key. */
const keyNameBytes = 16;

/** The kinds of resumption that a server is there to show. */
export function kindsOf({ server, kind }: TestedServer): readonly ProofKind[] {
  const { results } = server.resumptionProof;
  // What stands in for the cache is shown by a server that uses nothing else.
  const isOther = (proofKind: ProofKind) => kind === 'stateful' && proofKind.endsWith('-ticket');
  return proofKinds.filter((proofKind) => results[proofKind] !== 'excluded' && !isOther(proofKind));
}

/**
 * Lets a client of each kind come to both ports of a server, and back, each time with its newest session.
 *
 * @param onResult - called with each result, as soon as it is there
 */
export async function tryResumption(
  tested: TestedServer,
  onResult: (result: ResumptionResult) => void,
): Promise<void> {
  for (const kind of kindsOf(tested)) {
    for (const port of testedPorts) onResult(await tryPort(tested, kind, port));
  }
}

async function tryPort(
  tested: TestedServer,
  kind: ProofKind,
  portName: TestedPort,
): Promise<ResumptionResult> {
  const port = tested.ports[portName];
  const isTicketMeant = !kind.endsWith('-stateful');
  let [resumed, resumedAsMeant] = [0, 0];
  let reason: string | undefined;
  try {
    const secureContext = clientOf(kind, tested);
    let { session } = await visit({ port, secureContext });
    for (let round = 0; round < reconnectionCount; round++) {
      const again = await visit({ port, secureContext, session });
      ({ session } = again);
      if (!again.isResumed) continue;
      resumed += 1;
      if (hasTicket(again) === isTicketMeant) resumedAsMeant += 1;
    }
  } catch (error) {
    reason = (error as Error).message;
  }
  return {
    isPassed: resumedAsMeant === reconnectionCount,
    kind,
    port: portName,
    reconnections: reconnectionCount,
    resumed,
    resumedAsMeant,
    ...(reason !== undefined && { reason }),
  };
}

/** What a client of a kind speaks. */
function clientOf(kind: ProofKind, { clientCredential }: TestedServer): SecureContext {
  const version = kind.startsWith('tls13-') ? 'TLSv1.3' : 'TLSv1.2';
  return createSecureContext({
    minVersion: version,
    maxVersion: version,
    // Its key share is for a group that the server does not take: it needs a HelloRetryRequest.
    ...(kind === 'tls13-hybrid' && { ecdhCurve: 'X448:P-256' }),
    ...(clientCredential !== undefined && {
      cert: clientCredential.cert,
      key: clientCredential.key,
    }),
  });
}

/** Lets clients come, and back after a while, until the server's ticket keys have changed. */
export async function tryRotation(tested: TestedServer, kind: ProofKind): Promise<RotationResult> {
  const port = tested.ports.imaps;
  const secureContext = clientOf(kind, tested);
  const keys = new Set<string>();
  const visits: Promise<boolean | undefined>[] = [];
  const comeTwice = async (): Promise<boolean | undefined> => {
    const startedAt = performance.now();
    const first = await visit({ port, secureContext });
    if (hasTicket(first)) keys.add(first.ticket!.toString('latin1', 0, keyNameBytes));
    await delay(comeBackAfterMs);
    const { isResumed } = await visit({ port, secureContext, session: first.session });
    return performance.now() - startedAt < lateAfterMs ? isResumed : undefined;
  };
  while (keys.size < wantedKeys && visits.length < maxRotationClients) {
    visits.push(comeTwice());
    await delay(rotationStepMs);
  }
  const settled = await Promise.allSettled(visits);
  const ends = settled.filter((end) => end.status === 'rejected' || end.value !== undefined);
  const resumed = ends.filter((end) => end.status === 'fulfilled' && end.value).length;
  const failure = ends.find((end) => end.status === 'rejected')?.reason as Error | undefined;
  return {
    isPassed: resumed === ends.length && keys.size >= wantedKeys,
    kind,
    reconnections: ends.length,
    resumed,
    keys: keys.size,
    ...(failure !== undefined && { reason: failure.message }),
  };
}
