import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import type { FlagChangeResult } from '../../../store/mail-store.ts';
import { Turn } from '../../../store/turns.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import { completeWithin, withinLimit } from '../message-limit.ts';
import { namedUids } from '../named-messages.ts';

/**
 * Messages that are gone are passed over (RFC 2180, section 4.2.1).
 *
 * @see RFC 3501, section 6.4.6; RFC 7162, sections 3.1.3 (UNCHANGEDSINCE) and 3.2.4
 */
export const store: CommandHandler<'STORE'> = async (session, command) => {
  const { isUid, isSilent, mode, flags, unchangedSince } = command;
  const view = session.writableView;
  const { uids, limitCode } = withinLimit(session, namedUids(view, command.set, isUid));
  if (unchangedSince !== undefined) session.enableCondstore();
  const result = await session.store.storeFlags(view.box, uids, {
    mode,
    flags,
    ...(unchangedSince === undefined ? {} : { unchangedSince }),
  });
  await view.feed.reach(result.modseq);
  const { failure } = result;
  // After a NO the client cannot tell by itself which flags have changed.
  await answer(session, result, { isUid, isSilent: isSilent && failure === undefined });
  await tellModified(session, result);
  for (const modseq of result.earlierModseqs ?? []) view.noteOwnChange(modseq);
  if (result.modseq !== undefined) view.noteOwnChange(result.modseq);
  if (failure !== undefined) throw failure;
  return completeWithin(session, complete(view, result, isUid), limitCode);
};

interface AnswerOptions {
  readonly isUid: boolean;
  readonly isSilent: boolean;
}

/**
 * Tells the client what became of the messages. `.SILENT` hides flags that the client can tell by itself: not those of a
 * message that somebody else had changed since the client was last told.
 */
async function answer(
  session: Session,
  { changedUids, previousModseqs, unchangedUids }: FlagChangeResult,
  { isUid, isSilent }: AnswerOptions,
): Promise<void> {
  const { view, out, hasCondstore, isUidOnly } = session;
  if (isSilent && !hasCondstore && wereTold(view, previousModseqs)) return;
  const { feed } = view;
  const turn = new Turn(out);
  let [number, index, changed, unchanged] = [0, -1, 0, 0];
  const count = changedUids.length + unchangedUids.length;
  while (changed + unchanged < count) {
    if (turn.look()) await turn.next();
    const isChanged = (changedUids[changed] ?? Infinity) < (unchangedUids[unchanged] ?? Infinity);
    const uid = (isChanged ? changedUids[changed] : unchangedUids[unchanged]) as number;
    const isKnown = !isChanged || view.wasTold(previousModseqs[changed] as number);
    if (isChanged) changed += 1;
    else unchanged += 1;
    const hasFlags = !isSilent || !isKnown;
    if (!hasFlags && !hasCondstore) continue;
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) continue;
    index = found;
    number = view.numberOf(uid, number + 1) ?? number;
    // With the UID, too, if the client knows modseqs: RFC 7162, section 3.2.4.
    const hasUid = (isUid || hasCondstore) && !isUidOnly;
    view.writeFlags(out, { number, index, uid: hasUid, flags: hasFlags, modseq: hasCondstore });
    turn.wrote();
  }
}

/**
 * Tells the state of messages that UNCHANGEDSINCE has refused, so that the client need not ask for it (RFC 7162, section 3.1.3).
 * What it has not been told of yet it is told with all that others have changed.
 */
async function tellModified(
  { view, out, isUidOnly }: Session,
  { modifiedUids }: FlagChangeResult,
): Promise<void> {
  const { feed } = view;
  const turn = new Turn(out);
  let [number, index] = [0, -1];
  for (const uid of modifiedUids) {
    if (turn.look()) await turn.next();
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) continue;
    index = found;
    number = view.numberOf(uid, number + 1) ?? number;
    if (!view.wasTold(feed.modseqAt(index))) continue;
    view.writeFlags(out, { number, index, uid: !isUidOnly, flags: true, modseq: true });
    turn.wrote();
  }
}

/** True if the client has been told all changes up to these, so that there is nothing to tell after `.SILENT`. */
function wereTold(view: MailboxView, modseqs: Float64Array): boolean {
  let told = -1;
  for (const modseq of modseqs) {
    // Most have the modseq of the one before.
    if (modseq === told) continue;
    if (!view.wasTold(modseq)) return false;
    told = modseq;
  }
  return true;
}

function complete(view: MailboxView, result: FlagChangeResult, isUid: boolean): Completion {
  const { modifiedUids } = result;
  if (modifiedUids.length === 0) return { text: 'STORE completed' };
  const numbers = isUid ? modifiedUids : modifiedUids.map((uid) => view.numberOf(uid) as number);
  return { text: 'Conditional STORE failed', code: `MODIFIED ${formatSequenceSet(numbers)}` };
}
