/** A Redis server, a Sentinel, or a node of a Cluster. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Which Redis a URL names. */
export interface RedisTarget {
  /**
   * `single`: the server is at `addresses[0]`; `sentinel`: the addresses are those of Sentinels, which know the server;
   * `cluster`: the addresses are those of some nodes.
   */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** At least one. */
  readonly addresses: readonly RedisAddress[];
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Always 0 for a Cluster, which has no other. */
  readonly database: number;
  /** The name under which the Sentinels know the server; undefined without Sentinels. */
  readonly masterName: string | undefined;
  /** Password of the Sentinels themselves. */
  readonly sentinelPassword: string | undefined;
}

const urlForm =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)((?:\/[^?#]*)?)(?:\?([^#]*))?$/;
const addressForm = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\],]+))(?::(\d{1,5}))?$/;
const defaultPort = 6379;
const defaultSentinelPort = 26_379;

/**
 * Reads the URL of a Redis or Valkey:
 *
 * - `redis://[user[:password]@]host[:port][/database]`: one server
 * - `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/master[/database][?sentinelPassword=…]`:
 *   the server that the Sentinels at these addresses call `master`; user and password are the server's
 * - `redis+cluster://[user[:password]@]host[:port][,host[:port]…]`: a Cluster with these nodes among others
 *
 * and with `rediss` for TLS to all of them. User, password and names are percent-encoded.
 *
 * @throws TypeError if it is none of these; the message contains no password
 */
export function parseRedisUrl(url: string): RedisTarget {
  const refuse = (what: string): TypeError =>
    new TypeError(`Cannot use Redis URL "${withoutSecrets(url)}": ${what}`);
  const [, scheme, suffix, user, hosts, path = '', query = ''] = urlForm.exec(url) ?? [];
  if (scheme === undefined || hosts === undefined) {
    throw refuse('expected is redis://, rediss://, or one of them with +sentinel or +cluster');
  }
  const kind = suffix === undefined ? 'single' : (suffix as 'sentinel' | 'cluster');
  const addresses = hosts.split(',').map((text) => parseAddress(text, kind));
  if (!addresses.every((address) => address !== undefined)) {
    throw refuse('expected are addresses of the form host or host:port, with commas between');
  }
  if (kind === 'single' && addresses.length > 1) {
    throw refuse('several addresses are for redis+sentinel:// and redis+cluster://');
  }
  const { masterName, database } = parsePath(path, kind, refuse);
  const parameters = new URLSearchParams(query);
  const sentinelPassword = parameters.get('sentinelPassword') ?? undefined;
  parameters.delete('sentinelPassword');
  if (parameters.size > 0 || (sentinelPassword !== undefined && kind !== 'sentinel')) {
    throw refuse('the only parameter is sentinelPassword, for redis+sentinel://');
  }
  const [username, ...password] = (user ?? '').split(':');
  return {
    kind,
    addresses,
    isTls: scheme === 'rediss',
    username: decode(username) || undefined,
    password: decode(password.join(':')) || undefined,
    database,
    masterName,
    sentinelPassword,
  };
}

/** Reads the name of the master, for Sentinels, and the number of the database. */
function parsePath(
  path: string,
  kind: RedisTarget['kind'],
  refuse: (what: string) => TypeError,
): Pick<RedisTarget, 'masterName' | 'database'> {
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  const masterName = kind === 'sentinel' ? decode(segments.shift()) : undefined;
  if (kind === 'sentinel' && !masterName) {
    throw refuse('expected is the name of the master after the addresses, as in /mymaster');
  }
  const database = parseDatabase(segments, kind);
  if (database === undefined) {
    throw refuse('expected is at most the number of a database after it, and none for a Cluster');
  }
  return { masterName, database };
}

function parseAddress(text: string, kind: RedisTarget['kind']): RedisAddress | undefined {
  const [, address6, name, digits] = addressForm.exec(text) ?? [];
  const host = address6 ?? name;
  const port = Number(digits ?? (kind === 'sentinel' ? defaultSentinelPort : defaultPort));
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function parseDatabase(segments: readonly string[], kind: RedisTarget['kind']): number | undefined {
  if (segments.length === 0) return 0;
  if (segments.length > 1 || kind === 'cluster') return undefined;
  return /^\d{1,5}$/.test(segments[0]!) ? Number(segments[0]) : undefined;
}

/** Percent-decodes; returns a text that is not encoded correctly as it is. */
function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A URL without what an error or a log must not show. */
function withoutSecrets(url: string): string {
  return url.replace(/:\/\/.*@/s, '://***@').replace(/\?.*$/s, '?***');
}
