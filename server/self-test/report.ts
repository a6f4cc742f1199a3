import type { ProofKind, TlsPolicy } from '../../tls/index.ts';

/** What `self-test` has found out; its form as JSON. */
export interface SelfTestReport {
  readonly isPassed: boolean;
  readonly version: string;
  readonly node: string;
  readonly openssl: string;
  /** The allocator that the process runs with. */
  readonly allocator: string;
  readonly policy: TlsPolicy;
  /** As configured; what stands in for it is told in `notes`. */
  readonly sessionCache: string;
  readonly notes: readonly string[];
  readonly resumption: readonly ResumptionResult[];
  readonly rotation: readonly RotationResult[];
  readonly memory: readonly MemoryResult[];
}

/** The ports that clients come to. */
export const testedPorts = ['imaps', 'starttls'] as const;

export type TestedPort = (typeof testedPorts)[number];

/** What became of clients of one kind on one port. */
export interface ResumptionResult {
  readonly isPassed: boolean;
  readonly kind: ProofKind;
  readonly port: TestedPort;
  /** Reconnections that were tried, each with the newest session of the client. */
  readonly reconnections: number;
  /** Of these, how many were resumed. */
  readonly resumed: number;
  /** Of these, how many in the way that the kind is about, and not in the one that stands in for it. */
  readonly resumedAsMeant: number;
  /** What went wrong, as the end of a sentence; absent if it is just the numbers. */
  readonly reason?: string;
}

/** What became of tickets while their keys changed. */
export interface RotationResult {
  readonly isPassed: boolean;
  readonly kind: ProofKind;
  readonly reconnections: number;
  readonly resumed: number;
  /** Ticket keys that the clients have seen. */
  readonly keys: number;
  readonly reason?: string;
}

/** What became of memory with one allocator. */
export interface MemoryResult {
  readonly isPassed: boolean;
  readonly allocator: string;
  /** Sessions that were there at one time. */
  readonly sessions: number;
  /** Resident bytes of the process before them, with all of them, and after they had expired. */
  readonly beforeBytes: number;
  readonly fullBytes: number;
  readonly afterBytes: number;
  /** What the cache held of the system when all had expired. */
  readonly heldBytes: number;
  readonly reason?: string;
}

/** How much of what sessions took has come back, 0 to 1. */
export function returnedShare({ beforeBytes, fullBytes, afterBytes }: MemoryResult): number {
  const grownBytes = fullBytes - beforeBytes;
  if (grownBytes <= 0) return 1;
  return Math.min(1, Math.max(0, (fullBytes - afterBytes) / grownBytes));
}
