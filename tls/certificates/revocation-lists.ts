/** A certificate revocation list, as far as somebody other than OpenSSL must read it. */
export interface RevocationList {
  /** The list as PEM. */
  readonly pem: string;
  /** Its issuer and the certificates that it is about; lists with the same scope replace each other. */
  readonly scope: string;
  /** When it was made, in milliseconds since 1970. */
  readonly thisUpdate: number;
  /** The instant from which it is out of date; Infinity if it does not say. */
  readonly nextUpdate: number;
  /** Rises from list to list of an issuer; 0 if it does not say. */
  readonly number: bigint;
}

/**
 * Reads revocation lists. Their signatures are not checked here: OpenSSL refuses certificates whose list is forged.
 *
 * @param pem - text with lists in it
 * @throws TypeError if there is none, or one cannot be read
 * @see RFC 5280, section 5.1
 */
export function readRevocationLists(pem: string): readonly RevocationList[] {
  const blocks = pemBlocks(pem, 'X509 CRL');
  if (blocks.length === 0) throw new TypeError('Cannot find a revocation list in the CRL');
  return blocks.map((block) => readList(block));
}

/**
 * The lists that count: without those that a newer one of the same scope has replaced. OpenSSL prefers a list that
 * is in date, so it would take an older one in place of a newer one that is out of date, and revoked certificates
 * would be good again. A list that is not valid yet replaces nothing.
 *
 * @param nowMs - wall clock, in milliseconds since 1970
 */
export function newestLists(
  lists: readonly RevocationList[],
  nowMs: number,
): readonly RevocationList[] {
  const valid = lists.filter(({ thisUpdate }) => thisUpdate <= nowMs);
  return lists.filter((list) => !valid.some((other) => isReplacedBy(list, other)));
}

function isReplacedBy(list: RevocationList, other: RevocationList): boolean {
  if (list.scope !== other.scope) return false;
  if (list.thisUpdate !== other.thisUpdate) return list.thisUpdate < other.thisUpdate;
  return list.number < other.number;
}

function readList(pem: string): RevocationList {
  const der = Buffer.from(pem.replaceAll(/-----[^-]*-----/g, ''), 'base64');
  const fields = childrenOf(childrenOf(readElement(der, 0))[0]);
  // The version is optional; the signature's algorithm comes before the issuer.
  const issuerAt = fields[0]?.tag === tags.integer ? 2 : 1;
  const [issuer, thisUpdate, nextUpdate] = fields.slice(issuerAt);
  if (issuer === undefined || thisUpdate === undefined) throw brokenList();
  const extensions = extensionsOf(fields.at(-1));
  return {
    pem,
    scope: [issuer.whole.toString('hex'), ...scopeOf(extensions)].join(' '),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: nextUpdate !== undefined && isTime(nextUpdate) ? readTime(nextUpdate) : Infinity,
    number: numberOf(extensions.get(extensionIds.number)),
  };
}

/** Extensions by the bytes of their id, in hexadecimal. @see RFC 5280, section 5.2 */
const extensionIds = {
  number: '551d14',
  deltaIndicator: '551d1b',
  issuingPoint: '551d1c',
  authorityKey: '551d23',
} as const;

function scopeOf(extensions: ReadonlyMap<string, Buffer>): readonly string[] {
  const { authorityKey, issuingPoint, deltaIndicator } = extensionIds;
  const texts = [authorityKey, issuingPoint].map(
    (id) => extensions.get(id)?.toString('hex') ?? '-',
  );
  return [...texts, extensions.has(deltaIndicator) ? 'delta' : 'whole'];
}

function extensionsOf(element: Element | undefined): ReadonlyMap<string, Buffer> {
  const extensions = new Map<string, Buffer>();
  if (element?.tag !== tags.extensions) return extensions;
  for (const extension of childrenOf(childrenOf(element)[0])) {
    const parts = childrenOf(extension);
    const value = parts.at(-1);
    if (parts[0] !== undefined && value !== undefined) {
      extensions.set(parts[0].content.toString('hex'), value.content);
    }
  }
  return extensions;
}

function numberOf(value: Buffer | undefined): bigint {
  if (value === undefined) return 0n;
  return BigInt(`0x0${readElement(value, 0).content.toString('hex')}`);
}

function isTime({ tag }: Element): boolean {
  return tag === tags.utcTime || tag === tags.generalizedTime;
}

/** @see RFC 5280, section 4.1.2.5: always in UTC and with seconds; two digits mean 1950 to 2049 */
function readTime(element: Element): number {
  const text = element.content.toString('latin1');
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const whole = element.tag === tags.utcTime ? century + text : text;
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(whole) ?? [];
  if (!isTime(element) || parts.length === 0) throw brokenList();
  const [year = 0, month = 0, ...rest] = parts.map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

/** Of ASN.1. @see X.690, section 8 */
const tags = {
  integer: 0x02,
  utcTime: 0x17,
  generalizedTime: 0x18,
  extensions: 0xa0,
} as const;

/** One element of DER: its tag, and its bytes with and without tag and length. */
interface Element {
  readonly tag: number;
  readonly whole: Buffer;
  readonly content: Buffer;
}

function readElement(der: Buffer, start: number): Element {
  const tag = der[start];
  const first = der[start + 1];
  if (tag === undefined || first === undefined) throw brokenList();
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const contentStart = start + 2 + lengthBytes;
  if (lengthBytes > 4 || contentStart > der.length) throw brokenList();
  const length = lengthBytes === 0 ? first : der.readUIntBE(start + 2, lengthBytes);
  const end = contentStart + length;
  if (end > der.length) throw brokenList();
  return { tag, whole: der.subarray(start, end), content: der.subarray(contentStart, end) };
}

function childrenOf(element: Element | undefined): readonly Element[] {
  if (element === undefined) throw brokenList();
  const children: Element[] = [];
  for (let at = 0; at < element.content.length;) {
    const child = readElement(element.content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

function brokenList(): TypeError {
  return new TypeError('Cannot read a revocation list: it is broken');
}

/** The blocks of a PEM text that have a label (`CERTIFICATE`, `X509 CRL`), each as PEM. @see RFC 7468 */
export function pemBlocks(text: string, label: string): readonly string[] {
  const block = new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g');
  return text.match(block) ?? [];
}
