import type { InternalDate } from '../../protocol/command.ts';
import type { Flag } from '../../protocol/flag.ts';
import type { AddedMessage } from '../mail-store.ts';
import { referToBody, type BodyContent } from './body-writes.ts';
import { deletedBit, seenBit } from './flag-words.ts';
import { defineFlags } from './keyword-writes.ts';
import { countIn, noMailbox, readTarget } from './mailbox-counters.ts';
import type { WriteContext } from './write-context.ts';

/** @see MessageDraft.addTo */
export function addMessage(
  context: WriteContext,
  message: {
    readonly accountId: number;
    readonly mailboxId: number;
    readonly flags: readonly Flag[];
    readonly internalDate: InternalDate;
    readonly content: BodyContent;
  },
): AddedMessage {
  const { mailboxId, content, internalDate } = message;
  const [uid, uidValidity, accountId] = readTarget(context, mailboxId, 1);
  if (accountId !== message.accountId) throw noMailbox();
  const [system, low, high] = defineFlags(context, mailboxId, message.flags);
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
  return { uid, uidValidity, modseq };
}

/** @see MailStore.claimRecent */
export function claimRecent(
  { database }: WriteContext,
  { mailboxId }: { mailboxId: number },
): { firstUid: number; nextUid: number } {
  const row = database.row<[number, number]>(
    `SELECT recent_from_uid, uid_next FROM mailboxes WHERE id = ? AND account_id IS NOT NULL`,
    mailboxId,
  );
  if (row === undefined) throw noMailbox();
  database.run(
    'UPDATE mailboxes SET recent_from_uid = uid_next, recent_count = 0 WHERE id = ?',
    mailboxId,
  );
  return { firstUid: row[0], nextUid: row[1] };
}
