import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import t from 'tap';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { verdicts } from '../../../store/search/condition.ts';
import { fieldCondition } from '../../../store/search/field-condition.ts';
import { SearchTerm } from '../../../store/search/search-term.ts';
import { SearchedField } from '../../../store/search/searched-field.ts';
import { joinUsualFields } from '../../../store/usual-fields.ts';

/** A verdict on each header, in the way in which a search judges rows. */
function judge(
  headers: readonly (string | undefined)[],
  name: string,
  text: string,
  isNeeded?: Uint8Array,
): number[] {
  const fields = headers.map((header) =>
    header === undefined ? undefined : Buffer.from(header, 'latin1'),
  );
  const numbers = new Float64Array(headers.length);
  return [
    ...fieldCondition(name, new SearchTerm(text)).judgeRows(
      { uids: Uint32Array.from(numbers), bodyIds: numbers, usualFields: joinUsualFields(fields) },
      isNeeded,
    ),
  ];
}

/** The same by looking at every field of a header. */
function judgeAlone(header: string, name: string, text: string): number {
  const term = new SearchTerm(text);
  const fields = parseHeader(Buffer.from(header, 'latin1')).map((each) => new SearchedField(each));
  const isFound = fields.some((field) => field.name === name && field.hasTerm(term));
  return isFound ? verdicts.yes : verdicts.no;
}

/** What headers are put together of: words, folds, and all that stands for other text. */
const pieces = [
  ...'a b A. ab é \xa0 "a" (a) \\a <a@b> @ , =?utf-8?q?=C3=A9?= =?utf-8?q?b?= =?'.split(' '),
  ' ',
  '\t',
  '\r\n ',
  '\n\t ',
  '\r',
  '\0',
  '\x1b$BF|\x1b(B',
  "; a*=utf-8''%62",
];
const terms = 'a b ab é aé a.b a,b a@b <a@b> "a" (a) =? \0 日 日a ; a=b'.split(' ');
const names = ['subject', 'to', 'content-type'];
const starts = ['Subject: ', 'SUBJECT:', 'To: ', 'X-Other: ', 'Content-Type: a/b; '];

await t.test('headers that are passed over would not have matched', (t) => {
  const line = fc.tuple(
    fc.constantFrom(...starts),
    fc.array(fc.constantFrom(...pieces), { maxLength: 4 }),
  );
  const header = fc
    .array(line, { maxLength: 3 })
    .map(
      (lines) => `${lines.map(([start, words]) => `${start}${words.join('')}\r\n`).join('')}\r\n`,
    );
  const term = fc
    .array(fc.constantFrom(...terms, ' '), { minLength: 1, maxLength: 2 })
    .map((words) => words.join(''));
  let [foundCount, count] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(header, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(...names),
      term,
      (headers, name, text) => {
        const found = judge(headers, name, text);
        const expected = headers.map((each) => judgeAlone(each, name, text));
        count += expected.length;
        foundCount += expected.filter((verdict) => verdict === verdicts.yes).length;
        return isDeepStrictEqual(found, expected);
      },
    ),
    { numRuns: 5_000 },
  );
  t.ok(foundCount > 300 && foundCount < count / 2, `${foundCount} of ${count} have it`);
  t.end();
});

await t.test('headers are not mixed up with those beside them', (t) => {
  const { no, open, yes } = verdicts;
  const headers = [
    'Subject: one\r\n\r\n',
    undefined,
    'Subject: =?utf-8?q?three?=\r\n\r\n',
    'To: three\r\nSubject: f',
    'our\r\nSubject: one\r\n\ttwo   \r\n three\r\n\r\n',
    '\r\n',
  ];
  t.same(judge(headers, 'subject', 'ONE'), [yes, open, no, no, yes, no]);
  t.same(judge(headers, 'subject', 'three'), [no, open, yes, no, yes, no]);
  t.same(judge(headers, 'subject', 'one two three'), [no, open, no, no, yes, no]);
  t.same(judge(headers, 'subject', 'four'), [no, open, no, no, no, no]);
  t.same(judge(headers, 'subject', ''), [yes, open, yes, yes, yes, no]);
  t.same(judge(headers, 'to', ''), [no, open, no, yes, no, no]);
  const isNeeded = Uint8Array.of(0, 1, 1, 1, 1, 1);
  t.same(judge(headers, 'subject', 'one', isNeeded).slice(1), [open, no, no, yes, no]);
  t.same(judge(headers, 'x-other', 'one'), Array(6).fill(open), 'not a usual field');
  t.end();
});

await t.test('terms of any length, and only of white space', (t) => {
  const { no, yes } = verdicts;
  const words = 'word '.repeat(200);
  const headers = [`Subject: ${words}end\r\n`, `Subject: ${words}\r\n end\r\n`, 'Subject: end\r\n'];
  t.same(judge(headers, 'subject', `${words}END`), [yes, yes, no]);
  t.same(judge(headers, 'subject', `${words} end`), [no, no, no]);
  t.same(judge(headers, 'subject', ' '), [yes, yes, no]);
  t.same(judge(headers, 'subject', 'x'.repeat(10_000)), [no, no, no]);
  t.end();
});
