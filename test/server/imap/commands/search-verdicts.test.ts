import t from 'tap';
import type { SearchKey } from '../../../../protocol/search-key.ts';
import { resolveForStore } from '../../../../server/imap/commands/store-criteria.ts';
import { SearchVerdicts, verdicts } from '../../../../server/imap/commands/search-verdicts.ts';
import { MailboxFeed } from '../../../../server/imap/mailbox-feed.ts';
import { MailboxView } from '../../../../server/imap/mailbox-view.ts';
import { FakeMailbox } from '../../../fixtures/fake-mailbox.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const flags = ['\\Seen', '\\Flagged', 'Work', 'work-2'];

/** A mailbox of so many messages with flags by chance, some of which are gone, and a client that knows all or some. */
async function sceneOf(random: SeededRandom, count: number) {
  const mailbox = new FakeMailbox();
  mailbox.sliceMessages = 1000;
  for (let index = 0; index < count; index++) {
    mailbox.add(flags.filter(() => random.chance(0.4)));
  }
  const some = (chance: number) => [...mailbox.messages.keys()].filter(() => random.chance(chance));
  mailbox.expunge(some(0.2));
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  const view = new MailboxView(feed, false);
  const [first] = view.uids;
  if (first !== undefined) view.addRecent(first + 10, first + 20);
  view.savedUids = Uint32Array.from(some(0.5));
  return { mailbox, view, some };
}

/** A search key of operators and conditions by chance. */
function keyOf(random: SeededRandom, depth: number): SearchKey {
  const operand = () => keyOf(random, depth - 1);
  const set = () => [
    { first: 1 + random.below(130), last: random.chance(0.2) ? Infinity : 1 + random.below(130) },
    { first: 1 + random.below(130), last: 1 + random.below(130) },
  ];
  const choice = random.below(depth > 0 ? 11 : 8);
  if (choice === 0) return { key: 'all' };
  if (choice === 1) return { key: 'recent' };
  if (choice === 2) return { key: 'sequence', set: set() };
  if (choice === 3) return { key: 'uid', set: set() };
  if (choice === 4) return { key: 'modseq', modseq: random.below(150) };
  if (choice === 5) return { key: 'body', text: 'x' };
  if (choice === 6) return { key: 'flag', flag: random.pick(flags).toUpperCase() };
  if (choice === 7) return { key: 'saved' };
  if (choice === 8) return { key: 'not', operand: operand() };
  if (choice === 9) return { key: 'or', left: operand(), right: operand() };
  return { key: 'and', keys: Array.from({ length: 1 + random.below(3) }, operand) };
}

/** The same for one message, word by word: undefined if only its text can tell. */
function matches(key: SearchKey, uid: number, view: MailboxView, mailbox: FakeMailbox): unknown {
  const message = mailbox.messages.get(uid);
  if (message === undefined) return false;
  const isIn = (value: number, largest: number) => {
    if (key.key !== 'uid' && key.key !== 'sequence') throw new Error('No set');
    return key.set.some((range) => {
      const ends = [range.first, range.last].map((end) => (end === Infinity ? largest : end));
      return Math.min(...ends) <= value && value <= Math.max(...ends);
    });
  };
  const operand = (inner: SearchKey) => matches(inner, uid, view, mailbox);
  switch (key.key) {
    case 'all':
      return true;
    case 'recent':
      return view.isRecent(uid);
    case 'saved':
      return view.savedUids.includes(uid);
    case 'flag':
      return message.flags.some((flag) => flag.toUpperCase() === key.flag);
    case 'modseq':
      return message.modseq >= key.modseq;
    case 'uid':
      return isIn(uid, view.uids.at(-1) ?? 0);
    case 'sequence':
      return isIn(view.uids.indexOf(uid) + 1, view.count);
    case 'not': {
      const inner = operand(key.operand);
      return inner === undefined ? undefined : inner !== true;
    }
    case 'and':
      return every(key.keys.map(operand));
    case 'or': {
      const all = every(
        [key.left, key.right].map((side) => operand({ key: 'not', operand: side })),
      );
      return all === undefined ? undefined : all !== true;
    }
    default:
      return undefined;
  }
}

function every(results: readonly unknown[]): unknown {
  if (results.includes(false)) return false;
  return results.includes(undefined) ? undefined : true;
}

await t.test('judges each key as it is defined, in any slices', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed);
    const { mailbox, view, some } = await sceneOf(random, 100);
    // Each third client knows of messages that are gone, and of fewer than there are.
    if (seed % 3 === 0) {
      mailbox.expunge(some(0.1));
      mailbox.add(['\\Seen']);
      mailbox.setFlags(some(0.1), ['Work']);
      t.notOk(view.isShared);
    }
    for (let round = 0; round < 30; round++) {
      const sliceMessages = 1 + random.below(120);
      const judged: number[] = [];
      const key = keyOf(random, 3);
      const search = new SearchVerdicts(key, view);
      for (let start = 0; start < view.count; start += sliceMessages) {
        const end = Math.min(start + sliceMessages, view.count);
        judged.push(...search.of(start, end));
      }
      const expected = Array.from(view.uids, (uid) => {
        const result = matches(key, uid, view, mailbox);
        if (result === undefined) return verdicts.open;
        return result === true ? verdicts.yes : verdicts.no;
      });
      t.same(judged, expected, `seed ${seed}, slices of ${sliceMessages}: ${JSON.stringify(key)}`);
    }
  }
});

await t.test(
  'what a slice costs depends on neither the sets of flags in the mailbox nor the ranges of the key',
  async (t) => {
    const mailbox = new FakeMailbox();
    mailbox.sliceMessages = 1000;
    for (let index = 0; index < 1000; index++) mailbox.add([`k${index}`]);
    const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
    const view = new MailboxView(feed, false);
    t.equal(feed.flagSets.size, 1000);
    let setReads = 0;
    const uid = {
      key: 'uid',
      get set() {
        setReads += 1;
        return [{ first: 1, last: Infinity }];
      },
    } as const;
    const key: SearchKey = {
      key: 'and',
      keys: flags.map((flag) => ({ key: 'or', left: { key: 'flag', flag }, right: uid })),
    };
    const { lengths, restore } = watchColumns();
    try {
      const search = new SearchVerdicts(key, view);
      lengths.length = 0;
      for (let start = 0; start < 1000; start += 10) search.of(start, start + 10);
    } finally {
      restore();
    }
    t.ok(lengths.length > 100);
    t.equal(Math.max(...lengths), 10);
    t.equal(setReads, flags.length);
  },
);

/** The lengths of all columns of bytes that are made until `restore` is called. */
function watchColumns(): { readonly lengths: number[]; readonly restore: () => void } {
  const original = globalThis.Uint8Array;
  const lengths: number[] = [];
  globalThis.Uint8Array = new Proxy(original, {
    construct: (target, args: [], newTarget) => {
      const column = Reflect.construct(target, args, newTarget) as Uint8Array;
      lengths.push(column.length);
      return column;
    },
  });
  return { lengths, restore: () => (globalThis.Uint8Array = original) };
}

await t.test('the store is asked by UIDs, with what the client knows filled in', async (t) => {
  const { view } = await sceneOf(new SeededRandom(1), 50);
  const uids = [...view.uids];
  const sets = [
    { key: 'sequence', set: [{ first: 2, last: 1 }] },
    { key: 'uid', set: [{ first: 1000, last: Infinity }] },
    { key: 'recent' },
    { key: 'saved' },
  ] as const satisfies readonly SearchKey[];
  const body = { key: 'body', text: 'x' } as const;
  const either = { key: 'or', left: { key: 'and', keys: sets }, right: body } as const;
  const resolved = resolveForStore(either, view, 0);
  if (resolved.key !== 'or' || resolved.left.key !== 'and') throw new Error('Not the same key');
  const covered = resolved.left.keys.map((key) => {
    if (key.key !== 'uid') throw new Error('Not UIDs');
    return uids.filter((uid) => key.set.some(({ first, last }) => first <= uid && uid <= last));
  });
  t.same(covered, [
    uids.slice(0, 2),
    uids.slice(-1),
    uids.filter((uid) => view.isRecent(uid)),
    [...view.savedUids],
  ]);
  t.same(resolved.right, body);
});

await t.test('what was saved is looked up once, however often a search names it', async (t) => {
  const { view } = await sceneOf(new SeededRandom(1), 50);
  const { savedUids } = view;
  let readCount = 0;
  Object.defineProperty(view, 'savedUids', {
    get: () => {
      readCount += 1;
      return savedUids;
    },
  });
  const keys = Array.from({ length: 1000 }, (): SearchKey => ({ key: 'saved' }));
  const key: SearchKey = {
    key: 'or',
    left: { key: 'body', text: 'x' },
    right: { key: 'and', keys },
  };
  new SearchVerdicts(key, view).of(0, view.count);
  t.equal(readCount, 1);
  const resolved = resolveForStore(key, view, 0);
  t.equal(readCount, 2);
  if (resolved.key !== 'or' || resolved.right.key !== 'and') throw new Error('Not the same key');
  t.equal(new Set(resolved.right.keys).size, 1, 'one list of ranges for all');
});

await t.test('ages are those of now', async (t) => {
  const { view } = await sceneOf(new SeededRandom(1), 1);
  const ages = (['younger', 'older'] as const).map((relation) =>
    resolveForStore({ key: 'age', relation, seconds: 60 }, view, 1_000_999),
  );
  t.same(ages, [
    { key: 'received', relation: 'since', second: 940 },
    { key: 'received', relation: 'until', second: 940 },
  ]);
});

await t.test('what the feed has decided the store is not asked again', async (t) => {
  const { view } = await sceneOf(new SeededRandom(1), 50);
  const body = { key: 'body', text: 'x' } as const;
  const seen = { key: 'flag', flag: '\\Seen' } as const;
  const either = { key: 'or', left: seen, right: body } as const;
  const decided = [
    seen,
    { key: 'not', operand: { key: 'or', left: { key: 'recent' }, right: seen } },
    { key: 'and', keys: [{ key: 'modseq', modseq: 1 }, { key: 'all' }] },
  ] as const;
  t.same(resolveForStore({ key: 'and', keys: [...decided, body, either] }, view, 0), {
    key: 'and',
    keys: [body, either],
  });
  t.same(resolveForStore(either, view, 0), either);
});
