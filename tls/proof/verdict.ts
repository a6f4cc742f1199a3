import type { Resumption } from '../hello/route.ts';
import type { TicketKeyMode } from '../tickets/ticket-routes.ts';

/**
 * The ways to resume that are proved one by one:
 *
 * - `tls12-stateful`, `tls13-stateful`: from the session cache, by session id or by PSK identity
 * - `tls12-ticket`, `tls13-ticket`: with a ticket, in mode `tickets`
 * - `tls13-hybrid`: with a ticket in mode `stateful`, by a client whom the cache cannot serve
 */
export const proofKinds = [
  'tls12-stateful',
  'tls13-stateful',
  'tls12-ticket',
  'tls13-ticket',
  'tls13-hybrid',
] as const;

export type ProofKind = (typeof proofKinds)[number];

/**
 * What became of a try:
 *
 * - `resumes`: a client came back with a short handshake
 * - `fails`: it offered its session, or was given none, and had to make a full handshake, or made none at all
 * - `excluded`: the policy does not allow it, or the way to resume does not need it
 * - `untried`: the client inside this process could not try it, so that nothing is known
 */
export type ProofResult = 'resumes' | 'fails' | 'excluded' | 'untried';

/** What of resumption works with this Node and OpenSSL. Plain data, which can be sent to another thread. */
export interface ResumptionProof {
  readonly results: Readonly<Record<ProofKind, ProofResult>>;
  /** Why a kind failed or could not be tried, as the end of a sentence. */
  readonly reasons: Readonly<Partial<Record<ProofKind, string>>>;
  /** Whether a client of TLS 1.3 that has used its ticket was given a new one; undefined if not tried. */
  readonly areTicketsRenewed: boolean | undefined;
  /** How ticket keys are to come to OpenSSL: `native` only if it was seen to work, or is not needed. */
  readonly ticketKeyMode: TicketKeyMode;
  readonly nodeVersion: string;
  readonly opensslVersion: string;
}

/** How clients of one group of versions resume. */
export interface VersionPlan {
  readonly kind: Resumption['kind'];
  /** Whether they may be given tickets. */
  readonly hasTickets: boolean;
}

/** How clients resume, by what they speak. */
export interface ResumptionPlan {
  readonly beforeTls13: VersionPlan;
  readonly tls13: VersionPlan;
}

/**
 * How clients resume after a proof: as configured, unless that was tried and fails. Then tickets stand in for the
 * cache, if they were tried and work; else there is no resumption, and no trouble with it either.
 *
 * @param proof - absent: all works
 */
export function planResumption(kind: Resumption['kind'], proof?: ResumptionProof): ResumptionPlan {
  return {
    beforeTls13: planVersion(kind, proof?.results, ['tls12-stateful', 'tls12-ticket']),
    tls13: planVersion(kind, proof?.results, ['tls13-stateful', 'tls13-ticket', 'tls13-hybrid']),
  };
}

function planVersion(
  kind: Resumption['kind'],
  results: ResumptionProof['results'] | undefined,
  [stateful, ticket, hybrid = ticket]: readonly [ProofKind, ProofKind, ProofKind?],
): VersionPlan {
  const fails = (wanted: ProofKind): boolean => results?.[wanted] === 'fails';
  if (kind === 'stateful' && !fails(stateful)) {
    return { kind, hasTickets: !fails(ticket) && !fails(hybrid) };
  }
  const hasTickets = kind === 'tickets' ? !fails(ticket) : results?.[ticket] === 'resumes';
  if (kind === 'off' || !hasTickets) return { kind: 'off', hasTickets: false };
  return { kind: 'tickets', hasTickets };
}
