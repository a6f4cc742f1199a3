import { tlsLimits } from '../limits.ts';
import { ByteReader } from '../bytes.ts';
import { alerts, type HelloFault, HelloRecords } from './hello-records.ts';

/** What a client says of itself before anything else. It keeps nothing of the bytes that it was read from. */
export interface ClientHello {
  /** The session id of TLS 1.2; in TLS 1.3 random or empty. */
  readonly legacySessionId: Uint8Array;
  /** Content of the session_ticket extension (empty: the client has none but takes one); undefined: no extension. */
  readonly sessionTicket: Uint8Array | undefined;
  /** The first few identities of the pre_shared_key extension, in the client's order. */
  readonly pskIdentities: readonly Uint8Array[];
  /** Named groups of the first few key shares, in the client's order. */
  readonly keyShareGroups: readonly number[];
  /** Beginning of the supported_groups extension, with the first few groups, not validated; undefined: no extension. */
  readonly supportedGroups: Uint8Array | undefined;
  /** The host name of the server_name extension; undefined if there is none, or what there is can be no host's name. */
  readonly serverName: string | undefined;
  /** Versions of the supported_versions extension; if there is none, the legacy version, at most that of TLS 1.2. */
  readonly supportedVersions: readonly number[];
  /** Whether a TLS 1.2 session would be bound to its handshake (RFC 7627). */
  readonly hasExtendedMasterSecret: boolean;
}

/**
 * What the first bytes of a connection are: `incomplete` if more have to come; a hello, behind which more may follow;
 * or neither.
 */
export type ClientHelloResult =
  | { readonly kind: 'incomplete' }
  | HelloFault
  | { readonly kind: 'hello'; readonly hello: ClientHello };

/** The version of TLS 1.3 in a hello. @see RFC 8446, section 4.2.1 */
export const tls13 = 0x0304;
const tls12 = 0x0303;

/** Names of versions, the best one last; as `getProtocol()` of Node tells them. */
const protocolNames: ReadonlyMap<number, string> = new Map([
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [tls12, 'TLSv1.2'],
  [tls13, 'TLSv1.3'],
]);

/** The best protocol that the client offers; `unknown` if none of them exists. */
export function offeredProtocol({ supportedVersions }: ClientHello): string {
  const known = supportedVersions.filter((version) => protocolNames.has(version));
  return protocolNames.get(Math.max(...known)) ?? 'unknown';
}

/** The extensions that are read. */
const extensionTypes = {
  serverName: 0,
  supportedGroups: 10,
  extendedMasterSecret: 23,
  sessionTicket: 35,
  preSharedKey: 41,
  supportedVersions: 43,
  keyShare: 51,
} as const;

const readTypes: ReadonlySet<number> = new Set(Object.values(extensionTypes));

/**
 * Parses the first bytes of a connection as a ClientHello, which may be spread over several records. It never throws.
 * Each call begins at the first byte, so it is given all that has come so far.
 *
 * @param maxBytes - of the message without its header
 * @see RFC 8446, sections 4.1.2 and 5.1; RFC 5246, section 7.4.1.2
 */
export function parseClientHello(
  bytes: Uint8Array,
  maxBytes: number = tlsLimits.helloBytes,
): ClientHelloResult {
  const records = new HelloRecords(maxBytes);
  const result = records.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (result === 'incomplete') return { kind: 'incomplete' };
  if (result !== 'complete') return result;
  const hello = parseHelloBody(records.body);
  if (hello === undefined) return { kind: 'malformed', alert: alerts.decodeError };
  return { kind: 'hello', hello };
}

/** Parses a ClientHello without the header of its message; undefined if it is malformed. */
export function parseHelloBody(body: Uint8Array): ClientHello | undefined {
  const reader = new ByteReader(body);
  const legacyVersion = reader.number(2);
  reader.skip(32);
  const legacySessionId = reader.vector(1);
  reader.skipVector(2);
  reader.skipVector(1);
  // Before TLS 1.3 a hello may end here.
  const extensions = reader.hasMore ? readExtensions(reader.vectorReader(2)) : new Map();
  if (reader.isBroken || reader.hasMore || legacySessionId.length > 32) return undefined;
  return extensions && parseExtensions(legacyVersion, legacySessionId, extensions);
}

/** Contents by type, each to be read once. */
type Extensions = ReadonlyMap<number, ByteReader>;

/** The extensions that are read; undefined if the list is broken, or one of them is there twice. */
function readExtensions(list: ByteReader): Extensions | undefined {
  const extensions = new Map<number, ByteReader>();
  while (list.hasMore) {
    const type = list.number(2);
    if (!readTypes.has(type)) {
      list.skipVector(2);
      continue;
    }
    if (extensions.has(type)) return undefined;
    extensions.set(type, list.vectorReader(2));
  }
  return list.isBroken ? undefined : extensions;
}

function parseExtensions(
  legacyVersion: number,
  legacySessionId: Uint8Array,
  extensions: Extensions,
): ClientHello | undefined {
  const serverNames = readList(extensions.get(extensionTypes.serverName), 2, readServerName);
  const pskIdentities = readList(extensions.get(extensionTypes.preSharedKey), 2, readPskIdentity);
  const keyShareGroups = readList(extensions.get(extensionTypes.keyShare), 2, readKeyShareGroup);
  const versions = readVersions(extensions.get(extensionTypes.supportedVersions));
  const sessionTicket = extensions.get(extensionTypes.sessionTicket)?.rest();
  // Copied as it is, since few read it: its length, then two bytes for each group.
  const supportedGroups = extensions
    .get(extensionTypes.supportedGroups)
    ?.rest(2 + 2 * tlsLimits.helloListItems);
  if (!serverNames || !pskIdentities || !versions || !keyShareGroups) return undefined;
  return {
    legacySessionId: new Uint8Array(legacySessionId),
    sessionTicket: sessionTicket && new Uint8Array(sessionTicket),
    pskIdentities,
    keyShareGroups,
    supportedGroups: supportedGroups && new Uint8Array(supportedGroups),
    serverName: toHostName(serverNames.find(({ type }) => type === 0)?.name),
    supportedVersions: extensions.has(extensionTypes.supportedVersions)
      ? versions
      : [Math.min(legacyVersion, tls12)],
    hasExtendedMasterSecret: extensions.has(extensionTypes.extendedMasterSecret),
  };
}

/** All of them: OpenSSL may choose the last, and the hello must go the way that OpenSSL goes. */
function readVersions(extension: ByteReader | undefined): number[] | undefined {
  return readList(extension, 1, (reader) => reader.number(2), Infinity);
}

function readServerName(reader: ByteReader): { type: number; name: Uint8Array } {
  return { type: reader.number(1), name: reader.vector(2) };
}

function readPskIdentity(reader: ByteReader): Uint8Array {
  const identity = reader.vector(2);
  // Its obfuscated age.
  reader.skip(4);
  return new Uint8Array(identity);
}

function readKeyShareGroup(reader: ByteReader): number {
  const group = reader.number(2);
  // The key.
  reader.skipVector(2);
  return group;
}

/**
 * The first items of the list that an extension begins with, up to `maxItems`; none if there is no extension, undefined
 * if they are broken. The rest is left to OpenSSL, which refuses what it does not like.
 */
function readList<Item>(
  extension: ByteReader | undefined,
  lengthBytes: number,
  readItem: (reader: ByteReader) => Item,
  maxItems: number = tlsLimits.helloListItems,
): Item[] | undefined {
  if (extension === undefined) return [];
  const list = extension.vectorReader(lengthBytes);
  const items: Item[] = [];
  while (list.hasMore && items.length < maxItems) items.push(readItem(list));
  return extension.isBroken || list.isBroken ? undefined : items;
}

const longestHostName = 255;
const hostName = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!$)|\.?$))+$/i;

/** Text of a host's name, or undefined. @see RFC 6066, section 3; RFC 1123, section 2.1 */
function toHostName(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length > longestHostName) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return hostName.test(text) ? text : undefined;
}
