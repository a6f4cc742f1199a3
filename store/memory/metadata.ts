import type { MetadataEntry } from '../mail-store.ts';
import { checkMetadataRoom, metadataBytes } from '../metadata-room.ts';

/** Entries of metadata of a mailbox, or of an account itself, by name. */
export class MemoryMetadata {
  /** Replaced, never changed. */
  #values: Values = new Map();

  /** @see MailStore.listMetadata */
  list(): MetadataEntry[] {
    return Array.from(this.#values, ([name, { length }]) => ({ name, sizeBytes: length })).toSorted(
      (a, b) => (a.name < b.name ? -1 : 1),
    );
  }

  /** @see MailStore.readMetadata */
  read(name: string): Uint8Array | undefined {
    const value = this.#values.get(name);
    return value && Uint8Array.from(value);
  }

  /**
   * Names of what has changed. Changes nothing if there would be too much. `LIMIT`, `OVERQUOTA`.
   *
   * @param ofAccount - all of the account, these among them
   * @see MailStore.changeMetadata
   */
  change(
    values: ReadonlyMap<string, Uint8Array | undefined>,
    ofAccount: readonly MemoryMetadata[],
  ): string[] {
    const entries = [...values].filter(([name, value]) => !isSame(this.#values.get(name), value));
    const changed = new Map(this.#values);
    for (const [name, value] of entries) {
      if (value === undefined) changed.delete(name);
      else changed.set(name, Uint8Array.from(value));
    }
    const sizes = [...values.values()].flatMap((value) => value?.length ?? []);
    if (sizes.length > 0) {
      const others = ofAccount.filter((each) => each !== this).map((each) => each.#values);
      checkRoom(changed, others, Math.max(...sizes));
    }
    this.#values = changed;
    return entries.map(([name]) => name);
  }

  /** `LIMIT` or `OVERQUOTA` if the account has no room for a copy. */
  checkCopy(ofAccount: readonly MemoryMetadata[]): void {
    const sizes = this.list().map(({ sizeBytes }) => sizeBytes);
    const others = ofAccount.map((each) => each.#values);
    if (sizes.length > 0) checkRoom(this.#values, others, Math.max(...sizes));
  }

  /** Becomes a copy of those of another mailbox. */
  copyFrom(source: MemoryMetadata): void {
    this.#values = source.#values;
  }
}

type Values = ReadonlyMap<string, Uint8Array>;

function checkRoom(own: Values, others: readonly Values[], largestBytes: number): void {
  const all = [own, ...others];
  checkMetadataRoom({
    ownCount: own.size,
    accountCount: all.reduce((sum, { size }) => sum + size, 0),
    accountBytes: all.reduce((sum, each) => sum + bytesOf(each), 0),
    largestBytes,
  });
}

function isSame(old: Uint8Array | undefined, value: Uint8Array | undefined): boolean {
  return old === value || (old && value && Buffer.compare(old, value) === 0) === true;
}

function bytesOf(values: Values): number {
  return [...values].reduce((sum, [name, value]) => sum + metadataBytes(name, value), 0);
}
