import t from 'tap';
import { decodeBase64 } from '../../../protocol/grammar/login.ts';
import { noteOverwrittenBytes } from '../../fixtures/overwritten-bytes.ts';
import { decode } from '../../fixtures/read-events.ts';

await t.test('LOGIN', (t) => {
  t.same(decode('LOGIN alice secret'), { name: 'LOGIN', userName: 'alice', password: 'secret' });
  t.same(decode(String.raw`login "DOMAIN\\alice" "p\"w"`), {
    name: 'LOGIN',
    userName: 'DOMAIN\\alice',
    password: 'p"w',
  });
  t.match(decode('LOGIN {5+}\r\nalice {4+}\r\np w '), { userName: 'alice', password: 'p w ' });
  t.match(decode('LOGIN Zo\xc3\xab "l\xc3\xb6sen"'), { userName: 'Zoë', password: 'lösen' });
  t.match(decode('LOGIN alice "l\xf6sen"'), { password: 'lösen' }, 'Q182618');
  t.match(decode('LOGIN alice secret  '), { password: 'secret' }, 'spaces at the end of a line');
  t.end();
});

await t.test('no refusal of LOGIN or AUTHENTICATE repeats what came', (t) => {
  for (const line of [
    'LOGIN alice s3cret s3cret',
    'LOGIN alice (s3cret',
    'LOGIN alice "s3cret',
    String.raw`LOGIN alice "\s3cret"`,
    'LOGIN (s3cret',
    'LOGIN alice "x"s3cret',
    'LOGIN s3cret',
    'AUTHENTICATE PLAIN s3cret',
    'AUTHENTICATE PLAIN AAAA s3cret',
    'AUTHENTICATE (s3cret',
    'LOGIN alice {9+}\r\n\0s3cret  ',
  ]) {
    const refusal = decode(line);
    t.match(refusal, /^BAD Expected /, line);
    t.notMatch(refusal, /s3cret/);
  }
  t.end();
});

await t.test('AUTHENTICATE', (t) => {
  t.same(decode('AUTHENTICATE plain'), { name: 'AUTHENTICATE', mechanism: 'PLAIN' });
  t.same(decode('AUTHENTICATE PLAIN ='), {
    name: 'AUTHENTICATE',
    mechanism: 'PLAIN',
    initialResponse: new Uint8Array(),
  });
  const response = Buffer.from('\0alice\0secret');
  t.same(decode(`AUTHENTICATE PLAIN ${response.toString('base64')}`), {
    name: 'AUTHENTICATE',
    mechanism: 'PLAIN',
    initialResponse: new Uint8Array(response),
  });
  for (const text of ['A', 'AAA', 'A===', 'AA=A', '====', 'AAAA=', '!!!!', 'AA AA']) {
    t.match(decode(`AUTHENTICATE PLAIN ${text}`), /^BAD Expected/, text);
  }
  t.equal(decode('AUTHENTICATE'), 'BAD Expected space');
  t.same(decodeBase64(''), new Uint8Array());
  t.same(decodeBase64('YQ=='), Uint8Array.of(97));
  t.end();
});

await t.test('of what is decoded nothing stays in memory that others use', (t) => {
  const overwritten = noteOverwrittenBytes(t);
  const decoded = decodeBase64(Buffer.from('\0alice\0secret').toString('base64'));
  t.equal(overwritten.countOf('\0alice\0secret'), 1);
  t.equal(decoded?.buffer.byteLength, decoded?.length);
  t.end();
});

await t.test('ID', (t) => {
  t.same(decode('ID NIL'), { name: 'ID', parameters: undefined });
  t.same(decode('ID ()'), { name: 'ID', parameters: new Map() });
  t.same(decode('ID ("Name" "Reader" "version" NIL)'), {
    name: 'ID',
    parameters: new Map([
      ['name', 'Reader'],
      ['version', undefined],
    ]),
  });
  t.equal(decode('ID'), 'BAD Expected space, got end of command');
  t.equal(decode('ID x'), 'BAD Expected list of ID fields or NIL, got "x"');
  t.equal(decode('ID ("a")'), 'BAD Expected space, got ")"');
  t.equal(decode('ID (a "b")'), 'BAD Expected ID field, got "a"');
  t.equal(decode(`ID ("${'x'.repeat(31)}" NIL)`), 'BAD ID field or value is too long');
  t.equal(decode(`ID ("x" "${'x'.repeat(1025)}")`), 'BAD ID field or value is too long');
  t.equal(decode(`ID (${'"x" NIL '.repeat(31)})`), 'BAD More than 30 ID fields');
  t.end();
});

await t.test('ENABLE', (t) => {
  t.same(decode('ENABLE condstore X-Foo CONDSTORE'), {
    name: 'ENABLE',
    capabilities: ['CONDSTORE', 'X-FOO'],
  });
  t.equal(decode('ENABLE'), 'BAD Expected space, got end of command');
  t.equal(decode('ENABLE a  b'), 'BAD Expected capability, got " b"');
  t.equal(decode(`ENABLE${' x'.repeat(65)}`), 'BAD More than 64 capabilities');
  t.end();
});
