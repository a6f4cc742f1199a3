import t from 'tap';
import { compareWords, fuzzyWords, FuzzyTerm } from '../../../store/search/fuzzy-term.ts';

await t.test('words have neither case nor accents', (t) => {
  t.same(
    [...fuzzyWords('Déjà-vu: «Straße» 24h\r\n日本 I.M.A.P')],
    ['DEJA', 'VU', 'STRASSE', '24H', '日本', 'I', 'M', 'A', 'P'],
  );
  t.same([...fuzzyWords(' \r\n?')], []);
  t.end();
});

await t.test('how well words match', (t) => {
  for (const [wanted, word, quality] of [
    ['HELO', 'HELO', 1],
    ['HELO', 'HELLO', 0.8],
    ['HELO', 'HELP', 0.8],
    ['HELO', 'HLEO', 0.8],
    ['HELO', 'ELO', 0.8],
    ['HELO', 'HELIUM', 0],
    ['HEL', 'HEX', 0],
    ['BREAK', 'BREAKS', 0.9],
    ['BREAK', 'OUTBREAK', 0.7],
    ['BREAK', 'BROKEN', 0],
    ['MEETINGS', 'MEATING', 0.6],
    ['MEETINGS', 'MATING', 0],
    ['AB', 'ABC', 0],
    ['日', '今日本', 0.7],
  ] as const) {
    t.equal(compareWords(wanted, word), quality, `${wanted} ${word}`);
  }
  t.end();
});

await t.test(
  'the relevancy of a message is the mean of its words, of which half must match',
  (t) => {
    const relevancy = (wanted: string, ...texts: readonly (readonly [string, number])[]) => {
      const term = new FuzzyTerm(wanted);
      term.reset();
      for (const [text, weight] of texts) {
        term.weigh(weight);
        term.isIn(text);
      }
      return term.relevancy;
    };
    t.equal(relevancy('IMAP break', ['a break of IMAP', 1]), 100);
    t.equal(relevancy('IMAP break', ['broken IMAP', 1]), 50);
    t.equal(relevancy('IMAP break', ['IMAP', 0.4]), 20);
    t.equal(relevancy('IMAP break now', ['IMAP', 1]), 0, 'fewer than half');
    t.equal(relevancy('IMAP', ['IMAP', 0.4], ['imaps', 1], ['IMAP', 0.4]), 90, 'the best counts');
    t.equal(relevancy('?'), 100, 'nothing is asked for');
    const words = Array.from({ length: 40 }, (_, index) => `word${index}x`);
    t.equal(
      relevancy(words.join(' '), [words.slice(0, 16).join(' '), 1]),
      100,
      'the first 16 count',
    );
    t.equal(relevancy('x'.repeat(9000), ['x'.repeat(64), 1]), 100, 'of a word 64 characters');
    t.end();
  },
);
