import t from 'tap';
import { SortedMembers } from '../../../../server/imap/contexts/sorted-members.ts';
import type { ResultUpdate } from '../../../../server/imap/contexts/update-response.ts';
import type { MailboxFeed } from '../../../../server/imap/mailbox-feed.ts';
import { SortColumns } from '../../../../server/imap/sorting/sort-columns.ts';
import type { MailStore } from '../../../../store/mail-store.ts';
import { Turn } from '../../../../store/turns.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const keys = [
  { name: 'SUBJECT', isReverse: true },
  { name: 'SIZE', isReverse: false },
] as const;

/** A feed that knows nothing but what messages are sorted by: of each UID one of few subjects and sizes. */
function feedOf(count: number, gone: ReadonlySet<number> = new Set()): MailboxFeed {
  const rows = async function* (_box: unknown, uids: Uint32Array) {
    const there = uids.filter((uid) => !gone.has(uid));
    const baseSubject = Array.from(there, (uid) => `S${(uid * 7) % 13}`);
    yield {
      uids: there,
      sizeBytes: there.map((uid) => (uid * 5) % 11),
      sortTexts: { baseSubject },
    };
  };
  const store = { rows } as unknown as MailStore;
  const sortColumns = new SortColumns(store, { accountId: 1, mailboxId: 1 });
  return { count, sortColumns } as unknown as MailboxFeed;
}

const turn = () => new Turn({ flush: () => undefined, ready: () => Promise.resolve() });

/** The same order, sorted at once. */
function sorted(uids: Iterable<number>): number[] {
  const subject = (uid: number) => `S${(uid * 7) % 13}`;
  return [...uids].toSorted((a, b) => {
    if (subject(a) !== subject(b)) return subject(a) < subject(b) ? 1 : -1;
    return ((a * 5) % 11) - ((b * 5) % 11) || a - b;
  });
}

/** What a client makes of updates. */
function follow(list: number[], name: 'ADDTO' | 'REMOVEFROM', updates: Iterable<ResultUpdate>) {
  for (const { position, uids } of updates) {
    if (name === 'ADDTO') list.splice(position - 1, 0, ...uids);
    else {
      const removed = list.splice(position - 1, uids.length);
      if (removed.join() !== uids.join()) throw new Error(`There is ${removed.join()}`);
    }
  }
}

await t.test(
  'a client that follows has the sorted list, whether few or many come and go',
  async (t) => {
    const random = new SeededRandom(11);
    const members = await SortedMembers.of(feedOf(10_000), keys, new Uint32Array(), turn());
    const there = new Set<number>();
    const list: number[] = [];
    let largest = 0;
    for (let step = 0; step < 120; step++) {
      const count = random.pick([1, 2, 9, 40, 300]);
      const chosen = new Set(Array.from({ length: count }, () => 1 + random.below(3000)));
      const isAdded = random.chance(0.55);
      const uids = Uint32Array.from(
        [...chosen].filter((uid) => there.has(uid) !== isAdded),
      ).toSorted();
      for (const uid of uids)
        if (isAdded) there.add(uid);
        else there.delete(uid);
      if (isAdded) {
        const { removed, added } = await members.add(uids, turn());
        follow(list, 'REMOVEFROM', removed);
        follow(list, 'ADDTO', added);
      } else follow(list, 'REMOVEFROM', await members.remove(uids, turn()));
      if (!t.same(list, sorted(there), `step ${step}`)) return;
      largest = Math.max(largest, list.length);
    }
    t.ok(largest > 1000);
    t.ok(members.sizeBytes < 8 * largest + 2000, 'little more than 4 bytes each');
  },
);

await t.test('what cannot be sorted any more goes', async (t) => {
  const gone = new Set<number>();
  const feed = feedOf(0, gone);
  const uids = Uint32Array.from({ length: 3000 }, (_, index) => index + 1);
  const list = sorted(uids);
  const members = await SortedMembers.of(feed, keys, Uint32Array.from(list), turn());
  for (const uid of [5, 6, 1999]) gone.add(uid);
  // Nothing has been read of the members: all are sorted again.
  const { removed, added } = await members.add(Uint32Array.of(4000), turn());
  follow(list, 'REMOVEFROM', removed);
  follow(list, 'ADDTO', added);
  t.same(list, sorted([...uids, 4000].filter((uid) => !gone.has(uid))));
  t.notOk(members.has(1999));
});
