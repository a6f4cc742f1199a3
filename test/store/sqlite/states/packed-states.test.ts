import fc from 'fast-check';
import t from 'tap';
import { limits } from '../../../../store/limits.ts';
import type { FlagWords } from '../../../../store/sqlite/flag-words.ts';
import {
  packBehind,
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
      // Half of the messages have their set by another number.
      const twice = {
        ...states,
        flags: states.flags.map((set, index) => set + (index % 2) * states.sets.length),
        sets: [...states.sets, ...states.sets],
      };
      const packed = packStates(twice);
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

await t.test('one state behind others is as if all were packed anew, or is refused', (t) => {
  let fitCount = 0;
  fc.assert(
    fc.property(
      someStates,
      distance,
      modseq,
      flagSet,
      fc.nat(1),
      (states, gap, high, set, isNew) => {
        const uid = states.uids.at(-1)! + 1 + gap;
        const number = isNew === 1 ? states.sets.length : states.flags[0]!;
        const sets = [...states.sets, set];
        const packed = packBehind(packStates(states), { uid, modseq: high, words: sets[number]! });
        const whole: PackedStates = {
          uids: Uint32Array.of(...states.uids, uid),
          modseqs: Float64Array.of(...states.modseqs, high),
          flags: Uint16Array.of(...states.flags, number),
          sets,
        };
        if (packed === undefined) return;
        fitCount++;
        t.same(packed, packStates(whole));
      },
    ),
    { numRuns: 500 },
  );
  t.ok(fitCount > 50, `${fitCount} of 500 fit`);
  const one = { uid: 1, modseq: 7, words: [0, 0, 0, ''] } as const;
  const packed = packStates({
    uids: Uint32Array.of(1),
    modseqs: Float64Array.of(7),
    flags: Uint16Array.of(0),
    sets: [one.words],
  });
  t.ok(packBehind(packed, { ...one, uid: 2 }));
  t.equal(packBehind(packed, { ...one, uid: 3 }), undefined, 'a hole in a column of none');
  t.equal(packBehind(packed, { ...one, uid: 2, modseq: 8 }), undefined);
  t.equal(packBehind(packed, { ...one, uid: 2, words: [1, 0, 0, ''] }), undefined);
  packed[20]! ^= 1;
  t.equal(packBehind(packed, { ...one, uid: 2 }), undefined, 'not what was packed');
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
