import type { ResponseCode } from '../../../protocol/response-code.ts';
import type { MessageSet } from '../../../protocol/sequence-set.ts';
import { Turn } from '../../../store/turns.ts';
import type { CommandHandler } from '../dispatch.ts';
import { completeWithin, withinLimit } from '../message-limit.ts';
import { namedUids } from '../named-messages.ts';
import type { Session } from '../session.ts';

/**
 * The EXPUNGE responses come with what else has changed.
 *
 * @see RFC 3501, section 6.4.3; RFC 4315; RFC 7162, section 3.2.7; RFC 9738 (which limits UID EXPUNGE only)
 */
export const expunge: CommandHandler<'EXPUNGE'> = async (session, command) => {
  const view = session.writableView;
  const { uids: named, limitCode } = await namedWithinLimit(session, command.uids);
  const { modseq, uids: expunged, failure } = await session.store.expungeMessages(view.box, named);
  await view.feed.reach(modseq);
  view.noteOwnExpunge(expunged);
  if (failure !== undefined) throw failure;
  const completion = {
    text: 'EXPUNGE completed',
    ...(session.hasCondstore &&
      expunged.length > 0 && { code: `HIGHESTMODSEQ ${modseq}` satisfies ResponseCode }),
  };
  return completeWithin(session, completion, limitCode);
};

/** Of the messages that UID EXPUNGE names; undefined for EXPUNGE. What is not \Deleted does not count. */
async function namedWithinLimit(
  session: Session,
  set: MessageSet | undefined,
): Promise<{ readonly uids: Uint32Array | undefined; readonly limitCode?: ResponseCode }> {
  if (set === undefined) return { uids: undefined };
  const { view } = session;
  const uids = namedUids(view, set, true);
  if (uids.length <= session.messageLimit) return { uids };
  const { feed } = view;
  const turn = new Turn(session.out);
  const deleted = new Uint32Array(uids.length);
  let [count, index] = [0, -1];
  for (const uid of uids) {
    if (turn.look()) await turn.next();
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) continue;
    index = found;
    if (feed.flagSets.has(feed.flagSetNumberAt(index), '\\Deleted')) deleted[count++] = uid;
  }
  return withinLimit(session, deleted.subarray(0, count));
}
