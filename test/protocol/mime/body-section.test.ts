import t from 'tap';
import type { SectionText } from '../../../protocol/fetch-item.ts';
import { applyPartial, filterHeader, resolveSection } from '../../../protocol/mime/body-section.ts';
import { mimeLimits } from '../../../protocol/mime/limits.ts';
import { lines, walk } from './walk.ts';

const texts: Record<string, SectionText> = {
  '': { kind: 'all' },
  HEADER: { kind: 'header' },
  TEXT: { kind: 'text' },
  MIME: { kind: 'mime' },
};

/** The bytes of a section such as `1.2.MIME`; undefined for NIL. */
function section(message: string, name: string): string | undefined {
  const part = (name.match(/\d+/g) ?? []).map(Number);
  const text = texts[name.replace(/[\d.]/g, '')]!;
  const range = resolveSection(walk(message), { part, text });
  return range && message.slice(range.start, range.end);
}

// The tree of RFC 3501, section 6.4.5, with a few bytes in each place.
const example = lines(
  'Subject: root',
  'Content-Type: multipart/mixed; boundary=a',
  '',
  '--a',
  'X: 1',
  '',
  'part 1',
  '--a',
  'Content-Type: application/octet-stream',
  '',
  'part 2',
  '--a',
  'Content-Type: message/rfc822',
  '',
  'Subject: three',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'X: 3.1',
  '',
  'part 3.1',
  '--b',
  'Content-Type: application/octet-stream',
  '',
  'part 3.2',
  '--b--',
  '--a',
  'Content-Type: multipart/mixed; boundary=c',
  '',
  '--c',
  'Content-Type: image/gif',
  '',
  'part 4.1',
  '--c',
  'X: 4.2',
  'Content-Type: message/rfc822',
  '',
  'Subject: four two',
  'Content-Type: multipart/mixed; boundary=d',
  '',
  '--d',
  '',
  'part 4.2.1',
  '--d',
  'Content-Type: multipart/alternative; boundary=e',
  '',
  '--e',
  '',
  'part 4.2.2.1',
  '--e',
  'Content-Type: text/richtext',
  '',
  'part 4.2.2.2',
  '--e--',
  '--d--',
  '--c--',
  '--a--',
  '',
);

const messageHeader = (subject: string, boundary: string) =>
  `Subject: ${subject}\r\nContent-Type: multipart/mixed; boundary=${boundary}\r\n\r\n`;

await t.test('the example of RFC 3501, section 6.4.5', (t) => {
  t.equal(section(example, ''), example);
  t.equal(section(example, 'HEADER'), messageHeader('root', 'a'));
  t.equal(section(example, 'TEXT'), example.slice(messageHeader('root', 'a').length));
  t.equal(section(example, '1'), 'part 1');
  t.equal(section(example, '1.MIME'), 'X: 1\r\n\r\n');
  t.equal(section(example, '2'), 'part 2');
  t.match(section(example, '3'), /^Subject: three\r\n[^]*\r\n--b--$/);
  t.equal(section(example, '3.HEADER'), messageHeader('three', 'b'));
  t.match(section(example, '3.TEXT'), /^--b\r\nX: 3.1\r\n[^]*part 3.2\r\n--b--$/);
  t.equal(section(example, '3.MIME'), 'Content-Type: message/rfc822\r\n\r\n');
  t.equal(section(example, '3.1'), 'part 3.1');
  t.equal(section(example, '3.1.MIME'), 'X: 3.1\r\n\r\n');
  t.equal(section(example, '3.2'), 'part 3.2');
  t.match(section(example, '4'), /^--c\r\n[^]*\r\n--c--$/);
  t.equal(section(example, '4.1'), 'part 4.1');
  t.equal(section(example, '4.1.MIME'), 'Content-Type: image/gif\r\n\r\n');
  t.match(section(example, '4.2'), /^Subject: four two\r\n[^]*\r\n--d--$/);
  t.equal(section(example, '4.2.HEADER'), messageHeader('four two', 'd'));
  t.equal(section(example, '4.2.MIME'), 'X: 4.2\r\nContent-Type: message/rfc822\r\n\r\n');
  t.match(section(example, '4.2.TEXT'), /^--d\r\n[^]*\r\n--d--$/);
  t.equal(section(example, '4.2.1'), 'part 4.2.1');
  t.match(section(example, '4.2.2'), /^--e\r\n[^]*\r\n--e--$/);
  t.equal(section(example, '4.2.2.1'), 'part 4.2.2.1');
  t.equal(section(example, '4.2.2.2'), 'part 4.2.2.2');
  t.end();
});

await t.test('what is not there', (t) => {
  for (const name of ['5', '1.1', '2.1', '3.3', '3.1.1', '4.3', '4.1.1', '4.2.2.3', '4.2.2.2.1']) {
    t.equal(section(example, name), undefined, name);
  }
  for (const name of ['1.HEADER', '1.TEXT', '4.HEADER', '4.TEXT', '4.1.HEADER', 'MIME']) {
    t.equal(section(example, name), undefined, `${name}: not a message`);
  }
  t.equal(resolveSection(walk(example), { part: [0], text: { kind: 'all' } }), undefined);
  t.end();
});

await t.test('a message that is no multipart is its own part 1', (t) => {
  const message = lines('Subject: x', '', 'text', '');
  t.equal(section(message, '1'), 'text\r\n');
  t.equal(section(message, '1.MIME'), 'Subject: x\r\n\r\n');
  for (const name of ['2', '1.1', '1.HEADER', '1.TEXT'])
    t.equal(section(message, name), undefined, name);

  const nested = lines('Content-Type: message/rfc822', '', 'Subject: inner', '', 'text');
  t.equal(section(nested, '1'), 'Subject: inner\r\n\r\ntext');
  t.equal(section(nested, '1.HEADER'), 'Subject: inner\r\n\r\n');
  t.equal(section(nested, '1.TEXT'), 'text');
  t.equal(section(nested, '1.1'), 'text');
  t.equal(section(nested, '1.1.MIME'), 'Subject: inner\r\n\r\n');
  t.equal(section(nested, '1.1.1'), undefined);
  t.equal(section(nested, '1.2'), undefined);

  const encoded = lines(
    'Content-Type: message/rfc822',
    'Content-Transfer-Encoding: base64',
    '',
    'QQ==',
  );
  for (const name of ['1', '1.1', '1.TEXT']) t.equal(section(encoded, name), 'QQ==', name);
  for (const name of ['1.HEADER', '1.1.MIME']) t.equal(section(encoded, name), '', name);
  t.equal(section(encoded, '1.1.1'), undefined);
  t.end();
});

await t.test('a section of header fields is a header to be filtered', (t) => {
  const fieldNames = ['Subject'];
  const range = resolveSection(walk(example), {
    part: [3],
    text: { kind: 'header-fields', fieldNames },
  });
  t.match(range, { fieldNames, isNot: false });
  t.match(example.slice(range!.start, range!.end), /^Subject: three\r\n[^]*\r\n\r\n$/);
  t.match(
    resolveSection(walk(example), { part: [], text: { kind: 'header-fields-not', fieldNames } }),
    { start: 0, fieldNames, isNot: true },
  );
  t.equal(
    resolveSection(walk(example), { part: [1], text: { kind: 'header-fields', fieldNames } }),
    undefined,
  );
  t.end();
});

const filter = (header: string, names: string[], isNot = false) =>
  Buffer.from(filterHeader(Buffer.from(header, 'latin1'), names, isNot)).toString('latin1');

await t.test('filterHeader', (t) => {
  const header = 'A: 1\r\nB: 2\r\n folded\r\na: 3\r\nBroken line\r\n\r\n';
  t.equal(filter(header, ['a']), 'A: 1\r\na: 3\r\n\r\n');
  t.equal(filter(header, ['B', 'C']), 'B: 2\r\n folded\r\n\r\n');
  t.equal(filter(header, ['C']), '\r\n');
  t.equal(filter(header, ['a', 'b'], true), 'Broken line\r\n\r\n');
  t.equal(filter(header, ['C'], true), header);
  t.equal(filter('A: 1\nB: 2\n\n', ['B']), 'B: 2\n\n', 'bare LF');
  t.equal(filter('A: 1\r\nB: 2', ['A']), 'A: 1\r\n', 'no blank line in the message, none here');
  t.equal(filter('\r\n', ['A']), '\r\n');
  t.equal(filter('', ['A']), '');
  t.equal(
    filter('X-\xc0: 1\r\nx-\xe0: 2\r\n\r\n', ['x-\xc0']),
    'X-\xc0: 1\r\n\r\n',
    'ASCII case only',
  );
  t.end();
});

const partial = (offsetBytes: number, countBytes: number) => ({ offsetBytes, countBytes });

await t.test('a header without end is filtered up to a bound', (t) => {
  const size = 3 * mimeLimits.filteredHeaderBytes;
  const message = `Subject: here\r\n${'a\n'.repeat(size / 2)}`;
  const fieldNames = ['Subject'];
  const range = resolveSection(walk(message), {
    part: [],
    text: { kind: 'header-fields', fieldNames },
  })!;
  t.equal(range.end - range.start, mimeLimits.filteredHeaderBytes);
  t.equal(filter(message.slice(range.start, range.end), fieldNames), 'Subject: here\r\n');
  t.end();
});

await t.test('applyPartial gives no byte more than was asked for', (t) => {
  t.same(applyPartial(10), { start: 0, end: 10 });
  t.same(applyPartial(10_000, partial(0, 6144)), { start: 0, end: 6144 }, 'KB Q194998');
  t.same(applyPartial(10, partial(4, 3)), { start: 4, end: 7 });
  t.same(applyPartial(10, partial(8, 5)), { start: 8, end: 10 });
  t.same(applyPartial(10, partial(10, 1)), { start: 10, end: 10 });
  t.same(applyPartial(10, partial(4_294_967_295, 4_294_967_295)), { start: 10, end: 10 });
  t.same(applyPartial(0, partial(0, 1)), { start: 0, end: 0 });
  t.end();
});
