import { isIP } from 'node:net';

/** Where to listen. */
export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** 0 = any free port, -1 = off. */
  readonly port: number;
}

/**
 * Reads `9143`, `-1`, `0.0.0.0:9143` or `[::1]:9143`; a port alone is one of `defaultHost`. Undefined if
 * the text is none of these.
 */
export function parseListenAddress(text: string, defaultHost: string): ListenAddress | undefined {
  if (text === '-1') return { host: defaultHost, port: -1 };
  const match = /^(?:(?:\[(?<v6>[\da-fA-F:.]+)\]|(?<v4>[\d.]+)):)?(?<port>\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const { v4, v6, port } = match.groups as { v4?: string; v6?: string; port: string };
  if (v4 !== undefined && isIP(v4) !== 4) return undefined;
  if (v6 !== undefined && isIP(v6) !== 6) return undefined;
  return Number(port) > 65_535 ? undefined : { host: v4 ?? v6 ?? defaultHost, port: Number(port) };
}

/** The text that {@link parseListenAddress} reads as this address. */
export function formatListenAddress({ host, port }: ListenAddress, defaultHost: string): string {
  if (host === defaultHost || port === -1) return String(port);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
