// Compares the characters of every charset with the tables of Python and of the C library.
import t, { type Test } from 'tap';
import { createCharsetDecoder, decodeCharset } from '../../../../protocol/mime/charsets/charset.ts';
import { foldText } from '../../../../store/search/fold-text.ts';
import { clientPath, skipWithout } from '../../../fixtures/clients.ts';
import { runProgram } from '../../../fixtures/run-program.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

/**
 * Writes for each codec the characters that it has, a line each, and the bytes of this text. Without the controls above
 * 127, which are no text, and the syllables that EUC-KR spells in eight bytes.
 */
const writeTables = `
import base64, json, sys
numbers = [*range(0x21, 0x7f), *range(0xa0, 0xd800), *range(0xf900, 0xfeff), *range(0xff00, 0xfffe), *range(0x20000, 0x2a6e0, 16)]
everything = '\\n'.join(map(chr, numbers)) + '\\n'
for codec in sys.argv[1:]:
    table = 'iso2022_kr' if codec == 'euc_kr' else codec
    characters = everything.encode(table, 'ignore').decode(table).split()
    text = ''.join(character + '\\n' for character in characters)
    print(json.dumps([codec, text, [base64.b64encode(text.encode(codec)).decode()]]))
`;

/** Codecs of Python, each with a name that mail has for it. */
const pythonCodecs: Readonly<Record<string, string>> = {
  utf_8: 'UTF-8',
  utf_7: 'UTF-7',
  utf_16: 'UTF-16',
  utf_16_be: 'UTF-16BE',
  utf_16_le: 'UTF-16LE',
  utf_32: 'UTF-32',
  utf_32_be: 'UTF-32BE',
  utf_32_le: 'UTF-32LE',
  iso2022_jp: 'ISO-2022-JP',
  iso2022_jp_1: 'ISO-2022-JP-1',
  iso2022_jp_2: 'ISO-2022-JP-2',
  iso2022_jp_ext: 'csISO2022JP',
  iso2022_kr: 'ISO-2022-KR',
  hz: 'HZ-GB-2312',
  johab: 'Johab',
  euc_jp: 'EUC-JP',
  shift_jis: 'Shift_JIS',
  cp932: 'Windows-31J',
  euc_kr: 'ks_c_5601-1987',
  cp949: 'windows-949',
  gb2312: 'GB2312',
  gbk: 'x-gbk',
  gb18030: 'GB18030',
  big5hkscs: 'Big5-HKSCS',
  koi8_r: 'KOI8-R',
  koi8_u: 'KOI8-U',
  koi8_t: 'KOI8-T',
  kz1048: 'KZ-1048',
  ptcp154: 'PTCP154',
  cp1250: 'windows-1250',
  cp1251: 'x-cp1251',
  cp1252: 'cp-1252',
  cp1253: 'win-1253',
  cp1254: 'windows-1254',
  cp1255: 'windows-1255',
  cp1256: 'windows-1256',
  cp1257: 'windows-1257',
  cp1258: 'windows-1258',
  cp874: 'windows-874',
  cp437: 'IBM437',
  cp737: 'cp737',
  cp775: 'IBM775',
  cp850: 'ibm-850',
  cp852: 'IBM852',
  cp855: 'IBM855',
  cp857: 'IBM857',
  cp858: 'IBM00858',
  cp860: 'IBM860',
  cp861: 'IBM861',
  cp862: 'DOS-862',
  cp863: 'IBM863',
  cp864: 'IBM864',
  cp865: 'IBM865',
  cp866: 'cp866',
  cp869: 'IBM869',
  cp1125: 'cp1125',
  latin_1: 'ISO-8859-1',
  iso8859_2: 'ISO_8859-2:1987',
  iso8859_3: 'latin3',
  iso8859_4: 'ISO-8859-4',
  iso8859_5: 'ISO-8859-5',
  iso8859_6: 'ISO-8859-6-i',
  iso8859_7: 'ISO-8859-7',
  iso8859_8: 'ISO-8859-8-I',
  iso8859_9: 'ISO-8859-9',
  iso8859_10: 'ISO-8859-10',
  iso8859_11: 'ISO-8859-11',
  iso8859_13: 'ISO-8859-13',
  iso8859_14: 'ISO-8859-14',
  iso8859_15: 'Latin-9',
  iso8859_16: 'ISO-8859-16',
  tis_620: 'TIS-620',
  hp_roman8: 'hp-roman8',
  mac_roman: 'macintosh',
  mac_cyrillic: 'x-mac-cyrillic',
  mac_greek: 'x-mac-greek',
  mac_turkish: 'x-mac-turkish',
  mac_iceland: 'x-mac-icelandic',
  mac_latin2: 'x-mac-ce',
  mac_croatian: 'x-mac-croatian',
  mac_romanian: 'x-mac-romanian',
  mac_arabic: 'x-mac-arabic',
  mac_farsi: 'x-mac-farsi',
};

/** Charsets of iconv: those that Python lacks or has in another form. */
const iconvCharsets = {
  BIG5: 'Big5',
  'EUC-TW': 'x-euc-tw',
  'ISO-2022-CN': 'ISO-2022-CN',
  'ISO-2022-KR': 'csISO2022KR',
  'ISO-2022-JP-2': 'ISO-2022-JP-2',
  JOHAB: 'x-johab',
  UHC: 'UHC',
  VISCII: 'VISCII',
  'ARMSCII-8': 'ARMSCII-8',
  'GEORGIAN-PS': 'Georgian-PS',
  'KOI8-RU': 'KOI8-RU',
} as const;

/** What our table has otherwise: character of theirs, then ours; vendors and editions of the standards differ. */
const differences: Readonly<Record<string, readonly string[]>> = {
  gb18030: ['ḿ\ue7c7'],
  big5hkscs: ['•‧', '‾¯', '☉⊙', '♁⊕', '／∕'],
  BIG5: ['▓\uffed'],
  'EUC-TW': ['‾¯', '☉⊙', '♁⊕', '・‧', '彞彝'],
  'ISO-2022-CN': ['‾¯', '☉⊙', '♁⊕', '彞彝'],
  JOHAB: ['₩\\'],
  'KOI8-RU': ['¤÷', '«²', '®°', '»⌡', '—≈', '“⌠', '”√', '№≤', '™≥'],
};

/** Characters that we do not have: the rare planes of CNS 11643, and pictures of controls. */
const missingCounts: Readonly<Record<string, number>> = { 'EUC-TW': 41_425, 'ISO-2022-CN': 34 };

interface Table {
  readonly name: string;
  readonly label: string;
  readonly characters: readonly string[];
  /** The bytes of the characters, each of which ends its line. */
  readonly lines: readonly Buffer[];
}

/** The characters are found by what the user types for them, so they are compared folded. */
function checkTable(t: Test, { name, label, characters, lines }: Table): void {
  const bytes = Buffer.concat(lines);
  const decoded = decodeCharset(bytes, label).split('\n');
  const found: string[] = [];
  let missingCount = 0;
  characters.forEach((character, index) => {
    const ours = decoded[index]!;
    if (foldText(ours) === foldText(character)) return;
    if (ours === '\ufffd') missingCount++;
    else found.push(`${character}${ours}`);
  });
  t.same(found, differences[name] ?? [], `${label} against ${name}`);
  t.equal(missingCount, missingCounts[name] ?? 0, `${label}: characters that are missing`);
  t.equal(decoded.length, characters.length + 1);
  t.ok(decodeInPieces(bytes, label) === decoded.join('\n'), `${label} in pieces`);
}

/** Some pieces are of a single byte. */
function decodeInPieces(bytes: Buffer, label: string): string {
  const random = new SeededRandom(7);
  const decoder = createCharsetDecoder(label);
  let text = '';
  for (let position = 0; position < bytes.length;) {
    const end = position + 1 + random.below(random.below(4) === 0 ? 1 : 300);
    text += decoder.write(bytes.subarray(position, end));
    position = end;
  }
  return text + decoder.end();
}

/** All that could be in a charset: no surrogates, no controls, no private characters. */
const allCharacters = [
  [0x21, 0x7f],
  [0xa0, 0xd800],
  [0xf900, 0xfeff],
  [0xff00, 0xfffe],
  [0x20000, 0x2a6e0],
].flatMap(([start, end]) =>
  Array.from({ length: end! - start! }, (_, index) => String.fromCodePoint(start! + index)),
);

await t.test('Python has the same characters', { skip: skipWithout('python3') }, async (t) => {
  const argv = ['-c', writeTables, ...Object.keys(pythonCodecs)];
  const { stdout, stderr } = await runProgram(clientPath('python3'), argv);
  t.equal(stderr, '');
  for (const line of stdout.toString().trim().split('\n')) {
    const [name, text, lines] = JSON.parse(line) as [string, string, string[]];
    checkTable(t, {
      name,
      label: pythonCodecs[name]!,
      characters: text.split('\n').slice(0, -1),
      lines: lines.map((encoded) => Buffer.from(encoded, 'base64')),
    });
  }
});

await t.test('iconv has the same characters', { skip: skipWithout('iconv') }, async (t) => {
  const input = allCharacters.map((character) => `${character}\n`).join('');
  for (const [name, label] of Object.entries(iconvCharsets)) {
    // It leaves out what the charset does not have, so that an escape sequence at most is left of a line.
    const argv = ['-c', '-f', 'UTF-8', '-t', name];
    const { stdout } = await runProgram(clientPath('iconv'), argv, { input });
    const encoded = stdout.toString('latin1').split('\n');
    const isThere = (_: string, index: number) =>
      /[^\x0e\x0f]/.test(encoded[index]!.replace(/\x1b\$[)*][A-Z]/g, ''));
    checkTable(t, {
      name,
      label,
      characters: allCharacters.filter(isThere),
      lines: encoded
        .slice(0, -1)
        .filter((_, index) => isThere(allCharacters[index]!, index))
        .map((line) => Buffer.from(`${line}\n`, 'latin1')),
    });
  }
});
