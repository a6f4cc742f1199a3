import t from 'tap';
import { mimeLimits } from '../../../protocol/mime/limits.ts';
import { MimeWalker } from '../../../protocol/mime/mime-walker.ts';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { allParts, lines, walk } from './walk.ts';

/** The bytes of a part's body. */
function bodyOf(message: string, part: MimePart): string {
  return message.slice(part.bodyStart, part.end);
}

function headerOf(message: string, part: MimePart): string {
  return message.slice(part.headerStart, part.bodyStart);
}

/** The bodies of the root's children. */
function bodies(message: string): string[] {
  return (walk(message).children ?? []).map((child) => bodyOf(message, child));
}

await t.test('a message that is no multipart', (t) => {
  t.match(walk('').bodyStart, 0, 'no bytes at all');
  t.match(walk(''), { headerStart: 0, end: 0, type: 'text', subtype: 'plain', lineCount: 0 });
  const plain = lines('Subject: a', '', 'one', 'two', '');
  t.equal(headerOf(plain, walk(plain)), 'Subject: a\r\n\r\n');
  t.equal(bodyOf(plain, walk(plain)), 'one\r\ntwo\r\n');
  t.equal(walk(plain).lineCount, 2);
  t.equal(walk(lines('Subject: a', '', 'one', 'two')).lineCount, 1, 'line breaks are counted');
  const headerOnly = walk('Subject: a\r\n');
  t.match(headerOnly, { bodyStart: 12, end: 12 }, 'a header without blank line is all header');
  t.equal(walk('\r\nbody').bodyStart, 2, 'an empty header');
  t.equal(walk('\nbody').bodyStart, 1);
  t.equal(walk('a: b\n \r\nbody').bodyStart, 12, 'a line of white space continues the header');
  t.equal(walk('a: b\r\n\rx\r\n\r\nc').bodyStart, 12, 'a lone CR is no line break');
  t.end();
});

await t.test('boundaries', (t) => {
  const head = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
  t.same(bodies(`${head}--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n`), ['one', 'two']);
  t.same(bodies(`${head}pre\r\n--b\r\n\r\none\r\n--b--\r\nepi\r\n--b\r\n\r\nno`), ['one']);
  t.same(bodies(`${head}--b\r\n\r\none\r\n--b \t\r\n\r\ntwo\r\n--b-- \r\n`), ['one', 'two']);
  t.same(
    bodies(`${head}--b\r\n\r\none\r\n--bb\r\n--b\r\n\r\n2`),
    ['one\r\n--bb', '2'],
    'whole lines',
  );
  t.same(
    bodies(`${head}--b\r\n\r\none\r\n\r\n--b--`),
    ['one\r\n'],
    'one line break is the delimiter’s',
  );
  t.same(bodies(`${head}--b\r\n\r\nnever closed\r\n`), ['never closed\r\n']);
  t.same(bodies(`${head}--b\n\none\n--b\n\ntwo\n--b--\n`), ['one', 'two'], 'bare LF');
  t.same(bodies(`${head}--b\r\n\r\none\n--b--`), ['one'], 'LF before, CRLF elsewhere');
  t.same(bodies(`${head}--b\r\n\r\n\r\n--b--`), [''], 'an empty body');
  t.same(bodies(`${head}--b\r\n\r\n--b--`), [''], 'no body');
  t.same(bodies(`${head}--b\r\n\r\nx --b--\r\ny`), ['x --b--\r\ny'], 'only at the start of a line');
  t.same(
    bodies(`${head.replace('=b', '*0="a "; boundary*1=b')}--a b\r\n\r\none\r\n--a b--`),
    ['one'],
    'in pieces',
  );
  t.same(
    bodies(`${head.replace('=b', "*=us-ascii''%62%2B")}--b+\r\n\r\none\r\n--b+--`),
    ['one'],
    'percent-encoded',
  );
  const padded = head.replace('=b', '="b "');
  t.same(bodies(`${padded}--b\r\n\r\none\r\n--b--`), ['one'], 'white space ends no boundary');
  t.same(bodies(`${head}--B\r\n\r\none\r\n--b\r\n\r\ntwo`), ['two'], 'case matters');
  t.end();
});

await t.test('boundaries of nested multiparts', (t) => {
  const outer = 'Content-Type: multipart/mixed; boundary=b';
  const inner = 'Content-Type: multipart/mixed; boundary=';
  const open = lines(
    outer,
    '',
    '--b',
    `${inner}c`,
    '',
    '--c',
    '',
    'deep',
    '--b',
    '',
    'wide',
    '--b--',
  );
  const root = walk(open);
  t.equal(
    bodyOf(open, root.children![0]!),
    lines('--c', '', 'deep'),
    'the outer one closes the inner',
  );
  t.equal(bodyOf(open, root.children![0]!.children![0]!), 'deep');
  t.equal(bodyOf(open, root.children![1]!), 'wide');

  const prefix = lines(
    outer,
    '',
    '--b',
    `${inner}b-`,
    '',
    '--b-',
    '',
    'deep',
    '--b---',
    '--b',
    '',
    'wide',
  );
  t.equal(bodyOf(prefix, walk(prefix).children![0]!.children![0]!), 'deep');
  t.equal(bodyOf(prefix, walk(prefix).children![1]!), 'wide');

  const same = lines(
    outer,
    '',
    '--b',
    `${inner}b`,
    '',
    '--b',
    '',
    'deep',
    '--b--',
    '--b',
    '',
    'wide',
    '--b--',
  );
  t.equal(bodyOf(same, walk(same).children![0]!.children![0]!), 'deep', 'the inner one first');
  t.equal(bodyOf(same, walk(same).children![1]!), 'wide', 'then the outer one again');

  const closing = lines(
    'Content-Type: multipart/mixed; boundary="c--"',
    '',
    '--c--',
    '',
    'x',
    '--c----',
  );
  t.same(bodies(closing), ['x'], 'a boundary that ends like a close delimiter');

  const both = lines(
    'Content-Type: multipart/mixed; boundary="c--"',
    '',
    '--c--',
    `${inner}c`,
    '',
    '--c',
    '',
    'deep',
    '--c--',
    'epilogue',
    '--c----',
  );
  const closed = walk(both).children!;
  t.equal(closed.length, 1, 'close delimiter of the inner one before delimiter of the outer one');
  t.equal(bodyOf(both, closed[0]!.children![0]!), 'deep');
  t.end();
});

await t.test('a part whose header is cut short', (t) => {
  const message = lines(
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/html',
    '--b',
    '--b--',
    '',
  );
  const [html, empty] = walk(message).children!;
  t.equal(headerOf(message, html!), 'Content-Type: text/html\r\n', 'a delimiter ends a header');
  t.match(html, { type: 'text', subtype: 'html' });
  t.equal(html!.bodyStart, html!.end);
  t.match(empty, { type: 'text', subtype: 'plain', lineCount: 0 });
  t.equal(headerOf(message, empty!), '');
  t.end();
});

await t.test('a multipart without parts gets one that is its body', (t) => {
  for (const type of [
    'multipart/mixed',
    'multipart/mixed; boundary=""',
    'multipart/mixed; boundary=x',
  ]) {
    const message = lines(`Content-Type: ${type}`, '', 'some', 'text', '');
    t.match(walk(message), { type: 'multipart', children: { length: 1 } }, type);
    t.match(walk(message).children![0], { type: 'text', subtype: 'plain', lineCount: 2 });
    t.same(bodies(message), ['some\r\ntext\r\n']);
  }
  t.end();
});

await t.test('messages in messages', (t) => {
  const message = lines(
    'Subject: outer',
    'Content-Type: message/rfc822',
    '',
    'Subject: middle',
    'Content-Type: message/rfc822',
    '',
    'Subject: inner',
    '',
    'text',
  );
  const root = walk(message);
  const inner = root.message!.message!;
  t.equal(headerOf(message, inner), 'Subject: inner\r\n\r\n');
  t.equal(bodyOf(message, inner), 'text');
  t.match(root.envelope, /"outer"/);
  t.match(inner.envelope, /"inner"/);
  t.equal(walk('Content-Type: message/global\r\n\r\nA: b\r\n\r\nx').message?.bodyStart, 40);

  const encoded = walk(
    lines('Content-Type: message/rfc822', 'Content-Transfer-Encoding: BASE64', '', 'QQ=='),
  );
  t.equal(encoded.message, undefined, 'an encoded message is not opened');
  t.equal(encoded.encoding, 'base64');
  t.end();
});

const wrapMessage = (...inner: string[]) =>
  lines(
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: message/rfc822',
    '',
    ...inner,
    '--b--',
  );

await t.test('a message in a part ends with the part', (t) => {
  const withBody = wrapMessage('Subject: x', '', 'text');
  t.equal(bodyOf(withBody, walk(withBody).children![0]!.message!), 'text');
  for (const inner of [['Subject: x'], ['Subject: x', ''], [], ['']]) {
    const message = wrapMessage(...inner);
    const part = walk(message).children![0]!;
    t.equal(part.message!.end, part.end, JSON.stringify(inner));
    t.equal(part.message!.headerStart, part.bodyStart);
    t.equal(part.message!.bodyStart, part.end, 'a header keeps its line breaks');
  }
  t.end();
});

await t.test('parts of a digest are messages by default', (t) => {
  const message = lines(
    'Content-Type: multipart/digest; boundary=b',
    '',
    '--b',
    '',
    'Subject: first',
    '',
    'text',
    '--b',
    'Content-Type: text/plain',
    '',
    'no message',
    '--b--',
  );
  const [first, second] = walk(message).children!;
  t.match(first, { type: 'message', subtype: 'rfc822', parameters: [] });
  t.equal(bodyOf(message, first!.message!), 'text');
  t.match(second, { type: 'text', subtype: 'plain' });
  t.end();
});

await t.test('lines longer than a delimiter can be are text', (t) => {
  const long = 'b'.repeat(mimeLimits.delimiterLineBytes);
  const message = lines(
    `Content-Type: multipart/mixed; boundary=${long}`,
    '',
    `--${long}`,
    '',
    'x',
    `--${long}--`,
  );
  t.equal(walk(message).children![0]!.bodyStart, message.indexOf('\r\n\r\n') + 4);
  const fitting = 'b'.repeat(mimeLimits.delimiterLineBytes - 6);
  const other = message.replaceAll(long, fitting);
  t.same(bodies(other), ['x'], 'a delimiter of just the bound is one');
  for (const step of [1, 1000]) t.same(walk(message, step), walk(message), `chunks of ${step}`);
  t.end();
});

await t.test('a long header line that begins like a delimiter is read whole', (t) => {
  const field = `--${'x'.repeat(mimeLimits.delimiterLineBytes - 2)}Content-Type: text/html`;
  const message = lines(
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    field,
    '',
    'x',
    '--b--',
  );
  for (const step of [1, 100, 10_000]) t.equal(walk(message, step).children![0]!.subtype, 'plain');
  t.end();
});

await t.test('bounds', (t) => {
  const nested = Array.from({ length: 500 }, (_, level) =>
    lines(`Content-Type: multipart/mixed; boundary=b${level}.`, '', `--b${level}.`, ''),
  ).join('');
  t.equal(allParts(walk(nested)).length, mimeLimits.depth + 1, 'depth of multiparts');
  const messages = 'Content-Type: message/rfc822\r\n\r\n'.repeat(500);
  t.equal(allParts(walk(messages)).length, mimeLimits.depth, 'depth of messages');

  const parts = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n'.repeat(20_000)}`;
  t.equal(allParts(walk(parts)).length, mimeLimits.partCount, 'parts');
  t.equal(walk(parts).end, parts.length);
  t.equal(
    allParts(walk(parts.replace('mixed', 'digest'))).length,
    mimeLimits.partCount,
    'messages',
  );
  t.end();
});

/** Walks in chunks and tells which bound the message is over. */
function excessOf(message: string, chunkBytes = 64 * 1024): string | undefined {
  const bytes = Buffer.from(message, 'latin1');
  const walker = new MimeWalker();
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    walker.push(bytes.subarray(start, start + chunkBytes));
  }
  walker.finish();
  return walker.excess;
}

await t.test('fields are found wherever they stand in a header', (t) => {
  const received = `Received: ${'x'.repeat(900)}\r\n\tby here\r\n`.repeat(500);
  const recipients = Array.from(
    { length: 6000 },
    (_, index) => `Person ${index} <p${index}@example.test>`,
  );
  const to = `To: ${recipients.join(',\r\n ')}\r\n`;
  const junk = `${'no field '.repeat(300_000)}\r\n`;
  const head = `${received}${junk}${to}`;
  const message = `${head}CONTENT-TYPE : multipart/mixed;\r\n boundary=b\r\nSubject: late\r\n\r\n--b\r\n\r\nx\r\n--b--`;
  for (const chunkBytes of [64 * 1024, 7]) {
    const root = walk(message, chunkBytes);
    t.match(root, { type: 'multipart', subtype: 'mixed' });
    t.equal(root.children!.length, 1);
    t.match(root.envelope, /"late"/);
    t.match(root.envelope, /"p5999" "example.test"/);
    t.equal(excessOf(message, chunkBytes), undefined);
  }
  t.end();
});

await t.test('a message over a bound says so', (t) => {
  const tooLong = `A header has at most ${mimeLimits.headerBytes} bytes`;
  const filling = (bytes: number) => 'X-A: b\r\n'.repeat(bytes / 8);
  const field = 'Subject: abcde\r\n';
  const fitting = filling(mimeLimits.headerBytes - field.length) + field;
  t.equal(excessOf(`${fitting}X\r\n\r\nbody: x\r\n`), undefined, 'just the bound');
  t.equal(excessOf(`${fitting.replace('b\r', 'bc\r')}\r\nbody`), tooLong);
  t.equal(excessOf(`${fitting}X:\r\n\r\nbody`), tooLong);
  t.equal(excessOf(`${fitting} \r\n\r\nbody`), tooLong, 'a continuation');
  t.equal(excessOf(`${fitting}X:\r\n\r\nbody`, 1), tooLong, 'byte by byte');
  t.equal(excessOf(`Subject: ${'x'.repeat(mimeLimits.headerBytes)}`), tooLong, 'one line');
  t.equal(excessOf('x'.repeat(3 * mimeLimits.headerBytes)), undefined, 'what is no field');

  const walker = new MimeWalker();
  walker.push(Buffer.from(`Subject: ${'x'.repeat(mimeLimits.headerBytes)}`));
  t.equal(walker.excess, tooLong, 'before the header ends');

  const part = `--b\r\nContent-Description: ${'x'.repeat(100_000)}\r\n\r\n`;
  const message = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(100)}`;
  const together = `The headers of a message have at most ${mimeLimits.structureBytes} bytes together`;
  t.equal(excessOf(message), together);
  t.equal(excessOf(message.slice(0, mimeLimits.structureBytes)), undefined);
  t.equal(walk(message).children!.length, 100, 'the parts are there');

  const senders = (count: number) => `From: ${'a,'.repeat(count - 1)}a\r\n\r\n`;
  const tooMany = `An address field has at most ${mimeLimits.addressCount} addresses`;
  t.equal(excessOf(senders(mimeLimits.addressCount)), undefined);
  t.equal(excessOf(senders(mimeLimits.addressCount + 1)), tooMany);
  const digest = `Content-Type: multipart/digest; boundary=b\r\n\r\n${`--b\r\n\r\n${senders(10_000)}`.repeat(100)}`;
  t.equal(excessOf(digest), together, 'envelopes');
  const structure = JSON.stringify(walk(digest));
  t.ok(structure.length < 4 * mimeLimits.structureBytes, `${structure.length} bytes of structure`);
  t.end();
});

await t.test('memory does not grow with the message', (t) => {
  const walker = new MimeWalker();
  walker.push(Buffer.from('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n'));
  const chunk = Buffer.alloc(64 * 1024, 'some text in lines\r\n--not the boundary\r\n');
  const before = process.memoryUsage();
  for (let count = 0; count < 800; count++) walker.push(chunk);
  const after = process.memoryUsage();
  t.ok(after.arrayBuffers - before.arrayBuffers < 1024 * 1024, 'no bytes are kept');
  const tail = Buffer.from('\r\n--b--\r\n');
  walker.push(tail);
  const root = walker.finish();
  t.equal(root.children![0]!.end, root.end - tail.length);
  t.end();
});
