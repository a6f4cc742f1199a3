import type { X509Certificate } from 'node:crypto';

/**
 * The alternative names of a certificate's subject that are of a kind, as Node calls it: `DNS`, `email`.
 *
 * @see RFC 5280, section 4.2.1.6
 */
export function subjectAlternatives(certificate: X509Certificate, kind: string): readonly string[] {
  const names: string[] = [];
  // Node writes a name in which a comma or a quote could mislead as a JSON string.
  const item = /([\w ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;
  const text = certificate.subjectAltName ?? '';
  for (const [, itemKind, name = ''] of text.matchAll(item)) {
    if (itemKind !== kind) continue;
    names.push(name.startsWith('"') ? (JSON.parse(name) as string) : name);
  }
  return names;
}
