import t from 'tap';
import { findHeaderValue, parseHeader } from '../../../protocol/mime/header-fields.ts';

function parse(text: string) {
  return parseHeader(Buffer.from(text, 'latin1'));
}

await t.test('parseHeader reads names, values and ranges', (t) => {
  t.same(parse('A: one\r\nb :two\r\n\r\nC: body\r\n'), [
    { name: 'A', value: 'one', start: 0, end: 8 },
    { name: 'b', value: 'two', start: 8, end: 16 },
  ]);
  t.same(parse('A: one\nB: two'), [
    { name: 'A', value: 'one', start: 0, end: 7 },
    { name: 'B', value: 'two', start: 7, end: 13 },
  ]);
  t.same(parse('\r\nA: b'), []);
  t.same(parse(''), []);
  t.same(parse('A:'), [{ name: 'A', value: '', start: 0, end: 2 }]);
  t.end();
});

await t.test('parseHeader unfolds', (t) => {
  t.equal(parse('A: one\r\n two\r\n\tthree\r\n')[0]!.value, 'one two three');
  t.equal(parse('A: one \r\n \t  two\n\t\n three\tfour\r\n')[0]!.value, 'one two three\tfour');
  t.equal(parse('A:\r\n one\n two \r\n \r\n')[0]!.value, 'one two', 'a line of white space');
  t.equal(parse('A: one\r\n two\r\nB: x')[0]!.end, 14);
  t.equal(
    parse('A: \xa0\xe0\xa0')[0]!.value,
    '\xa0\xe0\xa0',
    '0xA0 is half a letter, not white space',
  );
  t.end();
});

await t.test('parseHeader gives lines that are no fields without a name', (t) => {
  const header = 'From joe Mon Jan  1 10:00:00 2024\r\nno colon\r\n: no name\r\nA: b\r\n';
  t.same(
    parse(header).map(({ name, value }) => [name, value]),
    [
      ['', 'From joe Mon Jan  1 10:00:00 2024'],
      ['', 'no colon'],
      ['', ': no name'],
      ['A', 'b'],
    ],
  );
  t.equal(parse(' continues nothing\r\nA: b')[1]!.name, 'A');
  t.end();
});

await t.test('parseHeader takes linear time', (t) => {
  for (const piece of ['\n', ' \n', ' ', 'a', 'a:\n', ':', '\r', '\r\n ', '\t \r']) {
    // CPU time, of which a busy machine takes no more; were it quadratic it would be minutes.
    const start = process.cpuUsage();
    parse(`A: ${piece.repeat(500_000)}x`);
    parse(`A:${piece.repeat(500_000)}`);
    t.ok(process.cpuUsage(start).user < 10_000_000, JSON.stringify(piece));
  }
  t.end();
});

await t.test('findHeaderValue', (t) => {
  const fields = parse('Subject: one\r\nSUBJECT: two\r\n');
  t.equal(findHeaderValue(fields, 'subject'), 'one');
  t.equal(findHeaderValue(fields, 'date'), undefined);
  t.end();
});
