import { conditionsOf, type SearchKey } from '../../../protocol/search-key.ts';
import { rangesOf } from '../../../protocol/sequence-set.ts';
import type { UidSet } from '../../../protocol/uid-set.ts';
import type { Turn } from '../../../store/turns.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { uidsOfNumbers } from '../named-messages.ts';
import { makeUidSet } from './context-members.ts';

/** What a key takes beside its text and its sets, in bytes, about; and a range of a set. */
const keyBytes = 64;
const rangeBytes = 40;

/**
 * Criteria as they are meant from now on: message sequence numbers, and `$`, stand for the messages that have them now. `*` as a
 * UID goes on to be the highest.
 *
 * @see RFC 5267, section 4.3
 */
export async function freezeCriteria(
  criteria: SearchKey,
  view: MailboxView,
  turn: Turn,
): Promise<SearchKey> {
  let saved: SearchKey | undefined;
  const fixed = new Map<SearchKey, SearchKey>();
  for (const key of conditionsOf(criteria)) {
    if (key.key === 'sequence') {
      fixed.set(key, await fixedKey(uidsOfNumbers(view, key.set), turn));
    } else if (key.key === 'saved') {
      saved ??= await fixedKey(view.savedUids, turn);
      fixed.set(key, saved);
    }
  }
  return fixed.size === 0 ? criteria : mapConditions(criteria, (key) => fixed.get(key) ?? key);
}

async function fixedKey(uids: Uint32Array, turn: Turn): Promise<SearchKey> {
  return { key: 'fixed', uids: await makeUidSet(uids, turn) };
}

/** The criteria for a store, which is asked of these messages only: it does not know fixed ones. */
export function nameFixed(criteria: SearchKey, candidates: Uint32Array): SearchKey {
  return mapConditions(criteria, (key) =>
    key.key === 'fixed'
      ? { key: 'uid', set: rangesOf(candidates.filter((uid) => key.uids.has(uid))) }
      : key,
  );
}

/** Bytes that criteria take, about. */
export function criteriaBytes(criteria: SearchKey): number {
  let bytes = 0;
  const fixed = new Set<UidSet>();
  for (const key of conditionsOf(criteria)) {
    bytes += keyBytes;
    if ('text' in key) bytes += 2 * key.text.length;
    if ('set' in key) bytes += rangeBytes * key.set.length;
    if (key.key === 'fixed') fixed.add(key.uids);
  }
  for (const { sizeBytes } of fixed) bytes += sizeBytes;
  return bytes;
}

/** True if the messages that match may be others when the highest UID is another. */
export function namesLastUid(criteria: SearchKey): boolean {
  return conditionsOf(criteria).some(
    (key) =>
      key.key === 'uid' &&
      key.set.some(({ first, last }) => first === Infinity || last === Infinity),
  );
}

/** The seconds of `OLDER` and `YOUNGER`: those keys match other messages as time goes on. */
export function agesIn(criteria: SearchKey): readonly number[] {
  return conditionsOf(criteria).flatMap((key) => (key.key === 'age' ? [key.seconds] : []));
}

function mapConditions(key: SearchKey, map: (condition: SearchKey) => SearchKey): SearchKey {
  switch (key.key) {
    case 'and':
      return { key: 'and', keys: key.keys.map((operand) => mapConditions(operand, map)) };
    case 'or':
      return {
        key: 'or',
        left: mapConditions(key.left, map),
        right: mapConditions(key.right, map),
      };
    case 'not':
      return { key: 'not', operand: mapConditions(key.operand, map) };
    default:
      return map(key);
  }
}
