import type { FetchItem } from '../../../protocol/fetch-item.ts';
import type { MessageField, StoredMessage } from '../../../store/mail-store.ts';
import type { CommandHandler } from '../command.ts';
import type { Completion } from '../command.ts';
import { fieldsOf, setsSeen, writeFetchResponse } from '../fetch-response.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import { Turn } from '../turns.ts';

/** @see RFC 3501, section 6.4.5; RFC 7162, section 3.1.4 (CHANGEDSINCE, MODSEQ) */
export const fetch: CommandHandler<'FETCH'> = async (session, command) => {
  const { isUid, changedSince } = command;
  const { view } = session;
  const items = completeItems(command.items, isUid, changedSince !== undefined);
  if (items.some(({ item }) => item === 'MODSEQ')) session.hasCondstore = true;
  const uids = view.named(command.set, isUid);
  const since = changedSince ?? -1;
  const fields = fieldsOf(items);
  const missing =
    fields === undefined
      ? await fetchFromFeed(session, uids, items, since)
      : await fetchFromStore(session, changedAfter(view, uids, since), items, fields);
  return complete(isUid, missing);
};

/** Messages that are gone are passed over; the client is told why a number had no answer (RFC 2180, section 4.1.3). */
function complete(isUid: boolean, missingCount: number): Completion {
  if (isUid || missingCount === 0) return { text: 'FETCH completed' };
  return { text: 'FETCH completed, some messages are gone', code: 'EXPUNGEISSUED' };
}

/** UID FETCH answers with the UID, CHANGEDSINCE with the modseq, asked for or not. */
function completeItems(
  items: readonly FetchItem[],
  hasUid: boolean,
  hasModseq: boolean,
): readonly FetchItem[] {
  const has = (name: FetchItem['item']): boolean => items.some(({ item }) => item === name);
  return [
    ...(hasUid && !has('UID') ? [{ item: 'UID' } as const] : []),
    ...items,
    ...(hasModseq && !has('MODSEQ') ? [{ item: 'MODSEQ' } as const] : []),
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
  const has = (name: FetchItem['item']): boolean => items.some(({ item }) => item === name);
  const told = { uid: has('UID'), flags: has('FLAGS'), modseq: has('MODSEQ') };
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

/** All other items; returns how many of the messages are gone. */
async function fetchFromStore(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
  fields: ReadonlySet<MessageField>,
): Promise<number> {
  const { view, store } = session;
  const marksSeen = !view.isReadOnly && items.some(setsSeen);
  let [number, answeredCount] = [0, 0];
  for await (const rows of store.readMessages(view.box, uids, fields)) {
    const seenUids = marksSeen ? await markSeen(session, rows) : undefined;
    for (const row of rows) {
      const index = view.feed.indexOf(row.uid);
      if (index === -1) continue;
      number = view.numberOf(row.uid, number + 1) ?? number;
      answeredCount += 1;
      const told =
        seenUids?.has(row.uid) === true ? withChange(items, session.hasCondstore) : items;
      await writeFetchResponse(session, { row, number, index }, told);
    }
  }
  return uids.length - answeredCount;
}

/** Sets \Seen where it is missing; UIDs of the messages that this changed. */
async function markSeen(
  { store, view }: Session,
  rows: readonly StoredMessage[],
): Promise<ReadonlySet<number>> {
  const { feed } = view;
  // Else \Seen would not come back to a message from which another session has just taken it.
  await feed.refresh();
  const unseen = rows.filter(({ uid }) => {
    const index = feed.indexOf(uid);
    return index !== -1 && !feed.flagSets.has(feed.flagSetNumberAt(index), '\\Seen');
  });
  if (unseen.length === 0) return new Set();
  const uids = Uint32Array.from(unseen, ({ uid }) => uid);
  const change = { mode: 'add', flags: ['\\Seen'] } as const;
  const { modseq, changedUids } = await store.storeFlags(view.box, uids, change);
  if (modseq === undefined) return new Set();
  await feed.reach(modseq);
  view.noteOwnChange(modseq);
  return new Set(changedUids);
}

/** The client is told of \Seen in the same response, and of the modseq (RFC 7162, section 3.1). */
function withChange(items: readonly FetchItem[], hasModseq: boolean): readonly FetchItem[] {
  const has = (name: FetchItem['item']): boolean => items.some(({ item }) => item === name);
  return [
    ...items,
    ...(has('FLAGS') ? [] : [{ item: 'FLAGS' } as const]),
    ...(has('MODSEQ') || !hasModseq ? [] : [{ item: 'MODSEQ' } as const]),
  ];
}
