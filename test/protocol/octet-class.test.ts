import t from 'tap';
import * as octetClass from '../../protocol/octet-class.ts';

/** The octets of a class as text. */
function members(bits: number): string {
  const octets = Array.from({ length: 256 }, (_, octet) => octet);
  return String.fromCharCode(...octets.filter((octet) => octetClass.isOctetOf(octet, bits)));
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const atoms = `!#$&'+,-./0123456789:;<=>?@${letters}[^_\`${letters.toLowerCase()}|}~`;
const high = String.fromCharCode(...Array.from({ length: 128 }, (_, octet) => octet + 128));
const sorted = (text: string) => text.split('').toSorted().join('');

await t.test('the classes are those of RFC 3501, section 9', (t) => {
  t.equal(members(octetClass.atomOctet), sorted(atoms));
  t.equal(members(octetClass.astringOctet), sorted(`${atoms}]${high}`));
  t.equal(members(octetClass.listOctet), sorted(`${atoms}]%*${high}`));
  t.equal(members(octetClass.tagOctet), sorted(`${atoms}]`.replace('+', '')));
  t.equal(members(octetClass.digitOctet), '0123456789');
  t.equal(members(octetClass.sequenceOctet), sorted('0123456789*:,'));
  t.equal(members(octetClass.nameOctet), sorted(`0123456789.-${letters}${letters.toLowerCase()}`));
  t.equal(members(octetClass.quotedOctet).length, 256 - 5);
  t.equal(octetClass.isOctetOf(undefined, 255), false);
  t.end();
});
