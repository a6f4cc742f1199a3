import * as fc from 'fast-check';
import t from 'tap';
import { foldText } from '../../../store/search/fold-text.ts';

await t.test('what i;unicode-casemap takes for equal folds to the same', (t) => {
  for (const [a, b] of [
    ['Straße', 'STRASSE'],
    ['ÉTÉ', 'e\u0301te\u0301'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['ﬁx', 'FIX'],
    ['ｆｕｌｌ', 'FULL'],
    ['ПРИВЕТ', 'привет'],
    ['ǆ', 'Ǆ'],
    ['K', '\u212a'],
    ['10〜20', '10～20'],
    ['a・b', 'a·b'],
    ['−5‖', '－5∥'],
    ['——', '――'],
  ] as const) {
    t.equal(foldText(a), foldText(b), `${a} and ${b}`);
  }
  t.not(foldText('é'), foldText('e'), 'accents count');
  t.not(foldText('istanbul'), foldText('İstanbul'));
  t.end();
});

await t.test('folding twice is folding once', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const folded = foldText(text);
      return foldText(folded) === folded;
    }),
  );
  t.end();
});

await t.test('where a text contains another, so do the folded ones', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      (before, term, after) => foldText(`${before}${term}${after}`).includes(foldText(term)),
    ),
  );
  t.end();
});

/** What folding is, in the words of Unicode. */
function foldSlowly(text: string): string {
  const folded = text.normalize('NFKD').toUpperCase().normalize('NFKD');
  const doubles: Readonly<Record<string, string>> = {
    '〜': '~',
    '∼': '~',
    '∥': '‖',
    '−': '-',
    '―': '—',
    '・': '·',
  };
  return Array.from(folded, (character) => doubles[character] ?? character).join('');
}

await t.test('every character folds as Unicode has it, wherever it stands', (t) => {
  const wrong: string[] = [];
  // Behind and before characters that take part in putting marks in order, and some that do not.
  const neighbours = ['', 'a', 'é', '\u0301', '\u0323', 'ᾳ', '한', '\u{1d165}', '\ud800', 'ß'];
  for (let number = 0; number <= 0xffff; number++) {
    const text = neighbours
      .map((neighbour) => `${neighbour}${String.fromCharCode(number)}${neighbour}é\u0345\u0323`)
      .join(' ');
    if (foldText(text) !== foldSlowly(text)) wrong.push(`U+${number.toString(16)}`);
  }
  t.same(wrong, []);
  t.end();
});

await t.test('so does any text', (t) => {
  const unit = fc.oneof(
    fc.constantFrom(...Array.from('aZ \u00a0éßÅœ\u0301\u0323\u0345ΐΣςя“…€ﬁ한日−・\ud83d\ude00')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
    fc.integer({ min: 0, max: 0x2fff }).map((number) => String.fromCharCode(number)),
    fc.constant('\ud800'),
  );
  fc.assert(
    fc.property(
      fc.string({ unit, maxLength: 40 }),
      fc.constantFrom(0, 8_150, 8_185, 8_191, 16_380),
      fc.constantFrom('x', 'é', '\u0301', '日'),
      (text, length, filler) => {
        const whole = filler.repeat(length) + text;
        return foldText(whole) === foldSlowly(whole);
      },
    ),
    { numRuns: 1_000 },
  );
  t.end();
});
