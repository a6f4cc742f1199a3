import type { FetchItem } from '../../../protocol/fetch-item.ts';
import type { MessageField, StoredMessage } from '../../../store/mail-store.ts';
import { CommandRefusedError } from '../command-error.ts';
import type { CommandHandler } from '../command-handler.ts';
import { fieldsOf, setsSeen, writeFetchResponse } from '../fetch-response.ts';
import { namedMessages } from '../named-messages.ts';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { Session } from '../session.ts';

/** @see RFC 3501, section 6.4.5; RFC 7162, section 3.1.4 (CHANGEDSINCE, MODSEQ) */
export const fetch: CommandHandler<'FETCH'> = async (session, command) => {
  const { isUid, changedSince } = command;
  const selected = session.mailbox;
  const items = completeItems(command.items, isUid, changedSince !== undefined);
  if (items.some(({ item }) => item === 'MODSEQ')) session.hasCondstore = true;
  const named = namedMessages(selected, command.set, isUid);
  const uids = changedSince === undefined ? named : await onlyChanged(session, named, changedSince);
  const marksSeen = !selected.isReadOnly && items.some(setsSeen);
  let count = 0;
  for await (const batch of session.store.readMessages(
    selected.mailbox.id,
    uids,
    fieldsOf(items) satisfies ReadonlySet<MessageField>,
  )) {
    count += batch.length;
    const unseen = marksSeen ? await markSeen(session, selected, batch) : undefined;
    for (const message of batch) {
      const changed = unseen?.get(message.uid);
      await writeFetchResponse(session, changed ?? message, withFlags(items, changed));
    }
  }
  if (!isUid && count < uids.length) {
    throw new CommandRefusedError('NO', 'Some of the messages no longer exist', 'EXPUNGEISSUED');
  }
  return { text: 'FETCH completed' };
};

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

async function onlyChanged(session: Session, uids: Uint32Array, modseq: number) {
  const { messages } = await session.store.readChanges(session.mailbox.mailbox.id, modseq);
  const changed = new Set(messages.map(({ uid }) => uid));
  return uids.filter((uid) => changed.has(uid));
}

/** Sets \Seen where it is missing; the messages that changed, by UID, as they are now. */
async function markSeen(
  session: Session,
  selected: SelectedMailbox,
  batch: readonly StoredMessage[],
): Promise<ReadonlyMap<number, StoredMessage>> {
  const unseen = batch.filter(({ flags }) => !flags.includes('\\Seen'));
  if (unseen.length === 0) return new Map();
  const byUid = new Map(unseen.map((message) => [message.uid, message]));
  const { modseq, messages } = await session.store.storeFlags(
    selected.mailbox.id,
    Uint32Array.from(byUid.keys()),
    { mode: 'add', flags: ['\\Seen'] },
  );
  selected.markReported(modseq);
  for (const { uid, ...changed } of messages) {
    const message = byUid.get(uid);
    if (message !== undefined) byUid.set(uid, { ...message, ...changed });
  }
  return byUid;
}

/** The client is told of \Seen in the same response. */
function withFlags(items: readonly FetchItem[], changed: StoredMessage | undefined) {
  if (changed === undefined || items.some(({ item }) => item === 'FLAGS')) return items;
  return [...items, { item: 'FLAGS' } as const];
}
