import { tlsLimits } from '../limits.ts';
import { ByteReader } from '../bytes.ts';

/** What a client says of itself before anything else. Bytes are views on what was parsed. */
export interface ClientHello {
  /** The session id of TLS 1.2; in TLS 1.3 random or empty. */
  readonly legacySessionId: Uint8Array;
  /** Content of the session_ticket extension (empty: the client has none but takes one); undefined: no extension. */
  readonly sessionTicket: Uint8Array | undefined;
  /** Identities of the pre_shared_key extension, in the client's order. */
  readonly pskIdentities: readonly Uint8Array[];
  /** Named groups of the key shares, in the client's order. */
  readonly keyShareGroups: readonly number[];
  /** The host name of the server_name extension; not validated. */
  readonly serverName: string | undefined;
  /** Protocol names of the ALPN extension, in the client's order. */
  readonly alpn: readonly string[];
  /** Versions of the supported_versions extension; the legacy version where there is none. */
  readonly supportedVersions: readonly number[];
  /** Whether a TLS 1.2 session would be bound to its handshake (RFC 7627). */
  readonly hasExtendedMasterSecret: boolean;
}

/**
 * - `incomplete`: more bytes have to come; with fewer than `neededBytes` in all, the answer is the same
 * - `notTls`: these bytes don't begin a TLS handshake
 * - `tooLarge`: the hello is longer than the bound, or spread over more records than one needs
 * - `malformed`: a ClientHello whose inside cannot be read; what TLS answers to it is an alert
 * - `hello`: a ClientHello; more bytes may follow it
 */
export type ClientHelloResult =
  | { readonly kind: 'incomplete'; readonly neededBytes: number }
  | { readonly kind: 'notTls' }
  | { readonly kind: 'tooLarge' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'hello'; readonly hello: ClientHello };

/** The version of TLS 1.3 in a hello. @see RFC 8446, section 4.2.1 */
export const tls13 = 0x0304;

/** Names of versions, the best one last; as `getProtocol()` of Node tells them. */
const protocolNames: ReadonlyMap<number, string> = new Map([
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [0x0303, 'TLSv1.2'],
  [tls13, 'TLSv1.3'],
]);

/** The best protocol that the client offers; `unknown` where it has none that there is. */
export function offeredProtocol({ supportedVersions }: ClientHello): string {
  const known = supportedVersions.filter((version) => protocolNames.has(version));
  return protocolNames.get(Math.max(...known)) ?? 'unknown';
}

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const handshakeRecord = 22;
const majorVersion = 3;
const clientHelloMessage = 1;
const longestFragment = 2 ** 14;

const extensionTypes = {
  serverName: 0,
  alpn: 16,
  extendedMasterSecret: 23,
  sessionTicket: 35,
  preSharedKey: 41,
  supportedVersions: 43,
  keyShare: 51,
} as const;

/**
 * Parses the first bytes of a connection as a ClientHello, which may be spread over several records. Any
 * bytes are taken; it never throws.
 *
 * @param bytes - all that has come so far
 * @param maxBytes - the longest hello, record headers included
 * @see RFC 8446, sections 4.1.2 and 5.1; RFC 5246, section 7.4.1.2
 */
export function parseClientHello(
  bytes: Uint8Array,
  maxBytes: number = tlsLimits.helloBytes,
): ClientHelloResult {
  const body = gatherBody(bytes, maxBytes);
  if (!(body instanceof Uint8Array)) return body;
  const hello = parseBody(body);
  return hello === undefined ? { kind: 'malformed' } : { kind: 'hello', hello };
}

/** The body of the first handshake message, copied only where it lies in several records; or why there is none. */
function gatherBody(bytes: Uint8Array, maxBytes: number): Uint8Array | ClientHelloResult {
  const fragments: Uint8Array[] = [];
  const messageHeader: number[] = [];
  let gathered = 0;
  for (let start = 0; ;) {
    const fault = checkRecordHeader(bytes, start);
    if (fault !== undefined) return fault;
    const fragmentStart = start + recordHeaderBytes;
    if (bytes.length < fragmentStart) return incomplete(fragmentStart + 1, maxBytes);
    const end = fragmentStart + bytes[start + 3]! * 256 + bytes[start + 4]!;
    const fragment = bytes.subarray(fragmentStart, end);
    if (fragments.push(fragment) > tlsLimits.helloRecords) return { kind: 'tooLarge' };
    gathered += fragment.length;
    messageHeader.push(...fragment.subarray(0, messageHeaderBytes - messageHeader.length));
    if ((messageHeader[0] ?? clientHelloMessage) !== clientHelloMessage) return { kind: 'notTls' };
    const wanted = messageBytes(messageHeader);
    // Where the hello ends, or before that, if other record headers lie between.
    const helloEnd = fragmentStart + fragment.length + wanted - gathered;
    if (helloEnd > maxBytes) return { kind: 'tooLarge' };
    if (gathered >= wanted) return join(fragments).subarray(messageHeaderBytes, wanted);
    if (bytes.length < end) return incomplete(helloEnd, maxBytes);
    start = end;
  }
}

function checkRecordHeader(bytes: Uint8Array, start: number): ClientHelloResult | undefined {
  const type = bytes[start];
  const major = bytes[start + 1];
  const high = bytes[start + 3];
  const low = bytes[start + 4];
  if ((type ?? handshakeRecord) !== handshakeRecord || (major ?? majorVersion) !== majorVersion) {
    return { kind: start === 0 ? 'notTls' : 'malformed' };
  }
  if (high === undefined || low === undefined) return undefined;
  const length = high * 256 + low;
  return length === 0 || length > longestFragment ? { kind: 'malformed' } : undefined;
}

function incomplete(neededBytes: number, maxBytes: number): ClientHelloResult {
  return neededBytes > maxBytes ? { kind: 'tooLarge' } : { kind: 'incomplete', neededBytes };
}

/** Bytes of the message, its header included, as far as the header is known. */
function messageBytes(header: readonly number[]): number {
  const [, high = 0, middle = 0, low = 0] = header;
  return messageHeaderBytes + high * 0x1_0000 + middle * 0x100 + low;
}

function join(fragments: readonly Uint8Array[]): Uint8Array {
  return fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments);
}

function parseBody(body: Uint8Array): ClientHello | undefined {
  const reader = new ByteReader(body);
  const legacyVersion = reader.number(2);
  reader.bytes(32);
  const legacySessionId = reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  const extensions = new Map<number, Uint8Array>();
  // Before TLS 1.3 a hello may end here.
  const list = new ByteReader(reader.hasMore ? reader.vector(2) : new Uint8Array(0));
  while (list.hasMore) extensions.set(list.number(2), list.vector(2));
  if (reader.isBroken || list.isBroken || legacySessionId.length > 32) return undefined;
  return parseExtensions(legacyVersion, legacySessionId, extensions);
}

function parseExtensions(
  legacyVersion: number,
  legacySessionId: Uint8Array,
  extensions: ReadonlyMap<number, Uint8Array>,
): ClientHello | undefined {
  const serverNames = readList(extensions.get(extensionTypes.serverName), 2, (reader) => ({
    type: reader.number(1),
    name: toText(reader.vector(2)),
  }));
  const alpn = readList(extensions.get(extensionTypes.alpn), 2, (reader) =>
    toText(reader.vector(1)),
  );
  const pskIdentities = readList(extensions.get(extensionTypes.preSharedKey), 2, (reader) => {
    const identity = reader.vector(2);
    reader.number(4);
    return identity;
  });
  const versions = readList(extensions.get(extensionTypes.supportedVersions), 1, (reader) =>
    reader.number(2),
  );
  const keyShareGroups = readList(extensions.get(extensionTypes.keyShare), 2, (reader) => {
    const group = reader.number(2);
    reader.vector(2);
    return group;
  });
  if (!serverNames || !alpn || !pskIdentities || !versions || !keyShareGroups) return undefined;
  return {
    legacySessionId,
    sessionTicket: extensions.get(extensionTypes.sessionTicket),
    pskIdentities,
    keyShareGroups,
    serverName: serverNames.find(({ type }) => type === 0)?.name,
    alpn,
    supportedVersions: extensions.has(extensionTypes.supportedVersions)
      ? versions
      : [legacyVersion],
    hasExtendedMasterSecret: extensions.has(extensionTypes.extendedMasterSecret),
  };
}

/** The items of the list that an extension begins with: none where it is absent, undefined where it is broken. */
function readList<Item>(
  extension: Uint8Array | undefined,
  lengthBytes: number,
  readItem: (reader: ByteReader) => Item,
): Item[] | undefined {
  if (extension === undefined) return [];
  const outer = new ByteReader(extension);
  const list = new ByteReader(outer.vector(lengthBytes));
  const items: Item[] = [];
  while (list.hasMore) items.push(readItem(list));
  return outer.isBroken || list.isBroken ? undefined : items;
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
