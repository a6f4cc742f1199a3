import { ByteReader } from '../bytes.ts';
import { groupsOfPolicy } from '../policy.ts';
import type { ClientHello } from './client-hello.ts';

/** What decides about the group of a key exchange, besides what the client offers. */
export interface KeyExchangeOptions {
  /** As `getProtocol()` of Node tells it. */
  readonly protocol: string;
  readonly isResumed: boolean;
  /** Name of the cipher suite in OpenSSL; asked for only before TLS 1.3. */
  readonly cipherName: () => string;
}

/**
 * The name of the group in which client and server agreed on keys, such as `X25519MLKEM768`; `none` if they did
 * not: when TLS before 1.3 is resumed, or if the client sent a secret under the RSA key of the server.
 *
 * Node tells it to clients only (`getEphemeralKeyInfo`), so this does what OpenSSL does: in TLS 1.3 it takes the first
 * of our groups that the client has sent a key share of, and without one asks for a share of the first that the client
 * names. In a resumed handshake of TLS 1.3 there is a key exchange, too.
 *
 * @see RFC 8446, sections 4.2.7 and 4.2.8; RFC 8422, section 5.1.1
 */
export function keyExchangeGroup(
  hello: ClientHello | undefined,
  { protocol, isResumed, cipherName }: KeyExchangeOptions,
): string {
  if (hello === undefined) return 'unknown';
  const { keyShareGroups } = hello;
  if (protocol === 'TLSv1.3') {
    return (
      pick(keyShareGroups, groupsOfPolicy) ??
      pick(readGroups(hello.supportedGroups), groupsOfPolicy) ??
      'unknown'
    );
  }
  if (isResumed || !cipherName().startsWith('ECDHE-')) return 'none';
  const ours = groupsOfPolicy.filter(([, code]) => code < hybridCodes);
  // Who names no groups takes any.
  const named = hello.supportedGroups;
  if (named === undefined) return ours[0]?.[0] ?? 'unknown';
  return pick(readGroups(named), ours) ?? 'unknown';
}

/** Hybrid groups are for TLS 1.3 only; their code points begin here. */
const hybridCodes = 0x11eb;

type Groups = readonly (readonly [name: string, code: number])[];

function pick(theirs: readonly number[], ours: Groups): string | undefined {
  return ours.find(([, code]) => theirs.includes(code))?.[0];
}

/** The code points in the beginning of a supported_groups extension, behind the length of the list. */
function readGroups(extension: Uint8Array = new Uint8Array(0)): readonly number[] {
  const list = new ByteReader(extension.subarray(2));
  const codes: number[] = [];
  while (list.hasMore) codes.push(list.number(2));
  return codes;
}
