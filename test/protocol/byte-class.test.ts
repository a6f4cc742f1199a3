import t from 'tap';
import * as byteClass from '../../protocol/byte-class.ts';

/** The bytes of a class as text. */
function members(bits: number): string {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return String.fromCharCode(...bytes.filter((byte) => byteClass.isByteOf(byte, bits)));
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const atoms = `!#$&'+,-./0123456789:;<=>?@${letters}[^_\`${letters.toLowerCase()}|}~`;
const high = String.fromCharCode(...Array.from({ length: 128 }, (_, byte) => byte + 128));
const sorted = (text: string) => text.split('').toSorted().join('');

await t.test('the classes are those of RFC 3501, section 9', (t) => {
  t.equal(members(byteClass.atomByte), sorted(atoms));
  t.equal(members(byteClass.astringByte), sorted(`${atoms}]${high}`));
  t.equal(members(byteClass.listByte), sorted(`${atoms}]%*${high}`));
  t.equal(members(byteClass.tagByte), sorted(`${atoms}]`.replace('+', '')));
  t.equal(members(byteClass.digitByte), '0123456789');
  t.equal(members(byteClass.sequenceByte), sorted('0123456789*:,'));
  t.equal(members(byteClass.nameByte), sorted(`0123456789.-${letters}${letters.toLowerCase()}`));
  t.equal(members(byteClass.quotedByte).length, 256 - 5);
  t.equal(byteClass.isByteOf(undefined, 255), false);
  t.end();
});
