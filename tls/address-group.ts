import { isIPv4, isIPv6 } from 'node:net';

/** An IPv4 address that is mapped into IPv6, perhaps with a zone. @see RFC 4291, section 2.5.5.2 */
const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)(?:%[-.:0-9a-z]+)?$/i;

/**
 * Returns the address group of an address, which counts as one peer: an IPv4 address (also one mapped into IPv6), or
 * the /64 of an IPv6 address, since one host commonly has all of it. Any other text is its own group.
 */
export function addressGroup(address: string): string {
  // Most addresses are IPv4, mapped or not, and this is quicker than asking `isIPv6`.
  if (!address.includes(':')) return address;
  const ipv4 = mapped.exec(address)?.[1];
  if (ipv4 !== undefined && isIPv4(ipv4)) return ipv4;
  if (!isIPv6(address)) return address;
  const [plain = address] = address.split('%', 1);
  const [before = '', after] = plain.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  // The last 32 bits may be written as an IPv4 address, which stands for two groups.
  const tailGroups = tail.length + (tail.at(-1)?.includes('.') === true ? 1 : 0);
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tailGroups);
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':') + '::/64';
}
