import t from 'tap';
import {
  mayHaveGlobal,
  writeBody,
  writeBodyStructure,
} from '../../../protocol/mime/body-structure.ts';
import { lines, walk } from './walk.ts';

await t.test('one part', (t) => {
  const message = lines(
    'Content-Type: text/plain; charset=utf-8; format=flowed',
    'Content-ID: <i@d>',
    'Content-Description: a "note"',
    'Content-Transfer-Encoding: 8bit',
    'Content-MD5: Q2hlY2s=',
    'Content-Disposition: inline; filename=note',
    'Content-Language: en, de',
    'Content-Location: http://x.test/',
    '',
    'one',
    'two',
    '',
  );
  const basic =
    '"text" "plain" ("charset" "utf-8" "format" "flowed") "<i@d>" "a \\"note\\"" "8bit" 10 2';
  t.equal(writeBody(walk(message)), `(${basic})`);
  t.equal(
    writeBodyStructure(walk(message)),
    `(${basic} "Q2hlY2s=" ("inline" ("filename" "note")) ("en" "de") "http://x.test/")`,
  );
  t.end();
});

await t.test('a part that is neither text nor message has no lines', (t) => {
  t.equal(
    writeBodyStructure(walk(lines('Content-Type: image/png', '', 'x', ''))),
    '("image" "png" NIL NIL NIL "7bit" 3 NIL NIL NIL NIL)',
  );
  t.equal(
    writeBody(walk(lines('Content-Type: message/delivery-status', '', 'x', ''))),
    '("message" "delivery-status" NIL NIL NIL "7bit" 3)',
  );
  t.end();
});

await t.test('continued parameters are joined', (t) => {
  const message = lines(
    'Content-Type: application/pdf; name*0=long-; name*1=name.txt;',
    ' x*0*=utf-8\'en\'caf%C3%A9; x*1=" b"',
    "Content-Disposition: attachment; filename*0*=utf-8''%e2%82%ac; filename*1=.txt",
    '',
    '',
  );
  t.equal(
    writeBodyStructure(walk(message)),
    '("application" "pdf" ("name" "long-name.txt" "x*" "utf-8\'en\'caf%C3%A9%20b") NIL NIL "7bit" 0 NIL ' +
      '("attachment" ("filename*" "utf-8\'\'%e2%82%ac.txt")) NIL NIL)',
  );
  t.end();
});

await t.test('the default type names the default charset', (t) => {
  const expected = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)';
  t.equal(writeBody(walk('')), expected);
  t.equal(
    writeBody(walk('Content-Type: text/plain\r\n\r\n')),
    expected.replace('("charset" "us-ascii")', 'NIL'),
  );
  t.end();
});

await t.test('multiparts', (t) => {
  const message = lines(
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Disposition: inline',
    'Content-Language: en',
    '',
    '--b',
    '',
    'one',
    '--b',
    'Content-Type: image/png',
    '',
    'two',
    '--b--',
  );
  const text = '"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0';
  const image = '"image" "png" NIL NIL NIL "7bit" 3';
  t.equal(writeBody(walk(message)), `((${text})(${image}) "mixed")`);
  t.equal(
    writeBodyStructure(walk(message)),
    `((${text} NIL NIL NIL NIL)(${image} NIL NIL NIL NIL) "mixed" ("boundary" "b") ("inline" NIL) ("en") NIL)`,
  );
  t.end();
});

await t.test('messages', (t) => {
  const message = lines('Content-Type: message/rfc822', '', 'Subject: s', '', 'text', '');
  const envelope = '(NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL)';
  const inner = '"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1';
  t.equal(
    writeBody(walk(message)),
    `("message" "rfc822" NIL NIL NIL "7bit" 20 ${envelope} (${inner}) 3)`,
  );
  t.equal(
    writeBodyStructure(walk(message)),
    `("message" "rfc822" NIL NIL NIL "7bit" 20 ${envelope} (${inner} NIL NIL NIL NIL) 3 NIL NIL NIL NIL)`,
  );
  t.end();
});

await t.test('message/global has no envelope in IMAP4rev1', (t) => {
  const message = lines('Content-Type: message/global', '', 'Subject: s', '', 'text', '');
  t.equal(writeBody(walk(message)), '("message" "global" NIL NIL NIL "7bit" 20)');
  t.ok(mayHaveGlobal(writeBodyStructure(walk(message))));
  t.notOk(mayHaveGlobal(writeBodyStructure(walk(lines('', '"message" "global"')))));
  t.end();
});

await t.test('message/global has one in IMAP4rev2', (t) => {
  const message = lines('Content-Type: message/global', '', 'Subject: s', '', 'text', '');
  const envelope = '(NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL)';
  const inner = '"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1';
  const reader = { knowsGlobal: true };
  t.equal(
    writeBody(walk(message), reader),
    `("message" "global" NIL NIL NIL "7bit" 20 ${envelope} (${inner}) 3)`,
  );
  t.equal(
    writeBodyStructure(walk(message), reader),
    `("message" "global" NIL NIL NIL "7bit" 20 ${envelope} (${inner} NIL NIL NIL NIL) 3 NIL NIL NIL NIL)`,
  );
  t.end();
});

await t.test('a message that is encoded has an empty envelope and text', (t) => {
  const message = lines(
    'Content-Type: message/rfc822; name=x',
    'Content-Transfer-Encoding: base64',
    'Content-Description: d',
    '',
    'QQ==',
    '',
  );
  const empty = '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)';
  t.equal(
    writeBody(walk(message)),
    `("message" "rfc822" ("name" "x") NIL "d" "base64" 6 ${empty} ("text" "plain" NIL NIL NIL "base64" 6 1) 1)`,
  );
  t.end();
});

await t.test('bytes that no quoted string can hold', (t) => {
  t.equal(
    writeBody(walk('Content-Type: text/plain; name="\xe9\\"\\\\"\r\n\r\n')),
    '("text" "plain" ("name" {3}\r\n\xe9"\\) NIL NIL "7bit" 0 0)',
  );
  t.end();
});
