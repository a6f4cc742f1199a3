import t from 'tap';
import { DepartureWatch } from '../../../server/imap/departure-watch.ts';

/** How many departures it tells of, after each of the counts. */
function departures(...counts: readonly number[]): readonly number[] {
  let told = 0;
  const watch = new DepartureWatch(() => told++);
  return counts.map((count) => {
    watch.observe(count);
    return told;
  });
}

void t.test('DepartureWatch tells once that a storm has left, when no more leave', async (t) => {
  t.strictSame(departures(1_000, 6_000, 3_000, 1_000, 1_000, 1_000), [0, 0, 0, 0, 1, 1]);
  t.strictSame(
    departures(6_000, 1_000, 1_001, 1_000, 1_001),
    [0, 0, 1, 1, 1],
    'also while others come',
  );
  t.strictSame(
    departures(6_000, 1_000, 1_000, 6_000, 0, 0),
    [0, 0, 1, 1, 1, 2],
    'again after the next',
  );
});

void t.test('DepartureWatch keeps quiet about everyday traffic', async (t) => {
  t.strictSame(departures(499, 0, 0), [0, 0, 0], 'few clients');
  t.strictSame(departures(2_000, 1_001, 1_001), [0, 0, 0], 'fewer than half');
  t.strictSame(departures(500, 0, 0), [0, 0, 1], 'the least that counts');
});
