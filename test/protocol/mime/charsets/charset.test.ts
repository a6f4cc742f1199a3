import t from 'tap';
import {
  createCharsetDecoder,
  decodeCharset,
  isKnownCharset,
} from '../../../../protocol/mime/charsets/charset.ts';

function decode(bytes: string, charset: string): string {
  return decodeCharset(Buffer.from(bytes, 'latin1'), charset);
}

/** Every byte in a piece of its own. */
function decodeByteByByte(bytes: string, charset: string): string {
  const decoder = createCharsetDecoder(charset);
  const text = Array.from(bytes, (byte) => decoder.write(Buffer.from(byte, 'latin1')));
  return text.join('') + decoder.end();
}

await t.test('names that mail has for charsets', (t) => {
  const names = `us-ascii ASCII ANSI_X3.4-1968 UTF-8 utf8 unicode-1-1-utf-8 unicode-1-1-utf-7 UTF-7 UTF-16 UTF-32 UCS-2 UCS-4
    ISO-10646-UCS-2 ISO-10646-UCS-4 ISO_8859-1 iso-8859-1:1987 iso-ir-100 latin1 l2 csISOLatin2 ISO-8859-6-E ISO-8859-8-I
    ISO-8859-1-Windows-3.1-Latin-1 ISO8859_15 windows-1252 x-cp1250 cp-1251 win-1251 cp1252 MS1252 DOS-850 cp00858
    IBM850 KOI8-R koi8-ru csKOI8R VISCII TCVN ISO-2022-JP csISO2022JP cp50220 JIS x-sjis MS_Kanji Windows-31J cp932
    EUC-JP x-euc-jp eucJP-ms CP51932 Shift_JIS-2004 EUC-JISX0213 ISO-2022-KR ks_c_5601-1987 euc-kr uhc windows-949 MS949
    Johab cp1361 GB2312 GB_2312-80 x-gbk cp936 CN-GB EUC-CN GB18030 HZ-GB-2312 ISO-2022-CN ISO-2022-CN-EXT Big5 x-x-big5
    cn-big5 Big5-HKSCS cp950 windows-950 EUC-TW TIS-620 macintosh x-mac-roman x-mac-ce x-mac-cyrillic x-mac-japanese
    utf-8*en unknown-8bit`;
  for (const name of names.split(/\s+/)) t.ok(isKnownCharset(name), name);
  const unknownNames = [
    '',
    'x-unknown',
    'binary',
    'base64',
    'hex',
    'utf-7-imap',
    'constructor',
    '__proto__',
    'x',
    'cs',
  ];
  for (const name of [...unknownNames, '8'.repeat(100_000), 'x'.repeat(65)]) {
    t.notOk(isKnownCharset(name), name.slice(0, 30));
  }
  t.end();
});

await t.test('text, whole and byte by byte', (t) => {
  for (const [charset, bytes, text, why] of [
    ['iso-2022-jp', 'a\x1b$BF|K\\\x1b(Bb', 'a日本b', ''],
    ['iso-2022-jp', '\x1b$BF|K\\\r\nabc', '日本\r\nabc', 'a line that does not return to ASCII'],
    ['iso-2022-jp', '\x1b(J\\100~\x1b(I1\x1b(B', '¥100‾ｱ', 'JIS X 0201'],
    ['iso-2022-jp', '\xb1\xb2', 'ｱｲ', '8-bit katakana'],
    ['iso-2022-jp', '\x1b$BF|K', '日\ufffd', 'cut'],
    ['iso-2022-jp', '\x1b$BF| K\\', '日 本', 'a space among pairs'],
    ['iso-2022-jp', '\x1b$B-!\x1b(B', '①', 'characters of NEC'],
    ['iso-2022-jp', '\x1b[31mred', '\x1b[31mred', 'an escape sequence of a terminal'],
    ['iso-2022-jp', 'a\x1b', 'a\ufffd', 'cut within an escape sequence'],
    ['iso-2022-jp-2', '\x1b.A\x1bNicaf\x1bNi', 'écafé', 'single characters of ISO 8859-1'],
    ['iso-2022-jp-2', '\x1b.F\x1bNa', 'α', 'and of ISO 8859-7'],
    ['iso-2022-kr', '\x1b$)C\r\n\x0eGQ\x0f!\r\n\x0eGQ\r\nab', '\r\n한!\r\n한\r\nab', ''],
    ['iso-2022-kr', '\xc7\xd1', '한', '8-bit text under the name'],
    ['iso-2022-cn', '\x1b$)A\x0e<:\x1b$)GD#\x0f \x1b$*H\x1bN!!', '己丁 乂', ''],
    ['hz-gb-2312', 'a~{<:~}b~~~\nc', 'a己b~c', ''],
    ['hz-gb-2312', '~{<:\nab', '己\nab', 'a line that does not return to ASCII'],
    ['hz-gb-2312', '~{<:<', '己\ufffd', 'cut'],
    ['johab', '\xd0\x65\x8b\x69\xd4a', '한글\ufffda', ''],
    ['euc-tw', '\xc4\xa3\x8e\xa2\xa1\xa1\x8e\xa3\xa1\xa1a', '丁乂\ufffda', ''],
    ['utf-7', 'a+ZeVnLIqe-b +- +AGE.+2EDcAA-', 'a日本語b + a.𠀀', ''],
    ['gb18030', '\x95\x32\x82\x36\x81\x30\x81\x30a', '𠀀\x80a', ''],
    ['big5-hkscs', '\x88\x62a\x88\x62', 'Ê̄aÊ̄', ''],
    ['iso-8859-1', '\x93\x80\x94', '“€”', 'what Windows writes under the name'],
    ['utf-8', 'caf\xc3\xa9 caf\xe9 \xe2\x82', 'café café â\x82', 'UTF-8 beside what is none'],
    ['utf-8', '\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80', 'í\xa0\x80À¯ô\x90\x80\x80', 'no UTF-8'],
    ['us-ascii', 'caf\xc3\xa9', 'café', 'mislabelled'],
    [
      '',
      'caf\xc3\xa9 \xe9 \x1b[1m \x1b$BF|\x1b(B',
      'café é \x1b[1m 日',
      'ISO-2022-JP without a label',
    ],
    ['us-ascii', '\x1b$BF|K\\\x1b(B', '日本', 'or with a wrong one'],
    ['', 'a\x1b', 'a\x1b', 'an escape at the end'],
    ['', 'a\xc3\x1b$', 'aÃ\x1b$', 'and half a sequence'],
    ['x-none', 'caf\xc3\xa9 \xe9\xe9', 'café éé', 'by its bytes'],
  ] as const) {
    t.equal(decode(bytes, charset), text, `${charset} ${JSON.stringify(text)} ${why}`);
    t.equal(decodeByteByByte(bytes, charset), text, `${charset} byte by byte ${why}`);
  }
  t.end();
});
