import t from 'tap';
import { Decoder } from '../../../protocol/decoder.ts';
import { expectMailboxFilter } from '../../../protocol/grammar/mailbox-filter.ts';
import { maxFilterNames } from '../../../protocol/limits.ts';

const read = (text: string) => {
  const decoder = new Decoder(Buffer.from(text, 'latin1'));
  const filter = expectMailboxFilter(decoder);
  decoder.expectEnd();
  return filter;
};

await t.test('filters without names, in whatever case', (t) => {
  for (const kind of ['selected', 'selected-delayed', 'inboxes', 'personal', 'subscribed']) {
    t.strictSame(read(kind), { kind });
    t.strictSame(read(kind.toUpperCase()), { kind });
  }
  t.end();
});

await t.test('filters with names', (t) => {
  for (const kind of ['mailboxes', 'subtree', 'subtree-one']) {
    t.strictSame(read(`${kind.toUpperCase()} inbox`), { kind, names: ['INBOX'] });
    t.strictSame(
      read(`${kind} (b "a b" b {2+}\r\n&- )`),
      { kind, names: ['&', 'a b', 'b'] },
      'each once, in order',
    );
  }
  t.strictSame(read('mailboxes "a*"'), { kind: 'mailboxes', names: ['a*'] }, 'no wildcards');
  t.end();
});

await t.test('what is no filter', (t) => {
  t.throws(() => read('all'), { message: 'Expected mailbox filter, got "all"' });
  t.throws(() => read(''), { message: 'Expected mailbox filter, got end of command' });
  t.throws(() => read('selected x'), { message: 'Expected end of command, got " x"' });
  t.throws(() => read('mailboxes'), { message: 'Expected space, got end of command' });
  t.throws(() => read('subtree ()'), { message: 'Expected mailbox names, got an empty list' });
  t.throws(() => read('subtree (a b'), { message: 'Expected space or ")", got end of command' });
  t.end();
});

await t.test('as many names as there can be mailboxes', (t) => {
  const names = Array.from({ length: maxFilterNames }, (_, index) => `${index}`);
  t.strictSame(read(`mailboxes (${names.join(' ')})`), {
    kind: 'mailboxes',
    names: names.toSorted(),
  });
  t.throws(() => read(`mailboxes (${names.join(' ')} x)`), {
    message: 'More than 10000 mailbox names',
  });
  t.end();
});
