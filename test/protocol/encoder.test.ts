import * as fc from 'fast-check';
import { match, ok } from 'node:assert/strict';
import { isAscii, isUtf8 as isUtf8Bytes } from 'node:buffer';
import t from 'tap';
import type { EnabledExtension } from '../../protocol/capability.ts';
import { Encoder } from '../../protocol/encoder.ts';
import {
  type ByteText,
  encodeBodySection,
  encodeFlagList,
  EncoderError,
  readByteText,
  readWireText,
} from '../../protocol/wire-text.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';

/** An encoder, and what it has written so far, one character a byte. */
function makeEncoder(chunkBytes = 1 << 20, enabled = new Set<EnabledExtension>()) {
  const chunks: string[] = [];
  const out = new Encoder(
    {
      write: (data) => {
        chunks.push(typeof data === 'string' ? data : Buffer.from(data).toString('latin1'));
      },
    },
    chunkBytes,
    enabled,
  );
  const written = () => {
    out.flush();
    return chunks.join('');
  };
  return { out, chunks, written, enabled };
}

await t.test('many numbers', (t) => {
  const { out, written } = makeEncoder();
  out.begin().atom('SEARCH').numbers([1, 2]).numbers([]).numbers([7]).end();
  t.equal(written(), '* SEARCH 1 2 7\r\n');
  t.end();
});

await t.test('lists that stand side by side', (t) => {
  const { out, written } = makeEncoder();
  out.begin().atom('THREAD').open().number(2).closeThread().open().number(3).number(6);
  out.open().number(4).closeThread().open().open().number(7).closeThread().closeThread();
  out.closeThread().end();
  t.equal(written(), '* THREAD (2)(3 6 (4)((7)))\r\n');
  t.end();
});

await t.test('a sequence set in pieces', (t) => {
  const { out, written } = makeEncoder();
  out.beginEsearch('a"1', true).atom('ALL').beginSet();
  out.addToSet([1, 2, 3]).addToSet([]).addToSet(Uint32Array.of(4, 7)).addToSet([6, 9, 10]);
  out.endSet().atom('COUNT').number(8).end();
  out.beginEsearch('a2', false).atom('ALL').beginSet().addToSet([5]).endSet().end();
  t.equal(
    written(),
    '* ESEARCH (TAG "a\\"1") UID ALL 1:4,7,6,9:10 COUNT 8\r\n* ESEARCH (TAG "a2") ALL 5\r\n',
  );
  t.throws(() => out.addToSet([1]), EncoderError, 'not begun');
  out.begin().beginSet();
  t.throws(() => out.number(1), EncoderError, 'not ended');
  t.throws(() => out.end(), EncoderError, 'not ended');
  t.ok(out.takeBack());
  t.throws(() => out.endSet(), EncoderError, 'taken back');
  t.end();
});

await t.test('items have spaces between them', (t) => {
  const { out, written } = makeEncoder();
  out.begin().atom('LIST').flags(['\\Noselect']).string('/').mailbox('a b').end();
  out.begin().number(3).atom('FETCH').open().atom('UID').number(7).atom('BODY');
  out.open().nstring(undefined).open().close().close().close().end();
  out.begin('a1').atom('X').astring('y').wire(encodeFlagList([])).end();
  t.equal(
    written(),
    '* LIST (\\Noselect) "/" "a b"\r\n* 3 FETCH (UID 7 BODY (NIL ()))\r\na1 X y ()\r\n',
  );
  t.end();
});

await t.test('status responses and continuation requests', (t) => {
  const { out, written, enabled } = makeEncoder();
  out.status('*', 'OK', 'Ready', 'CAPABILITY IMAP4rev1 IDLE');
  out.status('a]', 'NO', '[No] \u010d\u010a* 9 EXISTS');
  enabled.add('UTF8=ACCEPT');
  out.status('*', 'BYE', 'Zoë');
  out.continuation('Ready\r\n');
  out.challenge(new Uint8Array());
  out.challenge(Buffer.from('Password\0'));
  t.equal(
    written(),
    '* OK [CAPABILITY IMAP4rev1 IDLE] Ready\r\na] NO (No] ??* 9 EXISTS\r\n* BYE Zo\xc3\xab\r\n' +
      '+ Ready \r\n+ \r\n+ UGFzc3dvcmQA\r\n',
  );
  for (const code of [
    '',
    'A] x',
    'NOUPDATE "a"]',
    'NOUPDATE "a b]"',
    'A\r\n',
    'É',
    '\u010d\u010a',
  ]) {
    t.throws(
      () => out.status('*', 'OK', 'x', code as ResponseCode),
      EncoderError,
      JSON.stringify(code),
    );
  }
  for (const tag of ['', '+', 'a b', 'a\r\n', '**', '\u010a']) {
    t.throws(() => out.status(tag, 'OK', 'x'), EncoderError, JSON.stringify(tag));
  }
  out.status('*', 'OK', 'What was refused has written nothing');
  t.match(written(), /A\r\n\* OK What was refused has written nothing\r\n$/);
  out.status('*', 'NO', 'Too many', 'NOUPDATE "a]b"');
  t.match(written(), /\r\n\* NO \[NOUPDATE "a\]b"\] Too many\r\n$/, 'brackets in a quoted tag');
  t.end();
});

await t.test('flags of a message in one step, as they would be item by item', (t) => {
  const flags = encodeFlagList(['\\Seen']);
  const each = makeEncoder();
  each.out.fetchFlags(1, 2, true, flags, 3);
  each.out.fetchFlags(1, 2, false, flags);
  each.out.fetchFlags(1, 2, true, undefined, 3);
  each.out.fetchFlags(1, 2, false, undefined, 3);
  each.out.fetchFlags(1, 2, false, flags, 3);
  t.equal(
    each.written(),
    [
      '* 1 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (3))',
      '* 1 FETCH (FLAGS (\\Seen))',
      '* 1 FETCH (UID 2 MODSEQ (3))',
      '* 1 FETCH (MODSEQ (3))',
      '* 1 FETCH (FLAGS (\\Seen) MODSEQ (3))',
      '',
    ].join('\r\n'),
  );
  t.end();
});

await t.test('a literal has the bytes that it announces', (t) => {
  const { out, chunks, written } = makeEncoder(10);
  out.begin().atom('X').literal(4).bytes(Buffer.from('a\0')).bytes(Buffer.from('\r\xff', 'latin1'));
  out.literal(0).bytes(new Uint8Array()).atom('Y').end();
  t.equal(written(), '* X {4}\r\na\x80\r\xff {0}\r\n Y\r\n', 'NUL cannot be sent');
  out.begin().literal8(2).bytes(Buffer.from('a\0')).literal(1).bytes(Buffer.from('\0')).end();
  t.equal(written().slice(-19), '* ~{2}\r\na\0 {1}\r\n\x80\r\n', 'but in a literal8');
  out.begin().literal(5000).bytes(Buffer.alloc(5000, 'x')).end();
  t.equal(written().slice(-5012), `* {5000}\r\n${'x'.repeat(5000)}\r\n`);
  t.ok(chunks.includes('x'.repeat(5000)), 'a large piece is handed on as it is');
  out.begin().literal(3).bytes(Buffer.from('ab'));
  t.throws(() => out.end(), EncoderError, 'too few');
  t.throws(() => out.atom('x'), EncoderError, 'too few');
  t.throws(() => out.bytes(Buffer.from('cd')), EncoderError, 'too many');
  out.bytes(Buffer.from('c'));
  t.throws(() => out.bytes(Buffer.from('d')), EncoderError, 'too many');
  out.end();
  t.end();
});

await t.test('literals that are pieces of one text', (t) => {
  const chunks: (string | Uint8Array)[] = [];
  const out = new Encoder({ write: (data) => void chunks.push(data) }, 50);
  const text = readByteText(Buffer.from(`one\0\xfftwo${'x'.repeat(100)}`, 'latin1'));
  out
    .begin()
    .literalText(text.slice(0, 5) as ByteText)
    .literalText(text.slice(5, 8) as ByteText);
  out.literalText('' as ByteText).end();
  out.flush();
  // As bytes, so that nothing of the text waits for the client.
  const expected = '* {5}\r\none\x80\xff {3}\r\ntwo {0}\r\n\r\n';
  t.same(chunks, [Buffer.from(expected, 'latin1')], 'NUL cannot be sent');
  out.begin().atom('X').end();
  out.flush();
  t.equal(chunks[1], '* X\r\n');
  t.end();
});

await t.test('a FETCH response begins as one that is put together', (t) => {
  const { out, written } = makeEncoder();
  out.begin().number(12).atom('FETCH').open().atom('UID').number(3).close().end();
  out.beginFetch(12, 3).atom('UID').number(3).close().end();
  const [first, second] = written().split('\r\n');
  t.equal(second, first);
  t.throws(() => out.beginFetch(-1, 1), EncoderError);
  out.beginFetch(1, 1).atom('UID');
  t.throws(() => out.beginFetch(2, 2), EncoderError);
  t.ok(out.takeBack());
  t.equal(written().split('\r\n').length, 3);
  t.end();
});

await t.test('to a client of UIDONLY a message goes by its UID', (t) => {
  const { out, written } = makeEncoder(1 << 20, new Set(['UIDONLY']));
  out.beginFetch(1, 25996).atom('UID').number(25996).close().end();
  out.fetchFlags(1, 25996, false, encodeFlagList(['\\Seen']));
  out.fetchFlags(1, 25996, true, undefined, 7);
  t.same(written().split('\r\n'), [
    '* 25996 UIDFETCH (UID 25996)',
    '* 25996 UIDFETCH (FLAGS (\\Seen))',
    '* 25996 UIDFETCH (UID 25996 MODSEQ (7))',
    '',
  ]);
  t.throws(() => out.beginFetch(1, -1), EncoderError);
  t.end();
});

await t.test('a response that has not ended lets no other begin', (t) => {
  const { out } = makeEncoder();
  t.throws(() => out.atom('x'), EncoderError);
  t.throws(() => out.close(), EncoderError);
  t.throws(() => out.end(), EncoderError);
  out.begin().atom('X');
  t.equal(out.hasBegun, true);
  t.throws(() => out.begin(), EncoderError);
  t.throws(() => out.status('*', 'OK', 'x'), EncoderError);
  t.throws(() => out.continuation('x'), EncoderError);
  t.throws(() => out.challenge(new Uint8Array()), EncoderError);
  t.throws(() => out.fetchFlags(1, 1, true, undefined), EncoderError);
  out.end();
  t.equal(out.hasBegun, false);
  out.status('*', 'OK', 'x');
  t.end();
});

await t.test('a long text that was put together goes out as bytes, one a character', (t) => {
  const written: (string | Uint8Array)[] = [];
  const out = new Encoder({ write: (data) => void written.push(data) }, 1 << 20);
  out.status('*', 'OK', 'short');
  out.flush();
  for (let number = 1; number <= 100; number++) out.begin().number(number).string('é').end();
  out.flush();
  t.equal(written[0], '* OK short\r\n');
  const bytes = written[1] as Uint8Array;
  t.type(bytes, Uint8Array);
  const text = Buffer.from(bytes).toString('latin1');
  t.ok(text.endsWith('* 99 {1}\r\né\r\n* 100 {1}\r\né\r\n'));
  t.equal(text.length, bytes.length);
  t.end();
});

await t.test('text is gathered in chunks, also within a response', (t) => {
  const { out, chunks } = makeEncoder(10);
  out.begin().atom('SEARCH');
  t.equal(chunks.length, 0);
  for (let number = 100; number < 120; number++) out.number(number);
  t.ok(chunks.length > 3);
  out.end();
  t.end();
});

/** Writes one response of hostile values; what is refused throws. */
const writers: readonly ((out: Encoder, text: string) => unknown)[] = [
  (out, text) => out.begin().atom(text).end(),
  (out, text) => out.begin().string(text).end(),
  (out, text) => out.begin().nstring(text).end(),
  (out, text) => out.begin().astring(text).end(),
  (out, text) => out.begin().mailbox(text).end(),
  (out, text) => out.begin().flags([text]).end(),
  (out, text) => out.begin().wire(readWireText(text)).end(),
  (out, text) => out.begin(text).atom('x').end(),
  (out, text) => out.status('*', 'NO', text),
  (out, text) => out.status('*', 'NO', 'x', text as ResponseCode),
  (out, text) => out.status(text, 'NO', 'x'),
  (out, text) => out.continuation(text),
  (out, text) =>
    out
      .begin()
      .wire(encodeBodySection({ part: [1], text: { kind: 'header-fields', fieldNames: [text] } }))
      .end(),
];

await t.test(
  'outside literals UTF-8 goes only to a client that takes it, and nothing else above 127',
  (t) => {
    const texts = fc.string({
      unit: fc.oneof(fc.constantFrom('é', '日', '\xc3\xa9', '\xff', '&', 'a', '"', '\u{1f600}')),
    });
    // Wire text is as it was encoded.
    const encoding = writers.filter((write) => !String(write).includes('readWireText'));
    fc.assert(
      fc.property(fc.constantFrom(...encoding), texts, fc.boolean(), (write, text, isUtf8) => {
        const { out, written, enabled } = makeEncoder();
        if (isUtf8) enabled.add('IMAP4rev2');
        try {
          write(out, text);
        } catch (error) {
          if (!(error instanceof EncoderError)) throw error;
          return;
        }
        const line = Buffer.from(dropLiterals(written()), 'latin1');
        ok(isUtf8 ? isUtf8Bytes(line) : isAscii(line), line.toString('latin1'));
      }),
      { numRuns: 5_000 },
    );
    t.end();
  },
);

await t.test('no text can break a response', (t) => {
  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom('\r', '\n', '\r\n', '\0', ']', '[', '"', '\\', '{3}\r\n', '{3}', '* ', 'ab'),
      fc.constantFrom('\u010d', '\u010a', '\u0100', '\ud800', '\u2028', '\x80', 'é', '日'),
      fc.string({ unit: 'binary', maxLength: 2 }),
    ),
  });
  fc.assert(
    fc.property(fc.constantFrom(...writers), hostile, fc.boolean(), (write, text, isUtf8) => {
      const { out, written, enabled } = makeEncoder();
      if (isUtf8) enabled.add('UTF8=ACCEPT');
      try {
        write(out, text);
      } catch (error) {
        if (!(error instanceof EncoderError)) throw error;
        return;
      }
      const line = dropLiterals(written());
      match(line, /^[^\0\r\n\u0100-\uffff]*\r\n$/);
    }),
    { numRuns: 20_000 },
  );
  t.end();
});

/** A response without its literals, if each is whole. */
function dropLiterals(text: string): string {
  let line = '';
  let rest = text;
  for (;;) {
    const header = /\{(\d+)\}\r\n/.exec(rest);
    if (header === null) return line + rest;
    const end = header.index + header[0].length + Number(header[1]);
    if (end > rest.length) return `${line}\r${rest}`;
    line += rest.slice(0, header.index);
    rest = rest.slice(end);
  }
}

await t.test('a response can be taken back until some of it has left', (t) => {
  const { out, chunks, written } = makeEncoder(100);
  t.ok(out.takeBack(), 'nothing to take back');
  out.begin().atom('ONE').end();
  out.begin().number(1).atom('FETCH').open().literal(50).bytes(Buffer.from('some'));
  t.ok(out.takeBack());
  t.notOk(out.hasBegun);
  out.status('a', 'NO', 'Cannot');
  t.equal(written(), '* ONE\r\na NO Cannot\r\n');
  for (const size of [60, 200]) {
    chunks.length = 0;
    out.begin().literal(300).bytes(Buffer.alloc(size, 'x'));
    out.flush();
    t.notOk(out.takeBack());
    t.ok(out.hasBegun);
    out.bytes(Buffer.alloc(300 - size)).end();
  }
  t.end();
});
