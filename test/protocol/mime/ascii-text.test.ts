import t from 'tap';
import { isAsciiText } from '../../../protocol/mime/ascii-text.ts';

await t.test('text is ASCII or not', (t) => {
  for (const text of ['', 'a\0\x7f']) t.ok(isAsciiText(text));
  for (const text of ['\x80', 'é', '日', '\ud800', 'a\u{1f600}']) t.notOk(isAsciiText(text));
  t.end();
});
