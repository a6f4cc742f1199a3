import { tlsLimits } from './limits.ts';

/**
 * Client certificates whose sessions count no more, for as long as there may be one of them: in a cache that
 * could not be reached, or in a lookup that was under way.
 */
export class PurgedCertificates {
  readonly #purgedAt = new Map<string, number>();

  add(fingerprint256: string, nowMs: number): void {
    for (const [other, purgedAt] of this.#purgedAt) {
      if (nowMs < purgedAt + tlsLimits.resumptionChainMs) break;
      this.#purgedAt.delete(other);
    }
    // In the order of time.
    this.#purgedAt.delete(fingerprint256);
    this.#purgedAt.set(fingerprint256, nowMs);
  }

  /** Whether a session whose full handshake was then came before the purge. */
  has(fingerprint256: string, fullHandshakeAt: number): boolean {
    return fullHandshakeAt <= (this.#purgedAt.get(fingerprint256) ?? -Infinity);
  }
}
