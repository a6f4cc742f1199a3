import { readByteText } from '../../../protocol/wire-text.ts';
import { rangesOf } from '../../../protocol/sequence-set.ts';
import { placesOf } from '../../../protocol/grammar/search-return.ts';
import type { FetchItem } from '../../../protocol/fetch-item.ts';
import { type FlagChangeResult, type MailStore, StoreError } from '../../../store/mail-store.ts';
import type { MessageColumn, MessageRows } from '../../../store/message-rows.ts';
import { Turn } from '../../../store/turns.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import { expectQresync, tellVanished } from './resynchronize.ts';
import { checkEncodings } from './fetch-binary.ts';
import { columnsOf, hasItem, wantsWholeMessage, writeFetchResponse } from './fetch-response.ts';
import { completeWithin, expectCountWithinLimit, withinLimit } from '../message-limit.ts';
import { namedUids } from '../named-messages.ts';

/** @see RFC 3501, section 6.4.5; RFC 7162, sections 3.1.4 (CHANGEDSINCE, MODSEQ) and 3.2.6 (VANISHED); RFC 9394, section 3.3 (PARTIAL); RFC 9738 */
export const fetch: CommandHandler<'FETCH'> = async (session, command) => {
  const { isUid, changedSince, partial } = command;
  const { view } = session;
  if (command.isVanished === true) expectQresync(session);
  if (partial !== undefined) expectCountWithinLimit(session, partial.last - partial.first + 1);
  const items = completeItems(
    command.items,
    isUid && !session.isUidOnly,
    changedSince !== undefined,
  );
  if (hasItem(items, 'MODSEQ')) session.enableCondstore();
  const named = namedUids(view, command.set, isUid);
  const wanted = partial === undefined ? named : named.subarray(...placesOf(named.length, partial));
  const since = changedSince ?? -1;
  const changed = wanted.length > session.messageLimit ? changedAfter(view, wanted, since) : wanted;
  const { uids, limitCode } = withinLimit(session, changed);
  // Before FETCH responses, so that these numbers are clear.
  const set = command.set === '$' ? rangesOf(named) : command.set;
  if (command.isVanished === true) await tellVanished(session, { since, set });
  const columns = columnsOf(items);
  const missing =
    columns === undefined
      ? await fetchFromFeed(session, uids, items, since)
      : await fetchFromStore(session, changedAfter(view, uids, since), items, {
          columns,
          marksSeen: !view.isReadOnly && items.some(setsSeen),
          onAnswered: (answeredCount) => session.countProgress(answeredCount, uids.length),
        });
  return completeWithin(session, complete(isUid, missing), limitCode);
};

/** Tells items of messages without being asked by FETCH: no message gets \Seen. @param uids - ascending; some may be gone */
export async function tellMessages(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
): Promise<void> {
  const columns = columnsOf(items);
  if (columns === undefined) await fetchFromFeed(session, uids, items, -1);
  else await fetchFromStore(session, uids, items, { columns, marksSeen: false });
}

/** Messages that are gone are passed over; the client is told why a number had no answer (RFC 2180, section 4.1.3). */
function complete(isUid: boolean, missingCount: number): Completion {
  if (isUid || missingCount === 0) return { text: 'FETCH completed' };
  return { text: 'FETCH completed, some messages are gone', code: 'EXPUNGEISSUED' };
}

/** UID FETCH answers with the UID, unless that names the message, CHANGEDSINCE with the modseq, asked for or not. */
function completeItems(
  items: readonly FetchItem[],
  hasUid: boolean,
  hasModseq: boolean,
): readonly FetchItem[] {
  return [
    ...(hasUid && !hasItem(items, 'UID') ? [{ item: 'UID' } as const] : []),
    ...items,
    ...(hasModseq && !hasItem(items, 'MODSEQ') ? [{ item: 'MODSEQ' } as const] : []),
  ];
}

function changedAfter({ feed }: MailboxView, uids: Uint32Array, since: number): Uint32Array {
  if (since < 0) return uids;
  let index = -1;
  return uids.filter((uid) => {
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) return false;
    index = found;
    return feed.modseqAt(index) > since;
  });
}

/** UID, FLAGS and MODSEQ; returns how many of the messages are gone. */
async function fetchFromFeed(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
  since: number,
): Promise<number> {
  const { view, out } = session;
  const { feed } = view;
  const told = {
    uid: hasItem(items, 'UID'),
    flags: hasItem(items, 'FLAGS'),
    modseq: hasItem(items, 'MODSEQ'),
  };
  const turn = new Turn(out);
  let [number, index, missingCount] = [0, -1, 0];
  for (const uid of uids) {
    if (turn.look()) await turn.next();
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) {
      missingCount += 1;
      continue;
    }
    index = found;
    number = view.numberOf(uid, number + 1) ?? number;
    if (feed.modseqAt(index) <= since) continue;
    view.writeFlags(out, { number, index, ...told });
    turn.wrote();
  }
  return missingCount;
}

/** How messages are read from the store. */
interface StoreFetch {
  readonly columns: ReadonlySet<MessageColumn>;
  /** True if messages get \Seen. */
  readonly marksSeen: boolean;
  /** Called now and then with how many messages are answered for. */
  readonly onAnswered?: (answeredCount: number) => void;
}

/** All other items; returns how many of the messages are gone. */
async function fetchFromStore(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
  { columns, marksSeen, onAnswered }: StoreFetch,
): Promise<number> {
  const { view, store } = session;
  let [number, answeredCount] = [0, 0];
  for await (const rows of store.rows(view.box, uids, columns)) {
    checkEncodings(rows, items);
    const seenUids = marksSeen ? await markSeen(session, rows) : undefined;
    const usualText = rows.usualFields && readByteText(rows.usualFields.bytes);
    let place = -1;
    for await (const bodies of readBodies(store, rows, items)) {
      for (const body of bodies) {
        const uid = rows.uids[++place]!;
        const index = view.feed.indexOf(uid);
        if (index === -1) continue;
        number = view.numberOf(uid, number + 1) ?? number;
        answeredCount += 1;
        const told = seenUids?.has(uid) === true ? withChange(items, session.hasCondstore) : items;
        // Before anything is awaited: the feed may change then.
        const [flags, modseq] = [view.flagList(index), view.feed.modseqAt(index)];
        const message = { rows, place, usualText, body, number, flags, modseq };
        const written = writeFetchResponse(session, message, told);
        // A turn of the microtasks for each would be much of what most cost.
        if (written !== undefined) await written;
      }
      onAnswered?.(answeredCount);
    }
  }
  if (answeredCount < uids.length) await expectGone(view, uids, answeredCount);
  return uids.length - answeredCount;
}

/** The bodies of a batch, some at a time, for items that want them whole; undefined for what is read by itself. */
async function* readBodies(
  store: MailStore,
  rows: MessageRows,
  items: readonly FetchItem[],
): AsyncGenerator<readonly (Uint8Array | undefined)[]> {
  const { length } = rows.uids;
  if (length > 1 && items.some(wantsWholeMessage)) yield* store.readBodies(rows);
  else yield Array.from<undefined>({ length });
}

/** Messages that had no answer must be gone: a client takes what is missing for deleted. */
async function expectGone(
  { feed, box }: MailboxView,
  uids: Uint32Array,
  answeredCount: number,
): Promise<void> {
  // What was expunged before the rows were read is not in the feed then.
  if ((await feed.refresh()) === undefined) return;
  const count = uids.filter((uid) => feed.indexOf(uid) !== -1).length;
  if (count <= answeredCount) return;
  throw new StoreError('CORRUPTION', 'The mail store is damaged, see the log of the server', {
    cause: new Error(`Mailbox ${box.mailboxId} lacks rows of ${count - answeredCount} messages`),
  });
}

/** Sets \Seen where it is missing; UIDs of the messages that this changed. */
async function markSeen({ store, view }: Session, rows: MessageRows): Promise<ReadonlySet<number>> {
  const { feed } = view;
  // Else \Seen would not come back to a message from which another session has just taken it.
  await feed.refresh();
  const uids = rows.uids.filter((uid) => {
    const index = feed.indexOf(uid);
    return index !== -1 && !feed.flagSets.has(feed.flagSetNumberAt(index), '\\Seen');
  });
  if (uids.length === 0) return new Set();
  const change = { mode: 'add', flags: ['\\Seen'] } as const;
  const result = await store.storeFlags(view.box, uids, change).catch(toNoChange);
  await feed.reach(result.modseq);
  // What is changed is told behind the answer then, as if another had done it.
  if (result.failure !== undefined && !isOfDisk(result.failure)) throw result.failure;
  for (const modseq of result.earlierModseqs ?? []) view.noteOwnChange(modseq);
  if (result.modseq !== undefined) view.noteOwnChange(result.modseq);
  return new Set(result.changedUids);
}

/** What a STORE that was refused has done, if reading goes on all the same; else throws. */
function toNoChange(error: unknown): Omit<FlagChangeResult, 'previousModseqs'> {
  if (!isOfDisk(error)) throw error;
  const none = new Uint32Array();
  return { modseq: undefined, changedUids: none, unchangedUids: none, modifiedUids: none };
}

/** Reading goes on if nothing can be stored: \Seen is not set, and nobody is told so. */
function isOfDisk(error: unknown): boolean {
  return (
    error instanceof StoreError && (error.code === 'OVERQUOTA' || error.code === 'UNAVAILABLE')
  );
}

/** The client is told of \Seen in the same response; with modseqs also of the UID (RFC 7162, section 3.2.4). */
function withChange(items: readonly FetchItem[], hasModseq: boolean): readonly FetchItem[] {
  return [
    ...(hasItem(items, 'UID') || !hasModseq ? [] : [{ item: 'UID' } as const]),
    ...items,
    ...(hasItem(items, 'FLAGS') ? [] : [{ item: 'FLAGS' } as const]),
    ...(hasItem(items, 'MODSEQ') || !hasModseq ? [] : [{ item: 'MODSEQ' } as const]),
  ];
}

/** True for an item that sets \Seen. @see RFC 3501, section 6.4.5 */
function setsSeen(item: FetchItem): boolean {
  if (item.item === 'BODY[]' || item.item === 'BINARY[]') return !item.isPeek;
  return item.item === 'RFC822' || item.item === 'RFC822.TEXT';
}
