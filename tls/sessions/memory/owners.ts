import { addressGroup } from '../../address-group.ts';
import { hashBytes, makeHashSeed } from '../../bytes.ts';

/** Stands for no owner. */
export const noOwner = 0;

interface Owner {
  readonly name: string;
  readonly number: number;
  entryCount: number;
}

/** Numbers for the names of those who own entries, so that an entry names its owner in 32 bits. */
export class OwnerTable {
  readonly #byName = new Map<string, Owner>();
  readonly #byNumber = new Map<number, Owner>();
  readonly #retired = new Set<number>();
  #lastNumber = noOwner;

  /** Owners in the table: those with an entry. */
  get size(): number {
    return this.#byNumber.size;
  }

  /** The number of a name that owns one entry more from here on; {@link noOwner} for undefined. */
  acquire(name: string | undefined): number {
    if (name === undefined) return noOwner;
    const owner = this.#byName.get(name) ?? this.#add(name);
    owner.entryCount++;
    return owner.number;
  }

  /** The owner has one entry less; it leaves the table with its last one. {@link noOwner} is ignored. */
  release(number: number): void {
    const owner = this.#byNumber.get(number);
    if (owner === undefined) return;
    owner.entryCount--;
    if (owner.entryCount > 0) return;
    this.#byNumber.delete(number);
    if (!this.#retired.delete(number)) this.#byName.delete(owner.name);
  }

  /**
   * Parts a name from its number: entries under the number belong to nobody who can be named, and the name
   * gets another number with its next entry. How many entries there are under the number.
   */
  retire(name: string): number {
    const owner = this.#byName.get(name);
    if (owner === undefined) return 0;
    this.#byName.delete(name);
    this.#retired.add(owner.number);
    return owner.entryCount;
  }

  /** Whether the entries under this number are to go. */
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
