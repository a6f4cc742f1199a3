import { addressGroup } from '../../address-group.ts';
import { hashBytes, makeHashSeed } from '../../bytes.ts';

/** The number of no owner. */
export const noOwner = 0;

interface Owner {
  readonly name: string;
  readonly number: number;
  entryCount: number;
}

/** Gives a number to the name of each owner of entries, so that an entry stores its owner in 32 bits. */
export class OwnerTable {
  readonly #byName = new Map<string, Owner>();
  readonly #byNumber = new Map<number, Owner>();
  readonly #retired = new Set<number>();
  #lastNumber = noOwner;

  /** How many owners have an entry. */
  get size(): number {
    return this.#byNumber.size;
  }

  /** Counts one more entry for a name; returns its number, {@link noOwner} for undefined. */
  acquire(name: string | undefined): number {
    if (name === undefined) return noOwner;
    const owner = this.#byName.get(name) ?? this.#add(name);
    owner.entryCount++;
    return owner.number;
  }

  /** Counts one entry less for an owner, which leaves the table with its last one. Ignores {@link noOwner}. */
  release(number: number): void {
    const owner = this.#byNumber.get(number);
    if (owner === undefined) return;
    owner.entryCount--;
    if (owner.entryCount > 0) return;
    this.#byNumber.delete(number);
    if (!this.#retired.delete(number)) this.#byName.delete(owner.name);
  }

  /**
   * Takes the number from a name: the entries with that number are to be removed, and the next entry of the name gets
   * a new number. Returns how many entries have the old number.
   */
  retire(name: string): number {
    const owner = this.#byName.get(name);
    if (owner === undefined) return 0;
    this.#byName.delete(name);
    this.#retired.add(owner.number);
    return owner.entryCount;
  }

  /** Whether the entries with this number are to be removed. */
  isRetired(number: number): boolean {
    return this.#retired.size > 0 && this.#retired.has(number);
  }

  clear(): void {
    this.#byName.clear();
    this.#byNumber.clear();
    this.#retired.clear();
  }

  #add(name: string): Owner {
    do this.#lastNumber = this.#lastNumber === 0xffff_ffff ? 1 : this.#lastNumber + 1;
    while (this.#byNumber.has(this.#lastNumber));
    const owner = { name, number: this.#lastNumber, entryCount: 0 };
    this.#byName.set(name, owner);
    this.#byNumber.set(owner.number, owner);
    return owner;
  }
}

const counterCount = 4_096;

/** The counter of entries without an address; it is not bounded. */
export const noAddress = 0;

/**
 * Counts how many bytes each address group holds, in a fixed number of counters, so that a flood from many addresses
 * costs no memory. Addresses whose hashes fall on one counter share it; nobody outside can know which ones do.
 */
export class AddressShares {
  readonly #seed = makeHashSeed();
  readonly #bytes = new Float64Array(counterCount);

  /** Returns the counter of an address, {@link noAddress} for undefined. */
  counterOf(address: string | undefined): number {
    if (address === undefined) return noAddress;
    const hash = hashBytes(Buffer.from(addressGroup(address), 'latin1'), this.#seed);
    return 1 + (hash % (counterCount - 1));
  }

  /** Returns the bytes on a counter. */
  bytes(counter: number): number {
    return this.#bytes[counter]!;
  }

  /** Adds bytes to a counter; a negative number takes them off. */
  add(counter: number, bytes: number): void {
    this.#bytes[counter]! += bytes;
  }

  clear(): void {
    this.#bytes.fill(0);
  }
}
