import fc from 'fast-check';
import t from 'tap';
import type { SearchKey } from '../../../protocol/search-key.ts';
import { joinTerms } from '../../../store/search/any-term.ts';
import { judgeInSteps, makeCondition } from '../../../store/search/conditions.ts';
import { SearchTerm, TextMatcher } from '../../../store/search/search-term.ts';

const units = ['a', 'b', 'A', 'é', 'E\u0301', 'ß', 'ss', '日', '@', '.', ' ', 'ﬁ'];
const text = (minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...units), { minLength, maxLength }).map((all) => all.join(''));

await t.test('many terms are found together where one of them is found by itself', (t) => {
  let [foundCount, missedCount] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(text(0, 6), { minLength: 8, maxLength: 30 }),
      fc.array(text(0, 9), { maxLength: 4 }),
      (words, pieces) => {
        const wanted = words.filter((word) => word.length > 2);
        const terms = wanted.map((word) => new SearchTerm(word));
        const whole = pieces.join('');
        const isExpected = terms.some((term) => term.isIn(whole));
        if (isExpected) foundCount++;
        else missedCount++;
        const tests = joinTerms(wanted);
        const inPieces = (term: (typeof tests)[number]) => {
          const matcher = new TextMatcher(term);
          return pieces.map((piece) => matcher.push(piece)).includes(true);
        };
        // A mark at the beginning of a piece folds by itself.
        const isWhole = pieces.every((piece) => !piece.startsWith('\u0301'));
        return (
          tests.some((term) => term.isIn(whole)) === isExpected &&
          (!isWhole || tests.some(inPieces) === isExpected)
        );
      },
    ),
    { numRuns: 5_000 },
  );
  t.ok(foundCount > 100 && missedCount > 100, `${foundCount} found, ${missedCount} not`);
  t.end();
});

await t.test('most of many terms become one, and few that share their characters', (t) => {
  const count = (words: readonly string[]) => joinTerms(words).length;
  const addresses = Array.from({ length: 1000 }, (_, index) => `person${index}@mail.example`);
  t.ok(count(addresses) < 200, `${count(addresses)} tests`);
  t.equal(count(addresses.slice(0, 7)), 7, 'a few are quicker by themselves');
  t.equal(count(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', '']), 9, 'too short for a gram');
  const sameGram = Array.from({ length: 100 }, (_, index) => 'a'.repeat(3 + index));
  t.equal(count(sameGram), 97, 'one, of four terms, and the others');
  t.equal(count([...addresses, ...addresses]), count(addresses), 'each counts once');
  t.end();
});

await t.test('alternatives that look into one field go through it together', (t) => {
  const fields = ['From: a@one.example\r\n\r\n', 'From: b@two.example\r\n\r\n', 'To: a\r\n\r\n'];
  const offsets = [0];
  for (const each of fields) offsets.push(offsets.at(-1)! + each.length);
  const rows = {
    uids: Uint32Array.of(1, 2, 3),
    bodyIds: Float64Array.of(1, 2, 3),
    usualFields: { bytes: Buffer.from(fields.join('')), offsets: Uint32Array.from(offsets) },
  };
  const judge = (key: SearchKey) => {
    const steps = judgeInSteps(makeCondition(key, 3), rows);
    let stepCount = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) stepCount += 1;
    return { column: [...step.value], stepCount };
  };
  const keys = Array.from({ length: 500 }, (_, index): SearchKey => ({
    key: 'header',
    fieldName: 'From',
    text: `person${index}@here`,
  }));
  const wanted: SearchKey = { key: 'header', fieldName: 'FROM', text: 'TWO.example' };
  const any = [...keys, wanted].reduce((left, right) => ({ key: 'or', left, right }));
  const found = judge(any);
  t.same(found.column, [0, 2, 0]);
  t.ok(found.stepCount < 100, `${found.stepCount} steps`);
  const none: SearchKey = {
    key: 'and',
    keys: [...keys, wanted].map((operand) => ({ key: 'not', operand })),
  };
  const refused = judge(none);
  t.same(refused.column, [2, 0, 2]);
  t.ok(refused.stepCount < 100, `${refused.stepCount} steps`);
  t.end();
});
