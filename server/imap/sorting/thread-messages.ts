import type { ThreadAlgorithm } from '../../../protocol/grammar/thread.ts';
import { Turn } from '../../../store/turns.ts';
import type { Session } from '../session.ts';
import { placesWithin } from './sort-messages.ts';
import { orderPlaces } from './stable-order.ts';
import { threadBySubject, type ThreadForest } from './thread-forest.ts';
import { threadByLinks, threadByReferences } from './thread-references.ts';

/** Messages (UIDs, ascending) and how they belong together. */
export interface ThreadedUids {
  readonly uids: Uint32Array;
  readonly forest: ThreadForest;
}

/**
 * Threads of messages (UIDs, ascending). Others run meanwhile; a message that goes meanwhile may be left out. Rejects as the
 * store does.
 *
 * @see RFC 5256, section 3 (THREAD)
 */
export async function threadMessages(
  { view, out }: Session,
  algorithm: ThreadAlgorithm,
  found: Uint32Array,
): Promise<ThreadedUids> {
  const turn = new Turn(out);
  const columns = view.feed.sortColumns;
  columns.compact(view.feed.count);
  const sent = await columns.read('sentDate', found, turn);
  const other =
    algorithm === 'REFS'
      ? await columns.read('arrival', found, turn)
      : await columns.readTexts('baseSubject', found);
  const links = algorithm === 'ORDEREDSUBJECT' ? undefined : await columns.readLinks(found);
  await turn.next();
  const places = placesWithin([sent, other, ...(links ? [links.ids] : [])], found.length);
  const select = (values: Float64Array) => selectPlaces(values, places);
  const [dates, others] = [select(sent), select(other)];
  const order = Uint32Array.from(dates.keys());
  await turn.next();
  await orderPlaces(order, (place, next) => dates[place]! - dates[next]!, turn);
  const uids = places.length === found.length ? found : places.map((place) => found[place]!);
  if (links === undefined) return { uids, forest: await threadBySubject(others, order, turn) };
  const selected = {
    ...links,
    ids: select(links.ids),
    references: select(links.references),
    isReplyOrForward: select(links.isReplyOrForward),
  };
  await turn.next();
  const thread = algorithm === 'REFS' ? threadByLinks : threadByReferences;
  return { uids, forest: await thread({ links: selected, order }, others, turn) };
}

/** Values at places; the column itself if these are all. */
function selectPlaces(values: Float64Array, places: Uint32Array): Float64Array {
  if (places.length === values.length) return values;
  return Float64Array.from(places, (place) => values[place]!);
}
