import { addressGroup } from './address-group.ts';
import { hashBytes, makeHashSeed } from './byte-hash.ts';

const counterCount = 4_096;

/** The counter of entries whose address nobody named; they have no share to keep to. */
export const noAddress = 0;

/**
 * How many bytes each address holds, in a fixed number of counters, so that a flood from many addresses
 * costs no memory. Addresses that fall on one counter share it; which ones do, nobody outside can tell.
 */
export class AddressShares {
  readonly #seed = makeHashSeed();
  readonly #bytes = new Float64Array(counterCount);

  /** The counter of an address, or {@link noAddress}. */
  counterOf(address: string | undefined): number {
    if (address === undefined) return noAddress;
    const hash = hashBytes(Buffer.from(addressGroup(address), 'latin1'), this.#seed);
    return 1 + (hash % (counterCount - 1));
  }

  /** Bytes on a counter. */
  bytes(counter: number): number {
    return this.#bytes[counter]!;
  }

  /** Adds bytes to a counter, or takes them away where negative. */
  add(counter: number, bytes: number): void {
    this.#bytes[counter]! += bytes;
  }

  clear(): void {
    this.#bytes.fill(0);
  }
}
