import { X509Certificate } from 'node:crypto';
import type { Credential } from '../../tls/index.ts';
import type { PolledRegistry, Readings } from './polled-registry.ts';

/**
 * Adds when the certificates of the server end.
 *
 * @param read - called for each scrape: those that are in use now
 */
export function addCertificateMetrics(
  registry: PolledRegistry,
  read: () => readonly Credential[],
): void {
  // Most scrapes find the certificates of the one before.
  const ends = new WeakMap<Credential, number>();
  const endOf = (credential: Credential): number => {
    const known = ends.get(credential);
    if (known !== undefined) return known;
    const end = new X509Certificate(credential.cert).validToDate.getTime() / 1000;
    ends.set(credential, end);
    return end;
  };
  registry.addGauge({
    name: 'reprise_certificate_not_after_timestamp_seconds',
    help: 'When a certificate that the server shows ends, in seconds since 1970, by its name.',
    read: () => firstEnds(read(), endOf),
  });
}

/** Two may have one name: what counts is when the first of them ends. */
function firstEnds(
  credentials: readonly Credential[],
  endOf: (credential: Credential) => number,
): Readings {
  const ends = new Map<string, number>();
  for (const credential of credentials) {
    const { name } = credential;
    ends.set(name, Math.min(ends.get(name) ?? Infinity, endOf(credential)));
  }
  return [...ends].map(([name, end]) => [{ name }, end] as const);
}
