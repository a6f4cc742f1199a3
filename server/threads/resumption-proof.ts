import type { Logger } from 'pino';
import {
  planResumption,
  type ProofKind,
  proofKinds,
  type ProofResult,
  proveResumption,
  type ProveResumptionOptions,
  type Resumption,
  type ResumptionProof,
} from '../../tls/index.ts';
import type { ServerConfiguration } from '../config/configuration.ts';

/** Proofs of this process, by what they are for: its Node does not change. */
const proofs = new Map<string, Promise<ResumptionProof>>();

/**
 * Proves that the clients of a configuration resume, before the first server of the process with these settings listens;
 * later ones reuse the verdict. Never rejects for what it finds.
 *
 * @param kind - how the server's clients resume
 */
export function proofOf(
  { tlsPolicy: policy, ticketKeyMode, clientCertificates }: ServerConfiguration,
  kind: Resumption['kind'],
): Promise<ResumptionProof> {
  const options: ProveResumptionOptions = {
    kind,
    policy,
    ...(ticketKeyMode !== undefined && { ticketKeyMode }),
    ...(clientCertificates !== undefined && {
      clientCertificates: { isRequired: clientCertificates.isRequired },
    }),
  };
  const name = JSON.stringify(options);
  let proof = proofs.get(name);
  if (proof === undefined) {
    proof = proveResumption(options);
    proofs.set(name, proof);
  }
  return proof;
}

/** What a kind of resumption is called, as the beginning of a sentence. */
export const proofKindNames: Readonly<Record<ProofKind, string>> = {
  'tls12-stateful': 'TLS 1.2 from the session cache',
  'tls13-stateful': 'TLS 1.3 from the session cache',
  'tls12-ticket': 'TLS 1.2 with tickets',
  'tls13-ticket': 'TLS 1.3 with tickets',
  'tls13-hybrid': 'TLS 1.3 with tickets beside the session cache',
};

/** One line for an operator: what resumes here, and what does not. */
export function describeProof({ results, nodeVersion, opensslVersion }: ResumptionProof): string {
  const namesOf = (result: ProofResult) =>
    proofKinds.filter((kind) => results[kind] === result).map((kind) => proofKindNames[kind]);
  const place = `with Node ${nodeVersion} and OpenSSL ${opensslVersion}`;
  const parts = [
    ['works for', namesOf('resumes')],
    ['fails for', namesOf('fails')],
    ['could not be tried for', namesOf('untried')],
  ] as const;
  const found = parts.filter(([, names]) => names.length > 0);
  if (found.length === 0) return 'Resumption: nothing to try with these settings';
  const words = found.map(([what, names]) => `${what} ${names.join(', ')}`);
  return `Resumption ${place} ${words.join('; ')} (see "reprise self-test")`;
}

/**
 * Tells in the log what does not resume, and what is done instead. Nothing of how ticket keys come to OpenSSL if the
 * operator has chosen it.
 */
export function logProof(
  proof: ResumptionProof,
  { ticketKeyMode }: Pick<ServerConfiguration, 'ticketKeyMode'>,
  kind: Resumption['kind'],
  logger: Logger,
): void {
  const { results, reasons, nodeVersion: node, opensslVersion: openssl } = proof;
  const place = `with Node ${node} and OpenSSL ${openssl}`;
  if (proof.ticketKeyMode !== 'native' && ticketKeyMode === undefined) {
    const effect =
      'clients of TLS 1.3 that use each only once resume twice, then make a full handshake';
    logger.warn({ node, openssl }, `session tickets are not renewed ${place}: ${effect}`);
  }
  for (const proofKind of proofKinds) {
    const details = { kind: proofKind, reason: reasons[proofKind], node, openssl };
    const name = proofKindNames[proofKind];
    if (results[proofKind] === 'fails') {
      const instead = substituteOf(proofKind, kind, proof);
      const advice = 'see "reprise self-test", and use a Node with which it passes';
      logger.warn(details, `${name} does not resume ${place}: ${instead}; ${advice}`);
    } else if (results[proofKind] === 'untried') {
      logger.info(details, `cannot try whether ${name} resumes ${place}: see "reprise self-test"`);
    }
  }
}

/** What clients get instead of a kind of resumption that fails. */
function substituteOf(
  proofKind: ProofKind,
  kind: Resumption['kind'],
  proof: ResumptionProof,
): string {
  const { beforeTls13, tls13 } = planResumption(kind, proof);
  const plan = proofKind.startsWith('tls13-') ? tls13 : beforeTls13;
  if (proofKind.endsWith('-stateful') && plan.kind === 'tickets') return 'clients get tickets';
  return plan.kind === 'stateful' ? 'no client gets a ticket' : 'clients make full handshakes';
}
