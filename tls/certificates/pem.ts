/** The blocks of a PEM text that have a label (`CERTIFICATE`, `X509 CRL`), each as PEM. @see RFC 7468 */
export function pemBlocks(text: string, label: string): readonly string[] {
  const block = new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g');
  return text.match(block) ?? [];
}
