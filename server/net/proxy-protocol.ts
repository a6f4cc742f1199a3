import { BlockList, isIP, type Socket, SocketAddress } from 'node:net';
import { proxyLimits } from './limits.ts';

/** What a PROXY header says: the client's address; undefined if the connection is the proxy's own (LOCAL, UNKNOWN). */
export interface ProxyHeader {
  readonly address: string | undefined;
  /** Bytes of the header; what stands behind it is the client's. */
  readonly sizeBytes: number;
}

/**
 * What the beginning of a connection is: a whole header, the beginning of one (`incomplete`), or none. `reason` is the
 * end of a sentence.
 */
export type ProxyHeaderResult =
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** The header is missing or malformed, did not come in time, or is from somebody who is not trusted. */
export class ProxyHeaderError extends Error {
  constructor(reason: string) {
    super(`Cannot read the PROXY header: ${reason}`);
    this.name = 'ProxyHeaderError';
  }
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const fixedBytes = 16;
const textStart = Buffer.from('PROXY ', 'latin1');

/** Bytes of a version 2 header behind the fixed ones that addresses of a family take: both, and both ports. */
const addressBytes = { ipv4: 12, ipv6: 36, unix: 216 } as const;

/**
 * Reads the header of the PROXY protocol, version 1 or 2, at the beginning of a connection.
 *
 * @param bytes - all that has come so far
 * @see https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (isBeginning(bytes, signature)) {
    return bytes.length < fixedBytes ? { kind: 'incomplete' } : parseBinary(bytes);
  }
  if (isBeginning(bytes, textStart)) return parseText(bytes);
  return malformed('there is none');
}

/** Whether all of `start` that can be there is there. */
function isBeginning(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

/** Version 1: one line of text. */
function parseText(bytes: Buffer): ProxyHeaderResult {
  const end = bytes.subarray(0, proxyLimits.textBytes).indexOf('\r\n');
  if (end === -1) {
    if (bytes.length < proxyLimits.textBytes) return { kind: 'incomplete' };
    return malformed(`its line is longer than ${proxyLimits.textBytes} bytes`);
  }
  const sizeBytes = end + 2;
  const [, protocol, ...fields] = bytes.toString('latin1', 0, end).split(' ');
  // What stands behind UNKNOWN is of no interest.
  if (protocol === 'UNKNOWN') return { kind: 'header', header: { address: undefined, sizeBytes } };
  const family = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 6 : undefined;
  if (family === undefined) return malformed('its protocol is not TCP4, TCP6 or UNKNOWN');
  const [source = '', destination = '', ...ports] = fields;
  // A zone is of the proxy's own interfaces, and no part of this header's addresses.
  const areAddresses = [source, destination].every(
    (text) => isIP(text) === family && !text.includes('%'),
  );
  if (!areAddresses || ports.length !== 2 || !ports.every(isPort)) {
    return malformed('its line does not hold two addresses and two ports');
  }
  return { kind: 'header', header: { address: source, sizeBytes } };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** Version 2: 16 fixed bytes, the addresses, and extensions, which are skipped. */
function parseBinary(bytes: Buffer): ProxyHeaderResult {
  const version = bytes[12]! >> 4;
  const command = bytes[12]! & 0xf;
  if (version !== 2) return malformed(`its version is ${version}`);
  if (command > 1) return malformed(`its command is ${command}`);
  const bodyBytes = bytes.readUInt16BE(14);
  const sizeBytes = fixedBytes + bodyBytes;
  if (sizeBytes > proxyLimits.binaryBytes) {
    return malformed(`it is longer than ${proxyLimits.binaryBytes} bytes`);
  }
  if (bytes.length < sizeBytes) return { kind: 'incomplete' };
  const own: ProxyHeaderResult = { kind: 'header', header: { address: undefined, sizeBytes } };
  // LOCAL: the proxy speaks for itself, as for a health check, and the rest is to be ignored.
  if (command === 0) return own;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 0xf;
  if (family > 3 || transport > 2) return malformed('its address family or transport is unknown');
  if (family === 0 || family === 3) return own;
  if (bodyBytes < (family === 1 ? addressBytes.ipv4 : addressBytes.ipv6)) {
    return malformed('it is too short for its addresses');
  }
  const address = family === 1 ? ipv4At(bytes, fixedBytes) : ipv6At(bytes, fixedBytes);
  return { kind: 'header', header: { address, sizeBytes } };
}

function ipv4At(bytes: Buffer, offset: number): string {
  return bytes.subarray(offset, offset + 4).join('.');
}

function ipv6At(bytes: Buffer, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(offset + 2 * index));
  const address = groups.map((group) => group.toString(16)).join(':');
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

function malformed(reason: string): ProxyHeaderResult {
  return { kind: 'malformed', reason };
}

/**
 * Reads the header of a socket that nobody else reads from, and leaves what stands behind it in the socket.
 *
 * @returns the header; undefined if the client leaves before, as the health checks of some proxies do
 * @throws ProxyHeaderError if it is malformed, or does not come within `deadlineMs`
 */
export async function readProxyHeader(
  socket: Socket,
  deadlineMs: number,
): Promise<ProxyHeader | undefined> {
  if (socket.destroyed) return undefined;
  let gathered: Buffer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
    };
    const fail = (reason: string): void => {
      settle();
      reject(new ProxyHeaderError(reason));
    };
    const onEnd = (): void => {
      settle();
      resolve(undefined);
    };
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      gathered = Buffer.concat([gathered, chunk]);
      const result = parseProxyHeader(gathered);
      if (result.kind === 'malformed') return fail(result.reason);
      if (result.kind === 'incomplete') return;
      settle();
      const rest = gathered.subarray(result.header.sizeBytes);
      if (rest.length > 0) socket.unshift(rest);
      resolve(result.header);
    };
    const timer = setTimeout(() => fail('it does not come in time'), deadlineMs);
    socket.on('readable', onReadable);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    onReadable();
  });
}

/** Addresses and ranges of them, as `10.0.0.0/8` or `::1`. */
export class AddressRanges {
  readonly #list = new BlockList();

  /** @throws what Node throws for a text that is neither */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  /** True if an address is one of these; an IPv4 address mapped into IPv6 counts as itself. */
  includes(address: string): boolean {
    const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address.split('%', 1)[0]!;
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  }
}
