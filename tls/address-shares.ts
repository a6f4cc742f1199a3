import { addressGroup } from './address-group.ts';
import { hashOctets, makeHashSeed } from './octet-hash.ts';

const counterCount = 4_096;

/** The counter of entries whose address nobody named; they have no share to keep to. */
export const noAddress = 0;

/**
 * How many octets each address holds, in a fixed number of counters, so that a flood from many addresses
 * costs no memory. Addresses that fall on one counter share it; which ones do, nobody outside can tell.
 */
export class AddressShares {
  readonly #seed = makeHashSeed();
  readonly #octets = new Float64Array(counterCount);

  /** The counter of an address, or {@link noAddress}. */
  counterOf(address: string | undefined): number {
    if (address === undefined) return noAddress;
    const hash = hashOctets(Buffer.from(addressGroup(address), 'latin1'), this.#seed);
    return 1 + (hash % (counterCount - 1));
  }

  /** Octets on a counter. */
  octets(counter: number): number {
    return this.#octets[counter]!;
  }

  /** Adds octets to a counter, or takes them away where negative. */
  add(counter: number, octets: number): void {
    this.#octets[counter]! += octets;
  }

  clear(): void {
    this.#octets.fill(0);
  }
}
