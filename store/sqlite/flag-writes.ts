import type { FlagChange } from '../mail-store.ts';
import {
  applyMask,
  areSameWords,
  deletedBit,
  flagMask,
  seenBit,
  type FlagMask,
  type FlagWords,
} from './flag-words.ts';
import type { FlagChangeColumns } from './flag-change-columns.ts';
import { defineFlags } from './keyword-writes.ts';
import { readKeywords } from './keyword-table.ts';
import { readModseq } from './mailbox-counters.ts';
import { selectMessages } from './selection.ts';
import type { WriteContext } from './write-context.ts';

/** A message before the change. */
type FlagRow = [uid: number, modseq: number, ...words: FlagWords];

/** @see MailStore.storeFlags */
export function storeFlags(
  context: WriteContext,
  { mailboxId, uids, change }: { mailboxId: number; uids: Uint32Array; change: FlagChange },
): FlagChangeColumns {
  const { database } = context;
  const highestModseq = readModseq(context, mailboxId);
  const mask = readMask(context, mailboxId, change);
  const rows = readFlags(context, mailboxId, uids);
  const since = change.unchangedSince ?? Infinity;
  const accepted = rows.filter(([, modseq]) => modseq <= since);
  const changed = accepted.filter(([, , ...words]) => !areSameWords(applyMask(words, mask), words));
  const modseq =
    changed.length === 0 ? highestModseq : changeFlags(context, mailboxId, changed, mask);
  const changedUids = new Set(changed.map(([uid]) => uid));
  const table = readKeywords(database, mailboxId);
  return {
    modseq,
    uids: Uint32Array.from(accepted, ([uid]) => uid),
    modseqs: Float64Array.from(accepted, ([uid, old]) => (changedUids.has(uid) ? modseq : old)),
    words: Uint32Array.from(accepted.flatMap(([, , ...words]) => applyMask(words, mask))),
    modifiedUids: Uint32Array.from(
      rows.filter(([, old]) => old > since),
      ([uid]) => uid,
    ),
    keywords: table.numbers.map((number) => [number, table.nameOf(number) ?? ''] as const),
  };
}

/** Removing a keyword that the mailbox does not know must not make it known. */
function readMask(context: WriteContext, mailboxId: number, { mode, flags }: FlagChange): FlagMask {
  const words =
    mode === 'remove'
      ? readKeywords(context.database, mailboxId).wordsOf(flags)
      : defineFlags(context, mailboxId, flags);
  return flagMask(mode, words);
}

function readFlags(context: WriteContext, mailboxId: number, uids: Uint32Array): FlagRow[] {
  selectMessages(context, mailboxId, uids);
  return context.database.rows<FlagRow>(
    `SELECT m.uid, m.modseq, m.system_flags, m.keywords_low, m.keywords_high
     FROM temp.selection s CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = s.uid
     ORDER BY s.uid`,
    mailboxId,
  );
}

function changeFlags(
  context: WriteContext,
  mailboxId: number,
  changed: readonly FlagRow[],
  mask: FlagMask,
): number {
  const { database } = context;
  const modseq = context.takeModseq(mailboxId);
  database.run(
    `UPDATE messages SET modseq = ?,
       system_flags = system_flags & ? | ?,
       keywords_low = keywords_low & ? | ?,
       keywords_high = keywords_high & ? | ?
     WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?))`,
    modseq,
    mask.keep[0],
    mask.set[0],
    mask.keep[1],
    mask.set[1],
    mask.keep[2],
    mask.set[2],
    mailboxId,
    `[${changed.map(([uid]) => uid).join()}]`,
  );
  const gained = (bit: number) =>
    changed.reduce((sum, [, , ...words]) => sum + bitChange(words, applyMask(words, mask), bit), 0);
  database.run(
    'UPDATE mailboxes SET unseen_count = unseen_count - ?, deleted_count = deleted_count + ? WHERE id = ?',
    gained(seenBit),
    gained(deletedBit),
    mailboxId,
  );
  return modseq;
}

/** 1 where the change sets the bit, -1 where it clears it. */
function bitChange(before: FlagWords, after: FlagWords, bit: number): number {
  return ((after[0] & bit) === 0 ? 0 : 1) - ((before[0] & bit) === 0 ? 0 : 1);
}
