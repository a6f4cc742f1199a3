import { iconv } from '../text-libraries.ts';
import { replacementCharacter } from './charset-decoder.ts';

const rowLength = 94;

/** A standard of 94 rows of 94 characters, each of which is a pair of bytes from 0x21 to 0x7E: row and cell. */
export class DoubleByteSet {
  readonly #load: () => string;
  #characters: string | undefined;

  /** @param load called once, when the first character is read; gives all of them, U+FFFD for an empty cell */
  constructor(load: () => string) {
    this.#load = load;
  }

  /** The text of pairs; an odd byte at the end is passed over. */
  read(pairs: Uint8Array): string {
    const characters = (this.#characters ??= this.#load());
    let text = '';
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      const number = (pairs[index]! - 0x21) * rowLength + pairs[index + 1]! - 0x21;
      text += characters[number] ?? replacementCharacter;
    }
    return text;
  }
}

/** JIS X 0208, with the characters that NEC and IBM put into its empty rows. */
export const jisX0208 = new DoubleByteSet(() => loadFrom('euc-jp'));

/** JIS X 0212. */
export const jisX0212 = new DoubleByteSet(() => loadFrom('euc-jp', 0x8f));

/** GB 2312, with what GBK put into its empty cells. */
export const gb2312 = new DoubleByteSet(() => loadFrom('gbk'));

/** KS X 1001 (KS C 5601), with the postal mark of 2002. */
export const ksX1001 = new DoubleByteSet(() => {
  const characters = loadFrom('cp949');
  const postalMark = rowLength + 0x47;
  return `${characters.slice(0, postalMark)}㉾${characters.slice(postalMark + 1)}`;
});

/** A standard whose table is not here: each pair is U+FFFD. */
export const unknownSet = new DoubleByteSet(() => '');

/** The characters of a set that an EUC charset has as pairs of high bytes, behind the prefix if there is one. */
function loadFrom(charset: string, ...prefix: number[]): string {
  const bytes: number[] = [];
  for (let number = 0; number < rowLength * rowLength; number++) {
    const row = 0xa1 + Math.floor(number / rowLength);
    bytes.push(...prefix, row, 0xa1 + (number % rowLength), 0x0a);
  }
  // A line each, so that an empty cell does not swallow a byte of the next one
  const cells = iconv()
    .decode(Buffer.from(bytes), charset)
    .split('\n', rowLength * rowLength);
  return cells.map((cell) => (cell.length === 1 ? cell : replacementCharacter)).join('');
}
