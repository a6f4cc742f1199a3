import t from 'tap';
import { FlagSets, MessageColumns } from '../../../server/imap/message-columns.ts';

await t.test('equal flags have one number, and are told as they came', async (t) => {
  const sets = new FlagSets();
  const number = sets.numberOf(['\\Seen', 'Work', '$Forwarded']);
  t.equal(sets.numberOf(['\\Seen', 'Work', '$Forwarded']), number);
  t.not(sets.numberOf(['\\Seen']), number);
  t.equal(sets.listOf(number, false), '(\\Seen Work $Forwarded)');
  t.equal(sets.listOf(number, true), '(\\Recent \\Seen Work $Forwarded)');
  t.equal(sets.listOf(sets.numberOf([]), true), '(\\Recent)');
  t.same(sets.keywords, ['Work', '$Forwarded']);
});

await t.test('a flag is found in any case, in each spelling that it had', async (t) => {
  const sets = new FlagSets();
  const numbers = [['Work'], ['WORK', 'b'], ['b'], ['\\Seen']].map((flags) => sets.numberOf(flags));
  t.same(
    numbers.map((number) => sets.has(number, 'work')),
    [true, true, false, false],
  );
  t.same(
    numbers.map((number) => sets.has(number, '\\SEEN')),
    [false, false, false, true],
  );
  t.same(
    numbers.map((number) => sets.has(number, 'none')),
    [false, false, false, false],
  );
});

await t.test('what no message has is forgotten, sets and keywords', async (t) => {
  const sets = new FlagSets();
  const used = Uint32Array.of(sets.numberOf(['\\Seen', 'kept']), sets.numberOf([]));
  for (let index = 0; index < 5000; index++) {
    sets.numberOf([`k${index}`]);
    sets.compact(used, 2);
  }
  t.ok(sets.size < 1100, `${sets.size} sets`);
  t.ok(sets.keywords.length < 150, `${sets.keywords.length} keywords`);
  t.equal(sets.listOf(used[0]!, false), '(\\Seen kept)');
  t.equal(sets.listOf(used[1]!, false), '()');
});

await t.test('a set takes a few bytes for each of its flags', async (t) => {
  const sets = new FlagSets();
  const names = Array.from({ length: 64 }, (_, index) => `${'x'.repeat(97)}${100 + index}`);
  for (let index = 0; index < 10_000; index++) {
    const number = sets.numberOf(names.filter((_, bit) => (index >> (bit % 14)) & 1));
    sets.listOf(number, false);
  }
  t.ok(sets.sizeBytes < 4 * 1024 * 1024, `${sets.sizeBytes} bytes`);
});

await t.test(
  'messages go from anywhere, and whoever keeps the UIDs keeps them as they were',
  async (t) => {
    const columns = new MessageColumns();
    const flagSets = new FlagSets();
    columns.append(
      {
        uids: Uint32Array.of(1, 3, 5, 7, 9),
        modseqs: Float64Array.of(11, 13, 15, 17, 19),
        flags: Uint32Array.of(0, 1, 0, 1, 0),
        flagSets: [[], ['\\Seen']],
      },
      flagSets,
    );
    const { uids } = columns;
    columns.remove(Uint32Array.of(2, 4));
    t.equal(columns.uids, uids, 'none was there');
    columns.remove(Uint32Array.of(1, 5, 9, 10));
    columns.push(11, { modseq: 21, flags: 1 });
    t.same([...uids.subarray(0, 5)], [1, 3, 5, 7, 9]);
    t.match(columns, { count: 3, lastUid: 11 });
    t.same([...columns.uids.subarray(0, 3)], [3, 7, 11]);
    t.same([...columns.modseqs.subarray(0, 3)], [13, 17, 21]);
    t.same([...columns.flags.subarray(0, 3)], [1, 1, 1]);
    t.equal(columns.indexOf(7, 0), 1);
    t.equal(columns.indexOf(9, 1), -1);
    columns.remove(Uint32Array.of(3, 7, 11));
    t.match(columns, { count: 0, lastUid: 0 });
  },
);
