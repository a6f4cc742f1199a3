import { X509Certificate } from 'node:crypto';
import { type Credential, normalizeServerName, serverNamesOf } from './credentials.ts';

/** What clients that ask for certain names are shown: a credential of each kind of key, of which TLS chooses one. */
export interface ServedCredential {
  /** Made of those of the credentials; the same in whatever order they come. */
  readonly name: string;
  /** Normalized; none for a credential that has no name. */
  readonly serverNames: readonly string[];
  /** PEM: of each credential the certificate, then its chain. */
  readonly cert: string[];
  /** PEM, secret, in the order of `cert`. */
  readonly key: string[];
}

/**
 * Puts together what is for the same names, so that a client that knows RSA only and one that prefers ECDSA are both
 * served. Of two with one name and one kind of key the earlier counts; an exact name is before a wildcard, which can
 * add other kinds of keys.
 *
 * @param credentials - at least one
 * @returns the first is for clients that ask for no name, or for one that no credential has
 * @throws RangeError if there is none, and what the parser throws for a bad certificate
 * @see RFC 8446, section 4.4.2.2
 */
export function combineCredentials(
  credentials: readonly Credential[],
): readonly ServedCredential[] {
  const all = credentials.map(readCandidate);
  const [first] = all;
  if (first === undefined) throw new RangeError('Cannot do without a credential');
  const groups = new Map<string, { names: string[]; members: readonly Candidate[] }>();
  const add = (name: string | undefined): void => {
    const members = membersFor(name, all);
    const id = members.map((member) => all.indexOf(member)).join();
    const group = groups.get(id) ?? { names: [], members };
    groups.set(id, group);
    if (name !== undefined) group.names.push(name);
  };
  // What comes first is the default.
  if (first.names.length === 0) add(undefined);
  for (const name of new Set(all.flatMap(({ names }) => names))) add(name);
  return [...groups.values()].map(({ names, members }) => serve(names, members));
}

/** Credentials that no client is shown: for each of their names an earlier one has the same kind of key. */
export function neverShown(credentials: readonly Credential[]): readonly Credential[] {
  const shown = new Set(combineCredentials(credentials).flatMap(({ cert }) => cert));
  return credentials.filter(({ cert }) => !shown.has(cert));
}

interface Candidate {
  readonly credential: Credential;
  readonly names: readonly string[];
  readonly keyType: string | undefined;
}

function readCandidate(credential: Credential): Candidate {
  const names = serverNamesOf(credential).map(normalizeServerName);
  const keyType = new X509Certificate(credential.cert).publicKey.asymmetricKeyType;
  return { credential, names, keyType };
}

/** @param name - undefined: for clients that are shown the first credential, if that has no name */
function membersFor(name: string | undefined, all: readonly Candidate[]): readonly Candidate[] {
  const wildcard = name?.replace(/^[^.]+/, '*');
  const exact = all.filter(({ names }) =>
    name === undefined ? names.length === 0 : names.includes(name),
  );
  const others = all.filter(({ names }) => wildcard !== undefined && names.includes(wildcard));
  const byKeyType = new Map<string | undefined, Candidate>();
  for (const candidate of [...exact, ...others]) {
    if (!byKeyType.has(candidate.keyType)) byKeyType.set(candidate.keyType, candidate);
  }
  return [...byKeyType.values()];
}

function serve(serverNames: readonly string[], members: readonly Candidate[]): ServedCredential {
  const names = members.map(({ credential }) => credential.name).toSorted();
  const [only = '', ...others] = names;
  return {
    name: others.length === 0 ? only : JSON.stringify(names),
    serverNames,
    cert: members.map(({ credential }) => credential.cert),
    key: members.map(({ credential }) => credential.key),
  };
}
