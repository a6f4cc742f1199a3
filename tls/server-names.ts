import { X509Certificate } from 'node:crypto';
import type { Credential } from './credential.ts';
import { subjectAlternatives } from './subject-alternatives.ts';

/** Server names of a credential: those it tells, or the DNS names of its certificate. */
export function serverNamesOf(credential: Credential): readonly string[] {
  return credential.serverNames ?? subjectAlternatives(new X509Certificate(credential.cert), 'DNS');
}

/**
 * Finds what belongs to a server name: the exact name first, then a wildcard for its leftmost label, else
 * the default.
 *
 * @see RFC 6066, section 3; RFC 9525, section 6.3 (wildcards)
 */
export class ServerNameTable<Value> {
  readonly #default: Value;
  readonly #values = new Map<string, Value>();

  /** @param entries - at least one; the first is the default, and of two with one name the earlier counts */
  constructor(entries: readonly { readonly names: readonly string[]; readonly value: Value }[]) {
    const [first] = entries;
    if (first === undefined) throw new RangeError('Cannot do without a credential');
    this.#default = first.value;
    for (const { names, value } of entries) {
      for (const name of names.map(normalize)) {
        if (!this.#values.has(name)) this.#values.set(name, value);
      }
    }
  }

  /** @param name - as the client sent it, if it did */
  find(name: string | undefined): Value {
    if (name === undefined) return this.#default;
    const exact = normalize(name);
    const wildcard = exact.replace(/^[^.]+/, '*');
    return this.#values.get(exact) ?? this.#values.get(wildcard) ?? this.#default;
  }
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
