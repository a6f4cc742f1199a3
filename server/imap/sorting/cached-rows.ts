import {
  indexOfUid,
  lowerBoundFrom,
  mergeUids,
  noUids,
  withoutUids,
} from '../../../protocol/sorted-uids.ts';
import type { MailboxKey, MailStore } from '../../../store/mail-store.ts';
import type { MessageColumn, MessageRows } from '../../../store/message-rows.ts';
import { takeTurn } from '../../../store/turns.ts';

/** How values are read of rows of the store: as many columns for each call, none with NaN in it. */
export interface RowReader {
  readonly columns: ReadonlySet<MessageColumn>;
  readonly take: (rows: MessageRows) => readonly Float64Array[];
}

/** Numbers that belong to messages and never change, in columns: each message is read once, when it is first asked for. */
export class CachedRows {
  readonly #reader: RowReader;
  #uids = noUids;
  #columns: readonly Float64Array[] = [];
  /** Settles, never rejects, when what is being read is there. */
  #reading: Promise<void> | undefined;

  constructor(reader: RowReader) {
    this.#reader = reader;
  }

  get messageCount(): number {
    return this.#uids.length;
  }

  get sizeBytes(): number {
    return this.#uids.length * (4 + 8 * this.#columns.length);
  }

  /**
   * Columns with a value for each of the UIDs (ascending), NaN for a message that is gone and was not read before. Others run
   * meanwhile. Rejects as the store does.
   */
  async read(store: MailStore, box: MailboxKey, uids: Uint32Array): Promise<Float64Array[]> {
    // Ends: what another reads is there then, or it has failed.
    while (this.#reading !== undefined) await this.#reading;
    const missing = withoutUids(uids, this.#uids);
    if (missing.length > 0) {
      const reading = this.#readMissing(store, box, missing);
      this.#reading = reading.catch(() => undefined);
      try {
        await reading;
      } finally {
        this.#reading = undefined;
      }
      await takeTurn();
    }
    return this.#select(uids);
  }

  /** The value in the first column of a message that was read before; undefined if it was not, or is gone. */
  valueOf(uid: number): number | undefined {
    const place = indexOfUid(this.#uids, this.#uids.length, uid);
    return this.#columns[0]?.[place];
  }

  async #readMissing(store: MailStore, box: MailboxKey, missing: Uint32Array): Promise<void> {
    const found = new Uint32Array(missing.length);
    const columns: Float64Array[] = [];
    let count = 0;
    for await (const rows of store.rows(box, missing, this.#reader.columns)) {
      found.set(rows.uids, count);
      for (const [index, values] of this.#reader.take(rows).entries()) {
        columns[index] ??= new Float64Array(missing.length);
        columns[index].set(values, count);
      }
      count += rows.uids.length;
      // Not in the turn of a client, who may stop reading while others wait for the same.
      await takeTurn();
    }
    if (count > 0) this.#add(found.subarray(0, count), columns);
  }

  /** Adds messages that are not there; of their columns only as many values count. */
  #add(added: Uint32Array, addedColumns: readonly Float64Array[]): void {
    const uids = mergeUids([this.#uids, added]);
    const known = this.#uids;
    const columns = addedColumns.map((values, index) =>
      mergeValues(uids, [known, this.#columns[index] ?? new Float64Array()], values),
    );
    // What `mergeUids` returns may be a part of a larger array.
    this.#uids = uids.slice();
    this.#columns = columns;
  }

  #select(uids: Uint32Array): Float64Array[] {
    const places = new Int32Array(uids.length);
    let next = 0;
    for (const [place, uid] of uids.entries()) {
      next = lowerBoundFrom(this.#uids, next, this.#uids.length, uid);
      places[place] = this.#uids[next] === uid ? next : -1;
    }
    return this.#columns.map((values) => {
      const selected = new Float64Array(places.length);
      for (let place = 0; place < places.length; place++) {
        selected[place] = values[places[place]!] ?? NaN;
      }
      return selected;
    });
  }
}

/** The values of all UIDs: of those that are known, and of others in their order. */
function mergeValues(
  all: Uint32Array,
  [uids, values]: readonly [Uint32Array, Float64Array],
  others: Float64Array,
): Float64Array {
  const merged = new Float64Array(all.length);
  let [index, other] = [0, 0];
  for (let place = 0; place < all.length; place++) {
    merged[place] = (uids[index] === all[place] ? values[index++] : others[other++]) as number;
  }
  return merged;
}
