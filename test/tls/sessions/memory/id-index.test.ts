import * as fc from 'fast-check';
import t from 'tap';
import { IndexTable } from '../../../../tls/sessions/memory/id-index.ts';
import { segmentLimits } from '../../../../tls/limits.ts';
import { resizableMemory } from '../../../../tls/sessions/memory/segment.ts';
import { SegmentIndex } from '../../../../tls/sessions/memory/id-index.ts';

const always = (): boolean => true;

void t.test('IndexTable agrees with a Map, whatever collides and wraps around', async (t) => {
  // Few slots and few hashes, most of them at the end of the table: long runs that wrap around.
  const hashes = [0, 1, 2 ** 31, 2 ** 32 - 3, 2 ** 32 - 2, 2 ** 32 - 1];
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 12 })), {
    maxLength: 200,
    size: 'max',
  });
  fc.assert(
    fc.property(steps, (steps) => {
      const table = new IndexTable(16, resizableMemory);
      const model = new Map<number, number>();
      for (const [isInsertion, location] of steps) {
        const hash = hashes[location % hashes.length]!;
        if (isInsertion && !model.has(location)) {
          table.insert(hash, location);
          model.set(location, hash);
        } else if (!isInsertion) {
          const isThere = model.has(location);
          if (table.remove(hash, location) !== isThere)
            throw new Error('Removed what is not there');
          if (isThere) model.delete(location);
        }
        compare(table, model);
      }
    }),
    { numRuns: 200 },
  );
  t.pass('in 200 random histories');
});

void t.test('IndexTable finds everything while it is drained, and all of it moves', async (t) => {
  const capacities = fc.integer({ min: 14, max: 40 });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 1_000 }), { maxLength: 12 }),
      fc.array(fc.nat({ max: 2 ** 32 - 1 }), { minLength: 12, maxLength: 12 }),
      capacities,
      fc.integer({ min: 1, max: 5 }),
      (locations, hashes, capacity, slots) => {
        const source = new IndexTable(14, resizableMemory);
        const target = new IndexTable(capacity, resizableMemory);
        const model = new Map(locations.map((location, i) => [location, hashes[i]! | 0x8000_0000]));
        for (const [location, hash] of model) source.insert(hash >>> 0, location);
        for (let round = 0; source.count > 0; round++) {
          source.drainInto(target, slots);
          const [removed] = [...model.keys()].slice(round % 3);
          if (removed !== undefined && round % 2 === 1) {
            const hash = model.get(removed)! >>> 0;
            if (!target.remove(hash, removed) && !source.remove(hash, removed)) {
              throw new Error('Lost one');
            }
            model.delete(removed);
          }
          for (const [location, hash] of model) {
            const isIt = (found: number): boolean => found === location;
            const found = target.find(hash >>> 0, isIt) ?? source.find(hash >>> 0, isIt);
            if (found !== location) throw new Error('Cannot find one');
          }
          if (source.count + target.count !== model.size) throw new Error('Miscounted');
        }
      },
    ),
    { numRuns: 500 },
  );
  t.pass('in 500 random tables');
});

void t.test('SegmentIndex grows and shrinks, and loses nothing on the way', async (t) => {
  const index = new SegmentIndex({ maxBytes: 16 * 1024 * 1024, memory: resizableMemory });
  const hashOf = (location: number): number => Math.imul(location, 0x9e3779b1) >>> 0;
  const heldWith = new Map<number, number>();
  const check = (from: number, to: number): void => {
    for (let location = from; location < to; location++) {
      const found = index.find(hashOf(location), (candidate) => candidate === location);
      if (found !== location) t.fail(`lost ${location}`);
    }
  };
  for (let location = 0; location < 100_000; location++) {
    index.insert(hashOf(location), location);
    if (location % 10_000 === 0) check(0, location + 1);
  }
  heldWith.set(100_000, index.heldBytes);
  for (let location = 0; location < 99_000; location++) {
    index.remove(hashOf(location), location);
    if (location % 10_000 === 0) check(location + 1, 100_000);
  }
  while (index.settle(100));
  check(99_000, 100_000);
  t.equal(index.count, 1_000);
  t.equal(
    index.find(hashOf(5), (candidate) => candidate === 5),
    undefined,
  );
  t.ok(heldWith.get(100_000)! <= 100_000 * 32, `${heldWith.get(100_000)} bytes for 100,000`);
  t.ok(index.heldBytes <= 1_000 * 43, `${index.heldBytes} bytes for 1,000`);
  for (let location = 99_000; location < 100_000; location++) {
    index.remove(hashOf(location), location);
  }
  t.equal(index.heldBytes, 0, 'nothing for nothing');
});

void t.test('SegmentIndex stays in its bytes and takes as many as it says', async (t) => {
  for (const maxBytes of [60, 100, 4_096, 10_000, 100_000]) {
    const index = new SegmentIndex({ maxBytes, memory: resizableMemory });
    let mostBytes = 0;
    for (let location = 0; location < index.maxCount; location++) {
      index.insert(Math.imul(location, 0x9e3779b1) >>> 0, location);
      mostBytes = Math.max(mostBytes, index.heldBytes);
    }
    t.ok(mostBytes <= maxBytes, `holds ${mostBytes} of ${maxBytes}`);
    t.equal(index.count, index.maxCount);
    t.equal(index.find(0, always), 0, 'location 0 is one like others');
  }
  t.throws(() => new SegmentIndex({ maxBytes: 20, memory: resizableMemory }), RangeError);
});

void t.test('SegmentIndex replaces a location, also in the table that it leaves', async (t) => {
  // Tables of 512 and of 1,024 slots: the first one is three quarters full at 384.
  const index = new SegmentIndex({ maxBytes: 12 * 1024, memory: resizableMemory });
  const count = 400;
  for (let location = 0; location < count; location++) index.insert(location, location);
  t.ok(index.settle(0), 'it is changing its size');
  for (let location = 0; location < count; location++) {
    index.replace(location, location, location + 1_000);
  }
  for (let location = 0; location < count; location++) {
    if (index.find(location, (found) => found === location + 1_000) === undefined)
      t.fail('lost one');
  }
  t.equal(index.count, count);
});

function compare(table: IndexTable, model: ReadonlyMap<number, number>): void {
  if (table.count !== model.size) throw new Error('Miscounted');
  for (const [location, hash] of model) {
    if (table.find(hash, (found) => found === location) !== location) throw new Error('Lost one');
  }
}

void t.test('a large table goes back in parts', async (t) => {
  const returned: number[] = [];
  const index = new SegmentIndex({
    maxBytes: 32 * 1024 * 1024,
    memory: {
      allocate: (byteLength) => resizableMemory.allocate(byteLength),
      release(buffer, keptBytes = 0) {
        returned.push(buffer.byteLength - keptBytes);
        resizableMemory.release(buffer, keptBytes);
      },
    },
  });
  const count = 400_000;
  const hashOf = (location: number): number => Math.imul(location, 0x9e3779b1) >>> 0;
  for (let location = 0; location < count; location++) index.insert(hashOf(location), location);
  t.ok(index.heldBytes > 4 * 1024 * 1024);
  while (index.settle(1_000));
  returned.length = 0;
  for (let location = 0; location < count; location++) index.remove(hashOf(location), location);
  t.equal(index.count, 0);
  const partCount = returned.length;
  t.ok(partCount < 16, 'removals give back the first part of each table only');
  while (index.settle(0));
  t.ok(returned.length > partCount);
  t.equal(index.heldBytes, 0);

  for (let location = 0; location < count; location++) index.insert(hashOf(location), location);
  index.clear();
  t.equal(index.find(hashOf(1), always), undefined);
  t.ok(index.heldBytes > 0, 'what is left is still told');
  index.insert(hashOf(1), 1);
  t.equal(index.find(hashOf(1), always), 1, 'and nobody has to wait for it');
  while (index.settle(0));
  t.ok(index.heldBytes < 8 * 1024);
  t.ok(Math.max(...returned) <= segmentLimits.releasedBytes);
});
