import t from 'tap';
import { CrowdWatch } from '../../../server/net/crowd-watch.ts';

/** How many crowds it has told of, after each of the counts. */
function crowds(...counts: readonly number[]): readonly number[] {
  let told = 0;
  const watch = new CrowdWatch(() => told++);
  return counts.map((count) => {
    watch.observe(count);
    return told;
  });
}

void t.test(
  'CrowdWatch tells once of a crowd that has come, and once that it has left',
  async (t) => {
    t.strictSame(crowds(1_000, 6_000, 6_000, 6_000), [0, 0, 1, 1]);
    t.strictSame(crowds(6_000, 6_000, 3_000, 1_000, 1_000, 1_000), [0, 1, 1, 1, 2, 2]);
    t.strictSame(
      crowds(6_000, 1_000, 1_049, 1_000),
      [0, 0, 1, 1],
      'while a few others come and go',
    );
    t.strictSame(crowds(1_000, 1_000, 6_000, 1_000, 1_000), [0, 1, 1, 1, 2], 'also of a short one');
  },
);

void t.test('CrowdWatch keeps quiet about everyday traffic', async (t) => {
  t.strictSame(crowds(199, 199, 0, 0), [0, 0, 0, 0], 'few clients');
  t.strictSame(crowds(200, 200, 0, 0), [0, 1, 1, 2], 'the least that counts');
  t.strictSame(crowds(1_500, 1_500, 1_001, 1_001), [0, 1, 1, 1], 'fewer than a third leaves');
  t.strictSame(crowds(1_500, 1_500, 1_000, 1_000), [0, 1, 1, 2], 'a third leaves');
  t.strictSame(crowds(1_000, 1_000, 1_499, 1_499), [0, 1, 1, 1], 'fewer than half as many come');
  t.strictSame(crowds(1_000, 1_000, 1_500, 1_500), [0, 1, 1, 2], 'half as many come');
});
