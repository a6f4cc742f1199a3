import t from 'tap';
import { decodeEncodedWords } from '../../../protocol/mime/encoded-words.ts';
import { cpuMsOf } from '../../fixtures/cpu-time.ts';

await t.test('words', (t) => {
  for (const [value, text, why] of [
    ['plain', 'plain', ''],
    ['', '', ''],
    ['=?utf-8?B?w6k=?= x', 'é x', ''],
    ['=?iso-8859-1?Q?caf=E9_au?=', 'café au', ''],
    ['a =?utf-8?Q?b?= c =?utf-8?Q?d?=', 'a b c d', 'white space beside text stays'],
    ['=?utf-8?Q?a?= \t =?utf-8?Q?b?=', 'ab', 'white space between words does not'],
    ['=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=', '€', 'a character in two words'],
    ['=?utf-8?B?4oI=?= =?utf-8?Q?=AC?=', '€', 'a character in two words of two encodings'],
    ['=?gb2312?B?xOM=?= =?big5?B?pbQ=?=', '你打', 'charsets change'],
    ['=?us-ascii*en-us?Q?hi?=', 'hi', 'a language (RFC 2231, section 5)'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本', ''],
    ['=?ISO-2022-JP?B?GyRCRnwbKEI=?=\t=?iso-2022-jp?B?GyRCS1wbKEI=?=', '日本', ''],
    ['=?iso-2022-kr?B?GyQpQw7H0Q8=?=', '한', 'as 8-bit text, which some write'],
    ['=?koi8-r?B?8NLJ18XU?=', 'Привет', ''],
    ['=?x-mac-roman?Q?=DB?=', '€', ''],
    ['=?utf-8?Q?a b=3F?=', 'a b?', 'white space in a word, against the rules'],
    ['=?utf-8?q?100=?=', '100=', 'a broken escape'],
    ['caf\xc3\xa9', 'café', 'raw UTF-8'],
    ['caf\xe9', 'café', 'raw ISO 8859-1'],
    ['\x1b$BF|K\\\x1b(B =?utf-8?Q?=C3=A9?= a', '日本 é a', 'raw ISO-2022-JP'],
    ['caf\xe9 =?utf-8?Q?=C3=A9?= \xc3\xa9', 'café é é', 'raw bytes beside a word'],
    ['=?utf-8?Q?broken', '=?utf-8?Q?broken', ''],
    ['=?utf-8?X?y?=', '=?utf-8?X?y?=', 'an unknown encoding'],
    ['=?no-such-charset?Q?abc=E9?=', 'abcé', 'an unknown charset'],
  ] as const) {
    t.equal(decodeEncodedWords(value), text, `${JSON.stringify(value)} ${why}`);
  }
  t.end();
});

await t.test('linear time', (t) => {
  for (const piece of [
    '=?',
    '=?utf-8?',
    '=?utf-8?Q?',
    '=?utf-8?Q?=',
    '?=',
    '=?a?q?b?=',
    ' ',
    '=?a*',
  ]) {
    const cpuMs = cpuMsOf(() => decodeEncodedWords(piece.repeat(100_000)));
    // Linear: tens of milliseconds. Square: minutes.
    t.ok(cpuMs < 4000, `${JSON.stringify(piece)}: ${cpuMs} ms`);
  }
  t.end();
});
