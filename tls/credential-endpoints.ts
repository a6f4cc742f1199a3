import type { Credential } from './credential.ts';
import type { HelloRoute } from './hello-route.ts';
import type { TicketKey } from './ticket-key.ts';
import { TlsEndpoint, type TlsEndpointSettings } from './tls-endpoint.ts';

/** The endpoints of one credential: one for each way to resume and ticket key, made when first needed. */
export class CredentialEndpoints {
  readonly credential: Credential;
  readonly #settings: TlsEndpointSettings;
  readonly #endpoints = new Map<string, TlsEndpoint>();

  /**
   * @param mode - the one most needed, which is made at once
   * @throws what TLS throws for a bad credential
   */
  constructor(credential: Credential, mode: 'stateful' | 'none', settings: TlsEndpointSettings) {
    this.credential = credential;
    this.#settings = settings;
    this.find({ mode });
  }

  find(route: HelloRoute): TlsEndpoint {
    const key = route.mode === 'ticket' ? route.key : undefined;
    const slot = key === undefined ? route.mode : slotOf(key);
    const known = this.#endpoints.get(slot);
    if (known !== undefined) return known;
    const endpoint = new TlsEndpoint(this.credential, route.mode, key, this.#settings);
    this.#endpoints.set(slot, endpoint);
    return endpoint;
  }

  /** Lets go of endpoints whose ticket key is none of these. */
  retireKeys(liveKeys: readonly TicketKey[]): void {
    const live = new Set<string>(['stateful', 'none', ...liveKeys.map(slotOf)]);
    for (const [slot, endpoint] of this.#endpoints) {
      if (live.has(slot)) continue;
      this.#endpoints.delete(slot);
      endpoint.retire();
    }
  }

  /** Lets go of all of them. */
  retire(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.retire();
    this.#endpoints.clear();
  }
}

/** By name: a source may tell of the same key in another object. */
function slotOf({ name }: TicketKey): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1');
}
