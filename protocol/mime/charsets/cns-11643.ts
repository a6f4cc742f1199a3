import { iconv } from '../text-libraries.ts';
import { replacementCharacter, type SequenceReader } from './charset-decoder.ts';
import { DoubleByteSet } from './double-bytes.ts';

const big5RowLength = 157;

/**
 * Planes 1 and 2 of CNS 11643 have the characters of Big5 in nearly the same order, so the table is one of runs: number of
 * the first character in the plane (row by row), in Big5 (row by row), and how many follow each other in both.
 */
const runsOfPlane1 = `0/0/21 21/23/2 24/22/1 29/29/44 73/74/1 74/73/1 75/75/22 98/98/1 100/100/27 127/128/1 128/127/1
   129/129/19 148/149/1 149/148/1 150/150/5 155/21/1 156/156/78 282/234/29 312/264/1 314/266/142
   470/5872/30 3290/471/17 3307/263/1 3308/489/86 3394/265/1 3395/576/1307 4702/1884/424 5126/1883/1
   5127/2308/1876 7003/4571/1 7004/4184/387 7391/4572/525 7916/5286/1 7917/5097/189 8106/5287/84
   8190/5517/1 8191/5371/54 8245/5426/1 8246/5425/1 8247/5427/90 8337/5518/354`;

const runsOfPlane2 = `0/6280/10 10/6291/33 43/6372/1 44/6324/48 92/6373/46 138/6586/1 139/6419/167 306/6587/1840 2146/9074/1
   2147/8428/108 2255/8537/537 2792/8427/1 2793/9075/100 2893/8536/1 2894/9175/399 3293/9575/1637
   4930/11761/1 4931/11212/146 5077/11899/1 5078/11358/287 5365/12508/1 5366/11645/116 5482/11762/137
   5619/11900/104 5723/12425/1 5724/12004/222 5946/12227/198 6144/12426/82 6226/12509/86 6312/12226/1
   6313/12595/8 6321/12604/153 6474/12758/56 6530/13114/1 6531/12814/113 6644/12603/1 6645/12927/142
   6787/12757/1 6788/13069/45 6833/13115/71 6904/13380/1 6905/13186/194 7099/13381/490 7589/13914/1
   7590/13871/43 7633/13915/1 7634/13917/11 7645/13916/1 7646/13928/4`;

/** Plane 1 of CNS 11643. */
export const cnsPlane1 = new DoubleByteSet(() => loadPlane(runsOfPlane1));

/** Plane 2 of CNS 11643. */
export const cnsPlane2 = new DoubleByteSet(() => loadPlane(runsOfPlane2));

function loadPlane(runs: string): string {
  const plane = Array.from<string>({ length: 94 * 94 }).fill(replacementCharacter);
  for (const run of runs.split(/\s+/)) {
    const [first, big5, count] = run.split('/').map(Number);
    for (let index = 0; index < count!; index++) plane[first! + index] = readBig5(big5! + index);
  }
  return plane.join('');
}

/** A character of Big5 by its number: a row has the cells 0x40 to 0x7E and 0xA1 to 0xFE. */
function readBig5(number: number): string {
  const cell = number % big5RowLength;
  const bytes = [0xa1 + Math.floor(number / big5RowLength), cell + (cell < 63 ? 0x40 : 0x62)];
  const text = iconv().decode(Buffer.from(bytes), 'big5-hkscs');
  return text.length === 1 ? text : replacementCharacter;
}

/**
 * EUC-TW: plane 1 in two bytes, any plane in four (0x8E, 0xA0 + plane, row, cell). Planes above 2, the rare characters, are
 * U+FFFD.
 */
export const eucTw: SequenceReader = {
  lengthOf(bytes, position) {
    if (bytes[position] === 0x8e) return 4;
    return isHigh(bytes[position]!) ? 2 : 1;
  },
  decode(bytes, position) {
    const byte = bytes[position]!;
    if (byte < 0x80) return String.fromCharCode(byte);
    if (byte !== 0x8e)
      return isHigh(byte) ? readHighPair(cnsPlane1, bytes, position) : replacementCharacter;
    const plane = bytes[position + 1]! - 0xa0;
    if (plane !== 1 && plane !== 2) return replacementCharacter;
    return readHighPair(plane === 1 ? cnsPlane1 : cnsPlane2, bytes, position + 2);
  },
};

function readHighPair(plane: DoubleByteSet, bytes: Buffer, position: number): string {
  const [row, cell] = [bytes[position]!, bytes[position + 1]!];
  if (!isHigh(row) || !isHigh(cell)) return replacementCharacter;
  return plane.read(Uint8Array.of(row & 0x7f, cell & 0x7f));
}

function isHigh(byte: number): boolean {
  return byte > 0xa0 && byte < 0xff;
}
