import t from 'tap';
import { type MailboxFilter, takesMailbox } from '../../protocol/mailbox-filter.ts';

const all = ['INBOX', 'INBOX/a', 'a', 'a!', 'a/b', 'a/b/c', 'a/b/c/d', 'aa', 'b', 'b/a'];
const subscribed = new Set(['a/b', 'b']);
const taken = (filter: MailboxFilter) =>
  all.filter((name) => takesMailbox(filter, { name, isSubscribed: subscribed.has(name) }));

await t.test('filters without names', (t) => {
  t.strictSame(taken({ kind: 'selected' }), []);
  t.strictSame(taken({ kind: 'selected-delayed' }), []);
  t.strictSame(taken({ kind: 'inboxes' }), ['INBOX']);
  t.strictSame(taken({ kind: 'personal' }), all);
  t.strictSame(taken({ kind: 'subscribed' }), ['a/b', 'b']);
  t.end();
});

await t.test('filters with names', (t) => {
  const names = ['a', 'b/a', 'x'];
  t.strictSame(taken({ kind: 'mailboxes', names }), ['a', 'b/a']);
  t.strictSame(taken({ kind: 'subtree', names }), ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'b/a']);
  t.strictSame(taken({ kind: 'subtree-one', names }), ['a', 'a/b', 'b/a']);
  t.strictSame(taken({ kind: 'subtree', names: ['a/b'] }), ['a/b', 'a/b/c', 'a/b/c/d']);
  t.strictSame(taken({ kind: 'mailboxes', names: ['a%'] }), [], 'no wildcards');
  t.end();
});

await t.test('each of many names is found, and nothing between them', (t) => {
  const names = Array.from({ length: 1_000 }, (_, index) => `m${index}`).toSorted();
  const takes = (name: string) =>
    takesMailbox({ kind: 'mailboxes', names }, { name, isSubscribed: false });
  t.ok(names.every(takes));
  t.notOk(names.some((name) => takes(`${name}x`)));
  t.end();
});
