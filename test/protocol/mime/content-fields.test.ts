import t from 'tap';
import { readContentFields } from '../../../protocol/mime/content-fields.ts';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';

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
