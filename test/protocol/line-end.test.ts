import t from 'tap';
import {
  endsInQuotes,
  findAnnouncement,
  parseLiteralSize,
  trimCarriageReturn,
  trimCommandEnd,
} from '../../protocol/line-end.ts';

await t.test('findAnnouncement', (t) => {
  const find = (line: string) => findAnnouncement(Buffer.from(line, 'latin1'));
  t.same(find('a LOGIN {5}'), { sizeBytes: 5, isSynchronizing: true });
  t.same(find('a LOGIN {5+}\r'), { sizeBytes: 5, isSynchronizing: false });
  t.same(find('{0}'), { sizeBytes: 0, isSynchronizing: true });
  t.same(find(`${'x'.repeat(100)}{77}`), { sizeBytes: 77, isSynchronizing: true });
  t.same(find('{99999999999999999999+}'), { sizeBytes: Infinity, isSynchronizing: false });
  for (const line of ['', '{}', '{+}', '{5} ', '{5-}', '{-5}', '5}', '{5', '{5}\r\r', '{ 5}']) {
    t.equal(find(line), undefined, JSON.stringify(line));
  }
  t.end();
});

await t.test('parseLiteralSize', (t) => {
  t.equal(parseLiteralSize('0'), 0);
  t.equal(parseLiteralSize('000'), 0);
  t.equal(parseLiteralSize('0000000000000000000012'), 12);
  t.equal(parseLiteralSize('999999999999999'), 999_999_999_999_999);
  t.equal(parseLiteralSize('9999999999999999'), Infinity);
  t.end();
});

await t.test('endsInQuotes', (t) => {
  const ends = (line: string) => endsInQuotes(Buffer.from(line));
  t.equal(ends('a LOGIN "x {5}'), true);
  t.equal(ends('a LOGIN "x" {5}'), false);
  t.equal(ends(String.raw`a LOGIN "x\" {5}`), true);
  t.equal(ends(String.raw`a LOGIN "x\\" {5}`), false);
  t.equal(ends(String.raw`a LOGIN \"x {5}`), true, 'a backslash outside of quotes escapes nothing');
  t.end();
});

await t.test('trims', (t) => {
  t.equal(trimCarriageReturn(Buffer.from('a \r\r')).toString(), 'a \r');
  t.equal(trimCarriageReturn(Buffer.from('')).toString(), '');
  t.equal(trimCommandEnd(Buffer.from('a b  \r'), 0).toString(), 'a b');
  t.equal(trimCommandEnd(Buffer.from('a  \r'), 3).toString(), 'a  ');
  t.equal(trimCommandEnd(Buffer.from('a\r'), 2).toString(), 'a\r', "a literal's CR stays");
  t.equal(trimCommandEnd(Buffer.from('   '), 0).toString(), '');
  t.end();
});
