import t from 'tap';
import { readContentFields, readParameters } from '../../../protocol/mime/content-fields.ts';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { cpuMsOf } from '../../fixtures/cpu-time.ts';

function read(header: string, defaultType: 'text/plain' | 'message/rfc822' = 'text/plain') {
  return readContentFields(parseHeader(Buffer.from(header, 'latin1')), defaultType);
}

await t.test('content type', (t) => {
  const ascii = [['charset', 'us-ascii']];
  t.match(read(''), { type: 'text', subtype: 'plain', parameters: ascii });
  t.match(read('', 'message/rfc822'), { type: 'message', subtype: 'rfc822', parameters: [] });
  t.match(read('Content-Type: TEXT/Html; CharSet="UTF-8"'), {
    type: 'text',
    subtype: 'html',
    parameters: [['charset', 'UTF-8']],
  });
  t.match(read('Content-Type: text; charset=x'), {
    subtype: 'plain',
    parameters: [['charset', 'x']],
  });
  t.match(read('Content-Type: nonsense', 'message/rfc822'), { type: 'text', subtype: 'plain' });
  t.match(read('Content-Type:'), { type: 'text', subtype: 'plain', parameters: [] });
  t.match(read('Content-Type: (a) image/png (b)'), { type: 'image', subtype: 'png' });
  t.match(read('Content-Type: image / png ; a=b'), { subtype: 'png', parameters: [['a', 'b']] });
  t.match(read('Content-Type: a/b\r\nContent-Type: c/d'), { type: 'a', subtype: 'b' }, 'the first');
  t.end();
});

await t.test('parameters', (t) => {
  t.same(readParameters('a/b'), []);
  t.same(readParameters('a/b;'), []);
  t.same(readParameters('a/b; x=1; X=2'), [
    ['x', '1'],
    ['x', '2'],
  ]);
  t.same(readParameters('a/b; x="a;b\\"c\\\\"; y = z '), [
    ['x', 'a;b"c\\'],
    ['y', 'z'],
  ]);
  t.same(readParameters('a/b; x=us-ascii (Plain text); y=1'), [
    ['x', 'us-ascii'],
    ['y', '1'],
  ]);
  t.same(readParameters('a/b; x=my report (1).pdf'), [['x', 'my report (1).pdf']]);
  t.same(readParameters('a/b; x="never closed; y=1'), [['x', 'never closed; y=1']]);
  t.same(readParameters('a/b; x="a" junk; y=1'), [
    ['x', 'a'],
    ['y', '1'],
  ]);
  t.same(readParameters('a/b; junk; y=1'), [['y', '1']]);
  t.same(readParameters('a/b; =1; y='), [['y', '']]);
  t.same(readParameters('a/b; x=\xe0 \xa0'), [['x', '\xe0 \xa0']], 'octets above 127 stay');
  t.same(
    readParameters('a/b; title*0*=us-ascii\'en\'This%20is; title*1=" it"'),
    [
      ['title*0*', "us-ascii'en'This%20is"],
      ['title*1', ' it'],
    ],
    'RFC 2231 stays undecoded',
  );
  t.end();
});

await t.test('the other fields', (t) => {
  t.equal(read('').encoding, '7bit');
  t.equal(read('Content-Transfer-Encoding: BASE64 (x)').encoding, 'base64');
  t.equal(read('Content-Transfer-Encoding: ;').encoding, '7bit');
  t.equal(read('Content-ID: <a@b>').id, '<a@b>');
  t.equal(read('Content-Description: a picture').description, 'a picture');
  t.equal(read('Content-MD5: Q2hlY2s=').md5, 'Q2hlY2s=');
  t.equal(read('Content-Location: http://x/').location, 'http://x/');
  t.same(read('Content-Language: en, de (German)').languages, ['en', 'de']);
  t.equal(read('Content-Language: ,').languages, undefined);
  t.same(read('Content-Disposition: ATTACHMENT; filename=a.b').disposition, {
    type: 'attachment',
    parameters: [['filename', 'a.b']],
  });
  t.equal(read('Content-Disposition: ;filename=x').disposition, undefined);
  t.notHas(read('Content-ID:'), { id: '' });
  t.end();
});

await t.test('parameters take linear time', (t) => {
  for (const piece of [';', '=', '"', ';=', ';a=', 'a=";', '\\', '(', '; "', ';a="";']) {
    const cpuMs = cpuMsOf(() => readParameters(`a/b; ${piece.repeat(200_000)}`));
    // Linear: tens of milliseconds. Square: minutes.
    t.ok(cpuMs < 2000, JSON.stringify(piece));
  }
  t.end();
});
