import type { Credential } from './credential.ts';
import { CredentialEndpoints } from './credential-endpoints.ts';
import type { HelloRoute } from './hello-route.ts';
import { ServerNameTable, serverNamesOf } from './server-names.ts';
import type { TicketKey } from './ticket-key.ts';
import type { TlsEndpoint, TlsEndpointSettings } from './tls-endpoint.ts';

/** The endpoints of all credentials, found by server name and by the way to resume. */
export class EndpointDirectory {
  readonly #mode: 'stateful' | 'none';
  readonly #settings: TlsEndpointSettings;
  #all: readonly CredentialEndpoints[];
  #byServerName: ServerNameTable<CredentialEndpoints>;

  /**
   * @param credentials - at least one; the first is for clients that ask for no name, or for another's
   * @param mode - the way to resume that is most needed
   * @throws RangeError where there is none, and what TLS throws for a bad one
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
  }

  find(serverName: string | undefined, route: HelloRoute): TlsEndpoint {
    return this.#byServerName.find(serverName).find(route);
  }

  /** Uses other credentials from now on. Throws as the constructor does, and then has changed nothing. */
  replace(credentials: readonly Credential[]): void {
    const before = this.#all;
    const all = this.#open(credentials, before);
    this.#byServerName = tableOf(all);
    this.#all = all;
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
      return credentials.map((credential) => {
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
  return new ServerNameTable(
    all.map((value) => ({ names: serverNamesOf(value.credential), value })),
  );
}

function isSame(one: Credential, other: Credential): boolean {
  return (
    one.name === other.name &&
    one.cert === other.cert &&
    one.key === other.key &&
    String(one.serverNames) === String(other.serverNames)
  );
}
