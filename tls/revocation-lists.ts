import type { X509Certificate } from 'node:crypto';
import type { X509Crl } from '@peculiar/x509';

interface RevocationList {
  readonly serialNumbers: ReadonlySet<string>;
  /** The instant from which it is out of date. */
  readonly staleAt: number;
}

/** Which certificates their authorities have revoked. */
export class RevocationLists {
  readonly #lists = new Map<string, RevocationList>();

  /**
   * Reads lists and checks that authorities have signed them; those of others are left out.
   *
   * @param blocks - each list as PEM
   * @throws what the parser throws where one cannot be read
   */
  static async read(
    blocks: readonly string[],
    authorities: readonly X509Certificate[],
  ): Promise<RevocationLists> {
    // The library's dependency injection needs reflect-metadata, and leaves it to its users to bring it.
    await import('reflect-metadata');
    const x509 = await import('@peculiar/x509');
    const lists = blocks.map((block) => new x509.X509Crl(block));
    const result = new RevocationLists();
    for (const authority of authorities) {
      const { publicKey } = new x509.X509Certificate(authority.raw);
      for (const list of lists) {
        if (await list.verify({ publicKey })) result.#add(authority, list);
      }
    }
    return result;
  }

  /** Why a certificate of this authority is not to be trusted; undefined where it is not revoked. */
  fault(
    certificate: X509Certificate,
    authority: X509Certificate,
    nowMs: number,
  ): string | undefined {
    const list = this.#lists.get(authority.fingerprint256);
    if (list === undefined) return 'there is no revocation list of its authority';
    if (nowMs >= list.staleAt) return 'the revocation list of its authority is out of date';
    return list.serialNumbers.has(normalize(certificate.serialNumber))
      ? 'it has been revoked'
      : undefined;
  }

  /** Of several lists of an authority the newest counts. */
  #add(authority: X509Certificate, list: X509Crl): void {
    const staleAt = list.nextUpdate?.getTime() ?? Infinity;
    const known = this.#lists.get(authority.fingerprint256);
    if (known !== undefined && known.staleAt >= staleAt) return;
    const serialNumbers = new Set(list.entries.map((entry) => normalize(entry.serialNumber)));
    this.#lists.set(authority.fingerprint256, { serialNumbers, staleAt });
  }
}

/** Serial numbers are written with or without zeros before them. */
function normalize(serialNumber: string): string {
  return serialNumber.toLowerCase().replace(/^0+/, '');
}
