import type { SearchKey } from '../../../protocol/search-key.ts';
import type { SequenceRange, SequenceSet } from '../../../protocol/sequence-set.ts';
import type { CommandHandler } from '../command-handler.ts';
import { namedMessages } from '../named-messages.ts';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { Session } from '../session.ts';

/** @see RFC 3501, section 6.4.4; RFC 7162, section 3.1.5 (MODSEQ) */
export const search: CommandHandler<'SEARCH'> = async (session, { isUid, criteria }) => {
  const selected = session.mailbox;
  const hasModseq = usesModseq(criteria);
  if (hasModseq) session.hasCondstore = true;
  const resolved = resolveKey(selected, criteria);
  const found = await session.store.search(selected.mailbox.id, resolved);
  const known = found.filter((uid) => selected.snapshot.sequenceNumberOf(uid) !== undefined);
  const { out } = session;
  out.write('* SEARCH');
  for (const uid of known) {
    out.write(` ${isUid ? uid : selected.snapshot.sequenceNumberOf(uid)}`);
    if (out.isFull) await out.ready();
  }
  if (hasModseq && known.length > 0) {
    out.write(` (MODSEQ ${await highestModseq(session, selected, known)})`);
  }
  out.write('\r\n');
  return { text: 'SEARCH completed' };
};

function usesModseq(key: SearchKey): boolean {
  switch (key.key) {
    case 'modseq':
      return true;
    case 'and':
      return key.keys.some(usesModseq);
    case 'or':
      return usesModseq(key.left) || usesModseq(key.right);
    case 'not':
      return usesModseq(key.operand);
    default:
      return false;
  }
}

/** Puts UIDs for what only this session knows: message sequence numbers, `*`, \Recent. */
function resolveKey(selected: SelectedMailbox, key: SearchKey): SearchKey {
  switch (key.key) {
    case 'sequence':
    case 'uid':
      return uidKey(namedMessages(selected, key.set, key.key === 'uid'));
    case 'recent':
      return uidKey(selected.recentUids());
    case 'and':
      return { key: 'and', keys: key.keys.map((each) => resolveKey(selected, each)) };
    case 'or':
      return {
        key: 'or',
        left: resolveKey(selected, key.left),
        right: resolveKey(selected, key.right),
      };
    case 'not':
      return { key: 'not', operand: resolveKey(selected, key.operand) };
    default:
      return key;
  }
}

function uidKey(uids: Uint32Array): SearchKey {
  return { key: 'uid', set: rangesOf(uids) };
}

/** Ascending UIDs as ranges; no UIDs give the empty set. */
function rangesOf(uids: Uint32Array): SequenceSet {
  const ranges: SequenceRange[] = [];
  let first: number | undefined;
  let last = 0;
  for (const uid of uids) {
    if (first !== undefined && uid !== last + 1) {
      ranges.push({ first, last });
      first = uid;
    }
    first ??= uid;
    last = uid;
  }
  if (first !== undefined) ranges.push({ first, last });
  return ranges;
}

async function highestModseq(
  session: Session,
  { mailbox }: SelectedMailbox,
  uids: Uint32Array,
): Promise<number> {
  let highest = 1;
  for await (const batch of session.store.readMessages(mailbox.id, uids, new Set())) {
    for (const { modseq } of batch) highest = Math.max(highest, modseq);
  }
  return highest;
}
