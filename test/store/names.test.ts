import t from 'tap';
import {
  compareMailboxNames,
  foldAsciiCase,
  normalizeAccountName,
  checkMailboxName,
  parentNames,
} from '../../store/names.ts';

await t.test('checkMailboxName', (t) => {
  t.equal(checkMailboxName('inBox'), 'INBOX');
  t.equal(checkMailboxName('Inbox/Inbox'), 'INBOX/Inbox', 'only the first level');
  t.equal(checkMailboxName('inboxes'), 'inboxes');
  t.equal(checkMailboxName('e\u0301'), '\u00e9');
  for (const name of ['', 'a//b', '/a', 'a/', 'a\tb', 'a\u2028b', 'x'.repeat(256)]) {
    t.throws(() => checkMailboxName(name), { name: 'StoreError', code: 'CANNOT' });
  }
  t.end();
});

await t.test('parentNames', (t) => {
  t.same(parentNames('a/b/c'), ['a', 'a/b']);
  t.same(parentNames('a'), []);
  t.end();
});

await t.test('compareMailboxNames', (t) => {
  const names = ['b', 'a/b', 'a', 'a-b', 'INBOX/x', 'a/INBOX', 'a/A', 'A', 'INBOX', 'b'];
  const sorted = ['INBOX', 'INBOX/x', 'A', 'a', 'a/A', 'a/INBOX', 'a/b', 'a-b', 'b', 'b'];
  t.same(names.toSorted(compareMailboxNames), sorted);
  t.equal(compareMailboxNames('a/b', 'a/b'), 0);
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
