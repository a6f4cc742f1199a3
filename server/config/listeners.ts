import { isIP } from 'node:net';
import type { ListenerKind, ListenerSettings } from '../net/listener.ts';
import type { ServerConfiguration } from './configuration.ts';
import { formatListenAddress, parseListenAddress } from './listen-address.ts';

/** What {@link parseListeners} reads, for the text of an error. */
export const listenerForms =
  'must be PORT:KIND or ADDRESS:PORT:KIND, several with commas between them, where KIND is tls or starttls, with +proxy behind it for proxies that send a PROXY header (993:tls,143:starttls,[::1]:1993:tls+proxy)';

/** Stands for every address where a listener names none. */
const everyAddress = '';

/**
 * Reads `993:tls,143:starttls,[::1]:1993:tls+proxy`; a port of 0 is any free one. Undefined if the text is not such a
 * list, or names a port of an address twice.
 */
export function parseListeners(text: string): readonly ListenerSettings[] | undefined {
  const listeners: ListenerSettings[] = [];
  const taken = new Set<string>();
  for (const item of text.split(',')) {
    const match = /^(.+):(tls|starttls)(\+proxy)?$/.exec(item.trim());
    const address =
      match?.[1] === '-1' ? undefined : parseListenAddress(match?.[1] ?? '', everyAddress);
    if (match === null || address === undefined) return undefined;
    const { host, port } = address;
    const place = `${host} ${port}`;
    if (port !== 0 && taken.has(place)) return undefined;
    taken.add(place);
    listeners.push({
      ...(host !== everyAddress && { host }),
      port,
      kind: match[2] as ListenerKind,
      ...(match[3] !== undefined && { isProxied: true }),
    });
  }
  return listeners;
}

/** The text that {@link parseListeners} reads as these listeners. */
export function formatListeners(listeners: readonly ListenerSettings[]): string {
  const items = listeners.map(({ host = everyAddress, port, kind, isProxied }) => {
    const address = formatListenAddress({ host, port }, everyAddress);
    return `${address}:${kind}${isProxied === true ? '+proxy' : ''}`;
  });
  return items.join(',');
}

/** The listeners of a configuration, whether they were given as a list or as two ports. */
export function listenersOf(configuration: ServerConfiguration): readonly ListenerSettings[] {
  const { listeners, host, imapPort, imapsPort } = configuration;
  if (listeners !== undefined) return listeners;
  const ports = [
    { port: imapPort, kind: 'starttls' },
    { port: imapsPort, kind: 'tls' },
  ] as const;
  return ports
    .filter(({ port }) => port !== -1)
    .map((listener) => ({ ...(host !== undefined && { host }), ...listener }));
}

/** Reads `10.0.0.0/8,192.168.1.7,fd00::/8`; undefined if the text is not such a list. */
export function parseAddressRanges(text: string): readonly string[] | undefined {
  const ranges = text.split(',').map((item) => item.trim());
  return ranges.every(isAddressRange) ? ranges : undefined;
}

function isAddressRange(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  return prefix === undefined || Number(prefix) <= (family === 4 ? 32 : 128);
}
