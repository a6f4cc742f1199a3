import t from 'tap';
import { compareTexts, TextRanks } from '../../../../server/imap/sorting/text-ranks.ts';
import { Turn } from '../../../../store/turns.ts';

const turn = new Turn({ flush: () => {}, ready: async () => {} });

/** In the order of their UTF-8. */
const ascending = ['', 'A', 'A B', 'AA', 'B', 'Z', 'é', '中', '\uffff', '😀', '😀A', '😁'];

await t.test('texts compare as their UTF-8 does', (t) => {
  for (const one of ascending) {
    for (const other of ascending) {
      const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other));
      t.equal(Math.sign(compareTexts(one, other)), bytes, `${one} and ${other}`);
    }
  }
  t.end();
});

await t.test('texts rank, also those that come later', async (t) => {
  const ranks = new TextRanks();
  t.equal(ranks.add(''), 0);
  const later = ascending.filter((_, index) => index % 3 === 0).toReversed();
  const first = ascending.filter((_, index) => index % 3 !== 0);
  for (const texts of [first, later]) {
    for (const text of texts) ranks.add(text);
    const known = [...new Set(['', ...first, ...(texts === later ? later : [])])];
    const ranked = await ranks.rank(turn);
    const inOrder = known.toSorted(
      (one, other) => ranked[ranks.add(one)]! - ranked[ranks.add(other)]!,
    );
    t.same(
      inOrder,
      ascending.filter((text) => known.includes(text)),
    );
  }
  t.ok(ranks.sizeBytes > 0);
});
