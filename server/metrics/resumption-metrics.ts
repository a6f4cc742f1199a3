import { proofKinds, type ResumptionProof } from '../../tls/index.ts';
import type { PolledRegistry } from './polled-registry.ts';

/**
 * Adds what the server has found out at its start about resumption.
 *
 * @param read - called for each scrape; undefined before the proof is there
 */
export function addResumptionMetrics(
  registry: PolledRegistry,
  read: () => ResumptionProof | undefined,
): void {
  registry.addGauge({
    name: 'reprise_resumption_proved',
    help: 'Whether clients resumed when the server tried it at its start, by kind; what was not tried is left out.',
    read: () => readingsOf(read()),
  });
}

function* readingsOf(proof: ResumptionProof | undefined) {
  if (proof === undefined) return;
  for (const kind of proofKinds) {
    const result = proof.results[kind];
    if (result === 'resumes') yield [{ kind }, 1] as const;
    else if (result === 'fails') yield [{ kind }, 0] as const;
  }
  if (proof.areTicketsRenewed === undefined) return;
  yield [{ kind: 'tls13-ticket-renewal' }, proof.areTicketsRenewed ? 1 : 0] as const;
}
