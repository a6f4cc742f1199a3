import t from 'tap';
import { OctetBuffer } from '../../protocol/octet-buffer.ts';

await t.test('appends', (t) => {
  const buffer = new OctetBuffer();
  t.equal(buffer.length, 0);
  t.equal(buffer.view().length, 0);
  let expected = '';
  for (const piece of ['', 'a', 'bc', 'x'.repeat(300), 'y'.repeat(5000), 'z']) {
    buffer.append(Buffer.from(piece));
    expected += piece;
    t.equal(buffer.length, expected.length);
    t.equal(buffer.view().toString(), expected);
  }
  t.end();
});

await t.test('clear leaves a view its octets', (t) => {
  const buffer = new OctetBuffer();
  buffer.append(Buffer.from('abc'));
  const view = buffer.view();
  buffer.clear();
  buffer.append(Buffer.from('xyz'));
  t.equal(view.toString(), 'abc');
  t.equal(buffer.view().toString(), 'xyz');
  t.end();
});
