import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';
import type { AddedMessage, MailboxKey } from '../mail-store.ts';
import { referToBody, type BodyContent } from './body-writes.ts';
import { deletedBit, seenBit } from './flag-words.ts';
import { readKeywords } from './keyword-table.ts';
import { defineFlags } from './keyword-writes.ts';
import { countIn, noMailbox, readTarget } from './mailbox-counters.ts';
import type { WriteContext } from './write-context.ts';

/**
 * `accountId` is that of the draft, which has to be the mailbox's.
 *
 * @see MessageDraft.addTo
 */
export function addMessage(
  context: WriteContext,
  message: {
    readonly accountId: number;
    readonly box: MailboxKey;
    readonly flags: readonly Flag[];
    readonly internalDate: InternalDate;
    readonly content: BodyContent;
  },
): AddedMessage {
  const { box, content, internalDate } = message;
  const { mailboxId } = box;
  if (box.accountId !== message.accountId) throw noMailbox();
  const [uid, uidValidity] = readTarget(context, box, 1);
  const words = defineFlags(context, mailboxId, message.flags);
  const [system, low, high] = words;
  const bodyId = referToBody(context, content);
  const modseq = countIn(context, mailboxId, [
    1,
    (system & seenBit) === 0 ? 1 : 0,
    (system & deletedBit) === 0 ? 0 : 1,
    content.sizeBytes,
  ]);
  context.database.run(
    'INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    mailboxId,
    uid,
    modseq,
    modseq,
    bodyId,
    content.sizeBytes,
    Math.floor(internalDate.epochMs / 1000),
    internalDate.zoneMinutes,
    system,
    low,
    high,
  );
  context.noteChanged(mailboxId, 1, () => ({
    uids: Uint32Array.of(uid),
    modseqs: Float64Array.of(modseq),
    flags: Uint32Array.of(0),
    flagSets: [
      message.flags.length === 0 ? [] : readKeywords(context.database, mailboxId).flagsOf(words),
    ],
  }));
  return { uid, uidValidity, modseq };
}
