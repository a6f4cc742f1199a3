import fc from 'fast-check';
import t from 'tap';
import { limits } from '../../../../store/limits.ts';
import type { FlagWords } from '../../../../store/sqlite/flag-words.ts';
import {
  type PackedStates,
  packStates,
  unpackStates,
} from '../../../../store/sqlite/states/packed-states.ts';

const word = fc.oneof(fc.constant(0), fc.nat(0xffff_ffff), fc.constant(0xffff_ffff));
const more = fc
  .uniqueArray(fc.integer({ min: 64, max: limits.maxKeywords - 1 }), {
    maxLength: limits.maxMoreKeywords,
  })
  .map((numbers) => numbers.toSorted((a, b) => a - b).join());
const flagSet: fc.Arbitrary<FlagWords> = fc.tuple(
  fc.nat(31),
  word,
  word,
  fc.oneof(fc.constant(''), more),
);

/** Distances of each size that a column can have. */
const distance = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(70_000), fc.nat(2 ** 22));
const modseq = fc.oneof(
  fc.constant(7),
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: 70_000 }),
  fc.integer({ min: 1, max: 2 ** 34 }),
  fc.constant(Number.MAX_SAFE_INTEGER),
);

const someStates: fc.Arbitrary<PackedStates> = fc
  .record({
    first: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 31 })),
    gap: distance,
    messages: fc.array(fc.tuple(fc.boolean(), modseq, fc.nat()), { minLength: 1, maxLength: 400 }),
    sets: fc.array(flagSet, { minLength: 1, maxLength: 300 }),
  })
  .map(({ first, gap, messages, sets }) => {
    let uid = first;
    return {
      uids: Uint32Array.from(messages, ([isBehindGap], index) => {
        uid += index === 0 ? 0 : isBehindGap ? gap + 1 : 1;
        return uid;
      }),
      modseqs: Float64Array.from(messages, ([, number]) => number),
      flags: Uint16Array.from(messages, ([, , number]) => number % sets.length),
      sets,
    };
  });

/** What readers see, whatever the numbers of the sets. */
function rowsOf({ uids, modseqs, flags, sets }: PackedStates) {
  return Array.from(uids, (uid, index) => [uid, modseqs[index], sets[flags[index]!]]);
}

await t.test('what was packed is unpacked, each set of flags once', (t) => {
  fc.assert(
    fc.property(someStates, fc.nat(7), (states, shift) => {
      const packed = packStates(states);
      // Anywhere in memory.
      const moved = new Uint8Array(packed.length + shift).subarray(shift);
      moved.set(packed);
      const read = unpackStates(moved)!;
      t.strictSame(rowsOf(read), rowsOf(states));
      t.equal(new Set(read.sets.map((set) => set.join())).size, read.sets.length);
      t.equal(new Set(read.flags).size, read.sets.length, 'none that no message has');
    }),
    { numRuns: 300 },
  );
  t.end();
});

await t.test('changed or cut bytes are refused', (t) => {
  fc.assert(
    fc.property(someStates, fc.nat(), fc.integer({ min: 1, max: 255 }), (states, place, bits) => {
      const packed = packStates(states);
      const changed = packed.slice();
      changed[place % packed.length]! ^= bits;
      t.equal(unpackStates(changed), undefined);
      t.equal(unpackStates(packed.subarray(0, place % packed.length)), undefined);
    }),
  );
  t.end();
});

await t.test('an ordinary page takes few bytes', (t) => {
  const uids = Uint32Array.from({ length: 512 }, (_, index) => 100_000 + index);
  const states = {
    uids,
    modseqs: new Float64Array(512).fill(2 ** 40),
    flags: new Uint16Array(512),
    sets: [[8, 0, 0, '']] as FlagWords[],
  };
  t.equal(packStates(states).length, 27, 'one run, stored at once');
  const delivered = { ...states, modseqs: Float64Array.from(uids, (uid) => 3 * uid) };
  t.equal(packStates(delivered).length, 27 + 2 * 512, 'delivered one by one');
  const mixed = {
    uids: uids.map((uid, index) => uid + Math.floor(index / 3)),
    modseqs: Float64Array.from(uids, (uid, index) => (index % 5 === 0 ? 1_000_000 + uid : uid)),
    flags: Uint16Array.from(uids, (_, index) => index % 5),
    sets: [0, 1, 2, 8, 9].map((system): FlagWords => [system, 3, 0, '']),
  };
  t.ok(packStates(mixed).length < 7 * 512 + 60, 'within a page of the file');
  t.end();
});

await t.test('nothing, and too much, cannot be packed', (t) => {
  const states = (count: number) => ({
    uids: Uint32Array.from({ length: count }, (_, index) => index + 1),
    modseqs: new Float64Array(count).fill(1),
    flags: new Uint16Array(count),
    sets: [[0, 0, 0, '']] as FlagWords[],
  });
  for (const count of [0, 65_536]) t.throws(() => packStates(states(count)), RangeError);
  t.equal(unpackStates(packStates(states(65_535)))?.uids.length, 65_535);
  t.end();
});
