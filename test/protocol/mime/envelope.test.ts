import t from 'tap';
import { writeEnvelope } from '../../../protocol/mime/envelope.ts';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { parseEnvelope } from './wire-grammar.ts';
import { lines } from './walk.ts';

function envelopeOf(...header: string[]): string {
  return writeEnvelope(parseHeader(Buffer.from(lines(...header), 'latin1')));
}

await t.test('the example of RFC 3501, section 8', (t) => {
  const envelope = envelopeOf(
    'Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)',
    'From: Terry Gray <gray@cac.washington.edu>',
    'Subject: IMAP4rev1 WG mtg summary and minutes',
    'To: imap@cac.washington.edu',
    'cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>',
    'Message-Id: <B27397-0100000@cac.washington.edu>',
  );
  t.equal(
    envelope,
    '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
      '((NIL NIL "imap" "cac.washington.edu")) ' +
      '((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) ' +
      'NIL NIL "<B27397-0100000@cac.washington.edu>")',
  );
  t.end();
});

await t.test('absent and empty fields', (t) => {
  t.equal(envelopeOf(), '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)');
  t.equal(
    envelopeOf('Date:', 'Subject: ', 'In-Reply-To:', 'Message-ID:', 'To:', 'From:'),
    '("" "" NIL NIL NIL NIL NIL NIL "" "")',
  );
  t.end();
});

await t.test('Sender and Reply-To are From unless they name somebody', (t) => {
  const from = '((NIL NIL "f" "x"))';
  t.equal(envelopeOf('From: f@x'), `(NIL NIL ${from} ${from} ${from} NIL NIL NIL NIL NIL)`);
  t.equal(
    envelopeOf('From: f@x', 'Sender:', 'Reply-To: r@x'),
    `(NIL NIL ${from} ${from} ((NIL NIL "r" "x")) NIL NIL NIL NIL NIL)`,
  );
  t.equal(
    envelopeOf('Sender: s@x'),
    '(NIL NIL NIL ((NIL NIL "s" "x")) NIL NIL NIL NIL NIL NIL)',
    'From is not Sender',
  );
  t.end();
});

await t.test('repeated fields', (t) => {
  t.equal(
    envelopeOf('Subject: one', 'To: a@b', 'Subject: two', 'To: c@d'),
    '(NIL "one" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL)',
  );
  t.end();
});

await t.test('bytes that no quoted string can hold', (t) => {
  t.equal(
    envelopeOf('Subject: say "a\\b"', 'Date: caf\xe9', 'Message-ID: a\0b'),
    '({4}\r\ncaf\xe9 "say \\"a\\\\b\\"" NIL NIL NIL NIL NIL NIL NIL {2}\r\nab)',
  );
  t.same(parseEnvelope(envelopeOf('Subject: a\rb')), [null, 'a\rb', ...Array(8).fill(null)]);
  t.equal(
    envelopeOf('From: =?utf-8?q?J=C3=BCrgen?= <j@x>').slice(0, 50),
    '(NIL NIL (("=?utf-8?q?J=C3=BCrgen?=" NIL "j" "x"))',
    'encoded words stay encoded',
  );
  t.end();
});

await t.test('folded fields are unfolded', (t) => {
  t.equal(
    envelopeOf('Subject: a', ' b', '\tc', 'Message-ID:', ' <x>'),
    '(NIL "a b c" NIL NIL NIL NIL NIL NIL NIL "<x>")',
  );
  t.end();
});
