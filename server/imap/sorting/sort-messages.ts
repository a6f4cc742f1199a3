import type { SortKey, SortKeyName } from '../../../protocol/grammar/sort.ts';
import type { Turn } from '../../../store/turns.ts';
import type { MailboxFeed } from '../mailbox-feed.ts';
import type { SortColumn } from './sort-columns.ts';
import { orderPlaces, type Compare } from './stable-order.ts';

const columnsOfKeys: Readonly<Record<SortKeyName, SortColumn>> = {
  ARRIVAL: 'arrival',
  CC: 'sortCc',
  DATE: 'sentDate',
  DISPLAYFROM: 'displayFrom',
  DISPLAYTO: 'displayTo',
  FROM: 'sortFrom',
  SIZE: 'size',
  SUBJECT: 'baseSubject',
  TO: 'sortTo',
};

/**
 * Messages (UIDs, ascending) in the order of the keys; those that are equal by all of them stay as they are. Others run
 * meanwhile; a message that goes meanwhile may be left out.
 *
 * @see RFC 5256, section 3 (SORT)
 */
export async function sortMessages(
  feed: MailboxFeed,
  uids: Uint32Array,
  keys: readonly SortKey[],
  turn: Turn,
): Promise<Uint32Array> {
  const { sortColumns } = feed;
  sortColumns.compact(feed.count);
  const columns: Float64Array[] = [];
  for (const { name } of keys) {
    columns.push(await sortColumns.read(columnsOfKeys[name], uids, turn));
  }
  const places = placesWithin(columns, uids.length);
  await orderPlaces(places, makeCompare(columns, keys), turn);
  return places.map((place) => uids[place]!);
}

/** Places at which no column says that the message is gone. */
export function placesWithin(columns: readonly Float64Array[], count: number): Uint32Array {
  const isGone = new Uint8Array(count);
  for (const values of columns) {
    for (let place = 0; place < count; place++) if (Number.isNaN(values[place])) isGone[place] = 1;
  }
  const places = new Uint32Array(count);
  let length = 0;
  for (let place = 0; place < count; place++) if (isGone[place] === 0) places[length++] = place;
  return places.subarray(0, length);
}

function makeCompare(columns: readonly Float64Array[], keys: readonly SortKey[]): Compare {
  const signs = keys.map(({ isReverse }) => (isReverse ? -1 : 1));
  const [only, sign] = [columns[0]!, signs[0]!];
  if (columns.length === 1) return (place, other) => sign * (only[place]! - only[other]!);
  return (place, other) => {
    for (let index = 0; index < columns.length; index++) {
      const values = columns[index]!;
      const difference = values[place]! - values[other]!;
      if (difference !== 0) return signs[index]! * difference;
    }
    return 0;
  };
}
