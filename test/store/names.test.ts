import * as fc from 'fast-check';
import t from 'tap';
import { maxMailboxNameBytes } from '../../protocol/limits.ts';
import { encodeModifiedUtf7 } from '../../protocol/mailbox-name.ts';
import {
  findableMailboxName,
  foldAsciiCase,
  movedMailboxName,
  nameableLevel,
  newMailboxName,
  normalizeAccountName,
  parentNames,
  sortByMailboxName,
} from '../../store/names.ts';

await t.test('newMailboxName', (t) => {
  t.equal(newMailboxName('inBox'), 'INBOX');
  t.equal(newMailboxName('Inbox/Inbox'), 'INBOX/Inbox', 'only the first level');
  t.equal(newMailboxName('inboxes'), 'inboxes');
  t.equal(newMailboxName('e\u0301'), '\u00e9');
  for (const name of ['a/b c', 'Entwürfe', '[Gmail]', '"', '\\', '&', '~x', '#news', '.', '😀']) {
    t.equal(newMailboxName(name), name);
  }
  for (const [name, text] of [
    ['', '"": it is empty'],
    ['a//b', '"a//b": it has an empty level'],
    ['/a', '"/a": it has an empty level'],
    ['a/', '"a/": it has an empty level'],
    ['a\tb', '"a\\tb": it has control characters'],
    ['a\r\nb', '"a\\r\\nb": it has control characters'],
    ['\0', '"\\u0000": it has control characters'],
    ['a\u0085b', '"a\u0085b": it has control characters'],
    ['a\u2028b', '"a\u2028b": it has control characters'],
    ['\ud800', '"\\ud800": it is not Unicode text'],
    ['a\u0378', '"a\u0378": it is not Net-Unicode (RFC 5198)'],
    ['a\uffff', '"a\uffff": it is not Net-Unicode (RFC 5198)'],
    ['\ufeffa', '"\ufeffa": it is not Net-Unicode (RFC 5198)'],
    ['a*b', '"a*b": "*" and "%" are wildcards in LIST'],
    ['a/%', '"a/%": "*" and "%" are wildcards in LIST'],
    ['x'.repeat(256), `"${'x'.repeat(60)}...": a level has more than 255 characters`],
    [`${'a/'.repeat(32)}a`, `"${'a/'.repeat(30)}...": it has more than 32 levels`],
    // Grows to three characters each in NFC.
    ['\ufb2c'.repeat(340), `"${'\ufb2c'.repeat(60)}...": it has more than 1000 characters`],
  ] as const) {
    const message = `Cannot name a mailbox ${text}`;
    t.throws(() => newMailboxName(name), { name: 'StoreError', code: 'CANNOT', message });
  }
  t.end();
});

await t.test('a mailbox that is moved keeps its part of the name', (t) => {
  t.equal(movedMailboxName('new/a*b'), 'new/a*b');
  t.throws(() => movedMailboxName(`new/${'x'.repeat(256)}`), { code: 'CANNOT' });
  t.end();
});

await t.test('findableMailboxName', (t) => {
  t.equal(findableMailboxName('inbox/a*b'), 'INBOX/a*b');
  t.equal(findableMailboxName('e\u0301'), '\u00e9');
  t.equal(findableMailboxName('\ud800'), undefined, 'would find a mailbox named U+FFFD');
  t.end();
});

await t.test('every new name can be named on the wire', (t) => {
  const units = ['a', '&', 'é', '日', '😀', '\ufb2c', 'e\u0301', '/'];
  const names = fc.string({ unit: fc.constantFrom(...units), minLength: 200, maxLength: 1100 });
  let takenCount = 0;
  const isNameable = (name: string) => {
    const level = findableMailboxName(name.replaceAll(/(.{200})[^]/gu, '$1/'))!;
    let taken: string;
    try {
      taken = newMailboxName(level.replaceAll(/\/+/g, '/'));
    } catch {
      return true;
    }
    takenCount++;
    return encodeModifiedUtf7(taken).length <= maxMailboxNameBytes;
  };
  fc.assert(fc.property(names, isNameable), { numRuns: 500 });
  t.ok(takenCount > 50, `${takenCount} names were taken`);
  const worst = newMailboxName(`${'é&'.repeat(100)}/`.repeat(4) + 'é&'.repeat(90));
  t.ok(encodeModifiedUtf7(worst).length <= maxMailboxNameBytes);
  t.end();
});

await t.test('nameableLevel', (t) => {
  t.equal(nameableLevel('\ufeffa/b*c%d\te\u2028\u0378'), '_a_b_c_d_e__');
  t.equal(newMailboxName(nameableLevel('*')), '_');
  t.end();
});

await t.test('parentNames', (t) => {
  t.same(parentNames('a/b/c'), ['a', 'a/b']);
  t.same(parentNames('a'), []);
  t.end();
});

await t.test('sortByMailboxName', (t) => {
  const names = ['b', 'a/b', 'a', 'a-b', 'INBOX/x', 'a/INBOX', 'a/A', 'A', 'INBOX', 'b'];
  const sorted = ['INBOX', 'INBOX/x', 'A', 'a', 'a/A', 'a/INBOX', 'a/b', 'a-b', 'b', 'b'];
  t.same(sortByMailboxName(names, String), sorted);
  const alike = ['INBOXES', 'a!', 'INBOX/a/b', 'INBOX!', 'a/b/c', 'INBOX', 'a/b'];
  t.same(
    sortByMailboxName(alike, String),
    ['INBOX', 'INBOX/a/b', 'INBOX!', 'INBOXES', 'a/b', 'a/b/c', 'a!'],
    'what begins alike stands behind what is below',
  );
  const items = sorted.toReversed().map((name) => ({ name }));
  const inOrder = sortByMailboxName(items, ({ name }) => name);
  t.same(
    inOrder.map(({ name }) => name),
    sorted,
  );
  t.not(inOrder[8], inOrder[9], 'those of one name stay both');
  t.end();
});

await t.test('normalizeAccountName', (t) => {
  t.equal(normalizeAccountName('u\u0308ser@example.org'), '\u00fcser@example.org');
  t.throws(() => normalizeAccountName('two words'), { code: 'CANNOT' });
  t.end();
});

await t.test('foldAsciiCase', (t) => {
  t.equal(foldAsciiCase('ÄAZ-az[\u212a]'), 'Äaz-az[\u212a]', 'no other letters than ASCII');
  t.end();
});
