import t from 'tap';
import { maxFetchItems } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const one = [{ first: 1, last: 1 }];
const simple = (...names: string[]) => names.map((item) => ({ item }));
const body = (part: number[], text: object, more: object = {}) => ({
  item: 'BODY[]',
  isPeek: false,
  section: { part, text },
  ...more,
});

/** The items of a FETCH, or the refusal. */
function items(text: string): unknown {
  const command = decode(`FETCH 1 ${text}`);
  return typeof command === 'object' && command.name === 'FETCH' ? command.items : command;
}

await t.test('items and macros', (t) => {
  t.same(decode('fetch 1 flags'), {
    name: 'FETCH',
    isUid: false,
    set: one,
    items: simple('FLAGS'),
  });
  t.same(decode('UID FETCH 2:* (UID)'), {
    name: 'FETCH',
    isUid: true,
    set: [{ first: 2, last: Infinity }],
    items: simple('UID'),
  });
  t.same(items('FAST'), simple('FLAGS', 'INTERNALDATE', 'RFC822.SIZE'));
  t.same(items('ALL'), simple('FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'));
  t.same(items('full'), simple('FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'));
  t.same(items('(FAST UID)'), simple('FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'UID'));
  t.same(
    items('(RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE BODY BODYSTRUCTURE MODSEQ ENVELOPE)'),
    simple(
      'RFC822',
      'RFC822.HEADER',
      'RFC822.TEXT',
      'RFC822.SIZE',
      'BODY',
      'BODYSTRUCTURE',
      'MODSEQ',
      'ENVELOPE',
    ),
  );
  t.same(items('(FLAGS UID flags BODY[] BODY[] FAST)'), [
    ...simple('FLAGS', 'UID'),
    body([], { kind: 'all' }),
    ...simple('INTERNALDATE', 'RFC822.SIZE'),
  ]);
  t.end();
});

await t.test('sections', (t) => {
  const fields = (kind: string, ...fieldNames: string[]) => ({ kind, fieldNames });
  for (const [text, expected] of [
    ['BODY[]', body([], { kind: 'all' })],
    ['body.peek[]', body([], { kind: 'all' }, { isPeek: true })],
    ['BODY[HEADER]', body([], { kind: 'header' })],
    ['BODY[text]', body([], { kind: 'text' })],
    ['BODY[1]', body([1], { kind: 'all' })],
    ['BODY[1.2.3]', body([1, 2, 3], { kind: 'all' })],
    ['BODY[1.MIME]', body([1], { kind: 'mime' })],
    ['BODY[4.2.HEADER]', body([4, 2], { kind: 'header' })],
    ['BODY[4.TEXT]', body([4], { kind: 'text' })],
    [
      'BODY[1.2.HEADER.FIELDS.NOT (Date "From" {2+}\r\nTo)]',
      body([1, 2], fields('header-fields-not', 'Date', 'From', 'To')),
    ],
    ['BODY[HEADER.FIELDS (SUBJECT)]', body([], fields('header-fields', 'SUBJECT'))],
    ['BODY[HEADER.FIELDS (SUBJECT )]', body([], fields('header-fields', 'SUBJECT'))],
    ['BODY[HEADER.FIELDS ( a  b )]', body([], fields('header-fields', 'a', 'b'))],
    [
      'BODY[]<0.6144>',
      body([], { kind: 'all' }, { partial: { offsetBytes: 0, countBytes: 6144 } }),
    ],
    [
      'BODY.PEEK[1]<5000000000.9007199254740991>',
      body(
        [1],
        { kind: 'all' },
        {
          isPeek: true,
          partial: { offsetBytes: 5e9, countBytes: Number.MAX_SAFE_INTEGER },
        },
      ),
    ],
  ] as const) {
    t.same(items(text), [expected], text);
    t.same(items(`(${text})`), [expected], text);
  }
  t.end();
});

await t.test('CHANGEDSINCE', (t) => {
  t.same(decode('FETCH 1 (FLAGS) (CHANGEDSINCE 12345)'), {
    name: 'FETCH',
    isUid: false,
    set: one,
    items: simple('FLAGS'),
    changedSince: 12_345,
  });
  t.match(decode('FETCH 1 FLAGS (changedsince 9007199254740991)'), {
    changedSince: Number.MAX_SAFE_INTEGER,
  });
  t.match(decode('FETCH 1 FLAGS (CHANGEDSINCE 0)'), { changedSince: 0 });
  t.match(
    decode('FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775807)'),
    { changedSince: Number.MAX_SAFE_INTEGER },
    '2^63 - 1: no message has such a one, nor one that a number holds exactly',
  );
  t.end();
});

await t.test('items that a capability brings are unknown without it', (t) => {
  for (const [item, capability] of [
    ['MODSEQ', 'CONDSTORE'],
    ['EMAILID', 'OBJECTID'],
    ['THREADID', 'OBJECTID'],
    ['SAVEDATE', 'SAVEDATE'],
    ['PREVIEW', 'PREVIEW'],
  ] as const) {
    const off = new Set([capability]);
    t.match(decode(`FETCH 1 ${item.toLowerCase()}`), { items: [{ item }] });
    t.equal(decode(`FETCH 1 ${item}`, { off }), `BAD Unknown FETCH item "${item}"`);
  }
  t.end();
});

await t.test('PREVIEW may be LAZY (RFC 8970)', (t) => {
  t.match(decode('FETCH 1 (preview (lazy) UID)'), {
    items: [{ item: 'PREVIEW' }, { item: 'UID' }],
  });
  t.match(decode('FETCH 1 PREVIEW (LAZY LAZY)'), { items: [{ item: 'PREVIEW' }] });
  t.match(decode('FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 5)'), { changedSince: 5 });
  t.match(decode('FETCH 1 PREVIEW (CHANGEDSINCE 5)'), { changedSince: 5 });
  t.equal(decode('FETCH 1 (PREVIEW ())'), 'BAD Expected FETCH item, got "())"');
  t.equal(decode('FETCH 1 (PREVIEW (LAZYER))'), 'BAD Expected FETCH item, got "(LAZYER))"');
  t.equal(decode('FETCH 1 (PREVIEW (LAZY EAGER))'), 'BAD Expected ")", got " EAGER))"');
  t.end();
});

await t.test('VANISHED stands with CHANGEDSINCE, in UID FETCH', (t) => {
  const command = {
    name: 'FETCH',
    isUid: true,
    set: one,
    items: simple('FLAGS'),
    changedSince: 5,
    isVanished: true,
  };
  t.same(decode('UID FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)'), command);
  t.same(decode('UID FETCH 1 FLAGS (vanished changedsince 5)'), command);
  const needs = 'BAD FETCH modifier "VANISHED" needs CHANGEDSINCE';
  t.equal(decode('UID FETCH 1 FLAGS (VANISHED)'), needs);
  const unknown = 'BAD Unknown FETCH modifier "VANISHED"';
  t.equal(decode('FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)'), unknown);
  const off = new Set(['QRESYNC'] as const);
  t.equal(decode('UID FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)', { off }), unknown);
  t.end();
});

await t.test('parts without their transfer encoding (RFC 3516)', (t) => {
  t.same(items('(BINARY[] binary.peek[1.2] BINARY[3]<0.10> BINARY.SIZE[4])'), [
    { item: 'BINARY[]', isPeek: false, part: [] },
    { item: 'BINARY[]', isPeek: true, part: [1, 2] },
    { item: 'BINARY[]', isPeek: false, part: [3], partial: { offsetBytes: 0, countBytes: 10 } },
    { item: 'BINARY.SIZE[]', part: [4] },
  ]);
  t.end();
});

await t.test('refusals name what came', (t) => {
  for (const [text, refusal] of [
    ['', 'BAD Expected space, got end of command'],
    ['()', 'BAD Expected FETCH items, got an empty list'],
    ['X-GM-MSGID', 'BAD Unknown FETCH item "X-GM-MSGID"'],
    ['BINARY', 'BAD Unknown FETCH item "BINARY"'],
    ['BINARY[1.]', 'BAD Expected part number above 0, got "]"'],
    ['BINARY[HEADER]', 'BAD Expected part number above 0, got "HEADER]"'],
    ['BINARY.SIZE[1]<0.1>', 'BAD Expected end of command, got "<0.1>"'],
    [`BINARY[${'1.'.repeat(128)}1]`, 'BAD Section part has more than 128 numbers'],
    ['BODY.PEEK', 'BAD Unknown FETCH item "BODY.PEEK"'],
    ['BODY[0]', 'BAD Expected part number above 0, got "0]"'],
    ['BODY[1.]', 'BAD Expected section, got "]"'],
    ['BODY[MIME]', 'BAD Expected section, got "MIME]"'],
    ['BODY[FOO]', 'BAD Expected section, got "FOO]"'],
    ['BODY[TEXT', 'BAD Expected "]", got end of command'],
    ['BODY[HEADER.FIELDS]', 'BAD Expected space, got "]"'],
    ['BODY[HEADER.FIELDS ()]', 'BAD Expected header field names, got an empty list'],
    ['BODY[]<0.0>', 'BAD Expected byte count above 0, got "0>"'],
    ['BODY[]<0>', 'BAD Expected ".", got ">"'],
    ['BODY[]<-1.5>', 'BAD Expected offset, got "-1.5>"'],
    ['FLAGS UID', 'BAD Expected list of FETCH modifiers, got "UID"'],
    ['FLAGS (VANISHED)', 'BAD Unknown FETCH modifier "VANISHED"'],
    [
      'FLAGS (CHANGEDSINCE 9223372036854775808)',
      'BAD Expected modseq up to 9223372036854775807, got "9223372036854775808)"',
    ],
    ['FLAGS (CHANGEDSINCE -1)', 'BAD Expected modseq, got "-1)"'],
    ['FLAGS (CHANGEDSINCE 1x)', 'BAD Expected modseq, got "1x)"'],
    ['FLAGS (CHANGEDSINCE)', 'BAD Expected space, got ")"'],
    ['(FLAGS)x', 'BAD Expected end of command, got "x"'],
  ] as const) {
    t.equal(items(text), refusal, text);
  }
  t.equal(decode('FETCH 1:0 FLAGS'), 'BAD Expected sequence set, got "1:0"');
  t.equal(decode('FETCH'), 'BAD Expected space, got end of command');
  const many = Array(maxFetchItems + 1)
    .fill('UID')
    .join(' ');
  t.equal(items(`(${many})`), `BAD More than ${maxFetchItems} FETCH items`);
  t.equal(items(`BODY[${'1.'.repeat(200)}TEXT]`), 'BAD Section part has more than 128 numbers');
  t.end();
});

await t.test('PARTIAL of UID FETCH', (t) => {
  const range = { first: 1, last: 30, isFromEnd: true, text: '-1:-30' };
  for (const modifiers of ['PARTIAL -1:-30 CHANGEDSINCE 5', 'CHANGEDSINCE 5 PARTIAL -1:-30']) {
    t.match(decode(`UID FETCH 1:9 FLAGS (${modifiers})`), { partial: range, changedSince: 5 });
  }
  t.equal(decode('FETCH 1 FLAGS (PARTIAL 1:2)'), 'BAD Unknown FETCH modifier "PARTIAL"');
  t.equal(
    decode('UID FETCH 1 FLAGS (PARTIAL 1:*)'),
    'BAD Expected result number above 0, got "*)"',
  );
  t.end();
});
