import { type Credential, ServerNameTable } from './certificates/credentials.ts';
import { combineCredentials, type ServedCredential } from './certificates/served-credentials.ts';
import { TlsEndpoint, type TlsEndpointSettings } from './endpoint.ts';
import type { HelloRoute } from './hello/route.ts';
import type { TicketKey } from './tickets/ticket-keys.ts';

/**
 * The endpoints of what is served under some names: one for each way to resume and ticket key, made when first
 * needed.
 */
class CredentialEndpoints {
  readonly credential: ServedCredential;
  readonly #settings: TlsEndpointSettings;
  readonly #endpoints = new Map<string, TlsEndpoint>();

  /**
   * @param mode - the one most needed, which is made at once
   * @throws what TLS throws for a bad credential
   */
  constructor(
    credential: ServedCredential,
    mode: 'stateful' | 'none',
    settings: TlsEndpointSettings,
  ) {
    this.credential = credential;
    this.#settings = settings;
    this.find({ mode });
  }

  find(route: HelloRoute): TlsEndpoint {
    const slot = slotOf(route);
    const known = this.#endpoints.get(slot);
    if (known !== undefined) return known;
    const endpoint = new TlsEndpoint(this.credential, route, this.#settings);
    this.#endpoints.set(slot, endpoint);
    return endpoint;
  }

  /** Lets go of endpoints whose ticket key is none of these. */
  retireKeys(liveKeys: readonly TicketKey[]): void {
    for (const [slot, endpoint] of this.#endpoints) {
      if (!endpoint.isOutdated(liveKeys)) continue;
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

/** What endpoints differ in: none of it comes from a name that a client invents. */
function slotOf(route: HelloRoute): string {
  if (route.mode !== 'ticket') return route.mode;
  if ('keyName' in route) return Buffer.from(route.keyName).toString('latin1');
  return `${route.clients} ${route.fullHandshakeAt === undefined ? 'begin' : 'resume'}`;
}

/** The endpoints of all credentials, found by server name and by the way to resume. */
export class EndpointDirectory {
  readonly #mode: 'stateful' | 'none';
  readonly #settings: TlsEndpointSettings;
  #all: readonly CredentialEndpoints[];
  #byServerName: ServerNameTable<CredentialEndpoints>;
  #serverNames: ReadonlySet<string>;

  /**
   * @param credentials - at least one; the first is for clients that ask for no name, or for another's
   * @param mode - the way to resume that is most needed
   * @throws RangeError if there is none, and what TLS throws for a bad one
   */
  constructor(
    credentials: readonly Credential[],
    mode: 'stateful' | 'none',
    settings: TlsEndpointSettings,
  ) {
    this.#mode = mode;
    this.#settings = settings;
    this.#all = this.#open(credentials, []);
    this.#byServerName = tableOf(this.#all);
    this.#serverNames = exactServerNames(this.#all);
    settings.ownCertificates.serve(this.#all.map(({ credential }) => credential));
  }

  find(serverName: string | undefined, route: HelloRoute): TlsEndpoint {
    return this.#byServerName.find(serverName).find(route);
  }

  /** Whether a credential has this normalized name as it is, not by a wildcard. */
  hasServerName(serverName: string): boolean {
    return this.#serverNames.has(serverName);
  }

  /** Uses other credentials from now on. Throws as the constructor does, and then has changed nothing. */
  replace(credentials: readonly Credential[]): void {
    const before = this.#all;
    const all = this.#open(credentials, before);
    this.#byServerName = tableOf(all);
    this.#serverNames = exactServerNames(all);
    this.#all = all;
    this.#settings.ownCertificates.serve(all.map(({ credential }) => credential));
    for (const endpoints of before) if (!all.includes(endpoints)) endpoints.retire();
  }

  /** Lets go of endpoints whose ticket key is none of these. */
  retireKeys(liveKeys: readonly TicketKey[]): void {
    for (const endpoints of this.#all) endpoints.retireKeys(liveKeys);
  }

  /** Lets go of all of them. */
  retire(): void {
    for (const endpoints of this.#all) endpoints.retire();
  }

  /** Endpoints of the credentials; those of credentials that have not changed stay what they are. */
  #open(
    credentials: readonly Credential[],
    known: readonly CredentialEndpoints[],
  ): readonly CredentialEndpoints[] {
    const opened: CredentialEndpoints[] = [];
    try {
      return combineCredentials(credentials).map((credential) => {
        const same = known.find((endpoints) => isSame(endpoints.credential, credential));
        if (same !== undefined) return same;
        const endpoints = new CredentialEndpoints(credential, this.#mode, this.#settings);
        opened.push(endpoints);
        return endpoints;
      });
    } catch (error) {
      for (const endpoints of opened) endpoints.retire();
      throw error;
    }
  }
}

function tableOf(all: readonly CredentialEndpoints[]): ServerNameTable<CredentialEndpoints> {
  return new ServerNameTable(all.map((value) => ({ names: value.credential.serverNames, value })));
}

function exactServerNames(all: readonly CredentialEndpoints[]): ReadonlySet<string> {
  const names = all.flatMap(({ credential }) => credential.serverNames);
  return new Set(names.filter((name) => !name.startsWith('*')));
}

function isSame(one: ServedCredential, other: ServedCredential): boolean {
  return (
    one.name === other.name &&
    String(one.cert) === String(other.cert) &&
    String(one.key) === String(other.key) &&
    String(one.serverNames) === String(other.serverNames)
  );
}
