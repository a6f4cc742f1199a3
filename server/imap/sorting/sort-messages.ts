import type { SortKey, SortKeyName } from '../../../protocol/grammar/sort.ts';
import type { Relevancies } from '../../../store/relevancies.ts';
import type { Turn } from '../../../store/turns.ts';
import type { MailboxFeed } from '../mailbox-feed.ts';
import type { SortColumn, SortColumns } from './sort-columns.ts';
import { orderPlaces, type Compare } from './stable-order.ts';

const columnsOfKeys: Readonly<Record<Exclude<SortKeyName, 'RELEVANCY'>, SortColumn>> = {
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

/** @throws {Error} for RELEVANCY, which is of a search and not of a message */
function columnOf(name: SortKeyName): SortColumn {
  if (name === 'RELEVANCY') throw new Error('RELEVANCY is no property of messages');
  return columnsOfKeys[name];
}

/**
 * Messages (UIDs, ascending) in the order of the keys; those that are equal by all of them stay as they are. Others run
 * meanwhile; a message that goes meanwhile may be left out.
 *
 * @param relevancies - for RELEVANCY; without them all are equal by that
 * @see RFC 5256, section 3 (SORT)
 */
export async function sortMessages(
  feed: MailboxFeed,
  uids: Uint32Array,
  keys: readonly SortKey[],
  turn: Turn,
  relevancies?: Relevancies,
): Promise<Uint32Array> {
  const { sortColumns } = feed;
  sortColumns.compact(feed.count);
  const columns: Float64Array[] = [];
  for (const { name } of keys) {
    if (name !== 'RELEVANCY') columns.push(await sortColumns.read(columnOf(name), uids, turn));
    // The highest first (RFC 6203, section 6).
    else columns.push(Float64Array.from(uids, (uid) => -(relevancies?.of(uid) ?? 100)));
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

/** Messages that are compared by what they have; of more it is first found out how all that there is ranks. */
const maxComparedMessages = 256;

/** As {@link sortMessages}, for messages that may be few: then what others have, and how that ranks, does not matter. */
export async function sortFew(
  feed: MailboxFeed,
  uids: Uint32Array,
  keys: readonly SortKey[],
  turn: Turn,
): Promise<Uint32Array> {
  if (uids.length > maxComparedMessages) return sortMessages(feed, uids, keys, turn);
  const { sortColumns } = feed;
  sortColumns.compact(feed.count);
  for (const { name } of keys) await sortColumns.load(columnOf(name), uids);
  const compare = (uid: number, other: number) => compareByKeys(sortColumns, keys, uid, other);
  return uids.filter((uid) => compare(uid, uid) === 0).toSorted((a, b) => compare(a, b) || a - b);
}

/**
 * How two messages compare by the keys, without reading anything: below 0 if the first comes first, 0 if they are equal by all
 * keys, NaN if one of them is not among those that were sorted. For few messages, since texts are compared themselves.
 */
export function compareByKeys(
  columns: SortColumns,
  keys: readonly SortKey[],
  uid: number,
  other: number,
): number {
  for (const { name, isReverse } of keys) {
    const difference = columns.compare(columnOf(name), uid, other);
    if (difference !== 0) return isReverse ? -difference : difference;
  }
  return 0;
}
