import t from 'tap';
import { FlagSets } from '../../../server/imap/flag-sets.ts';

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
  const used = [sets.numberOf(['\\Seen', 'kept']), sets.numberOf([])];
  for (const number of used) sets.hold(number);
  let isKept = true;
  for (let index = 0; index < 5000; index++) {
    const number = sets.numberOf([`k${index}`, 'kept']);
    sets.hold(number);
    sets.forgetUnused();
    isKept &&= sets.has(number, `K${index}`) && sets.has(number, 'kept');
    sets.release(number);
    sets.forgetUnused();
    sets.forgetKeywords();
  }
  t.ok(isKept, 'not while a message has it');
  t.equal(sets.size, 3, 'numbers are given again');
  t.ok(sets.keywords.length < 150, `${sets.keywords.length} keywords`);
  t.equal(sets.keywords[0], 'kept');
  t.equal(sets.has(used[0]!, 'k4999'), false);
  t.equal(sets.listOf(used[0]!, false), '(\\Seen kept)');
  t.equal(sets.listOf(used[1]!, false), '()');
});

await t.test('a set that comes back while it is unused stays', async (t) => {
  const sets = new FlagSets();
  const number = sets.numberOf(['a']);
  sets.hold(number);
  sets.release(number);
  t.equal(sets.numberOf(['a']), number);
  sets.hold(number);
  sets.forgetUnused();
  t.equal(sets.listOf(number, false), '(a)');
  t.not(sets.numberOf(['b']), number);
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
