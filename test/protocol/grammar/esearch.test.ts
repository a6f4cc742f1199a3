import t from 'tap';
import { maxSearchSources } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const all = { items: new Set(['ALL']) };
const unseen = { key: 'not', operand: { key: 'flag', flag: '\\Seen' } };
const name = 'ESEARCH';

await t.test('the mailboxes that are searched', (t) => {
  const sources = (line: string) => (decode(`ESEARCH ${line}ALL`) as { sources: object }).sources;
  t.same(sources(''), [{ kind: 'selected' }]);
  t.same(sources('IN (selected) '), [{ kind: 'selected' }]);
  t.same(sources('in (Personal SUBSCRIBED inboxes) '), [
    { kind: 'personal' },
    { kind: 'subscribed' },
    { kind: 'inboxes' },
  ]);
  t.same(sources('IN (mailboxes folder1 subtree "folder2") '), [
    { kind: 'mailboxes', names: ['folder1'] },
    { kind: 'subtree', names: ['folder2'] },
  ]);
  t.same(sources('IN (subtree-one (b a inbox)) '), [
    { kind: 'subtree-one', names: ['INBOX', 'a', 'b'] },
  ]);
  const most = Array<string>(maxSearchSources).fill('selected').join(' ');
  t.equal((sources(`IN (${most}) `) as readonly object[]).length, maxSearchSources);
  t.end();
});

await t.test('what they are searched for', (t) => {
  const sources = [{ kind: 'personal' }];
  t.same(decode('ESEARCH IN (personal) UNSEEN'), {
    name,
    isUid: true,
    sources,
    returned: all,
    criteria: unseen,
  });
  t.same(decode('ESEARCH IN (personal) RETURN (COUNT MIN) CHARSET UTF-8 UNSEEN'), {
    name,
    isUid: true,
    sources,
    returned: { items: new Set(['COUNT', 'MIN']) },
    criteria: unseen,
  });
  t.same(decode('ESEARCH RETURN () UNSEEN'), {
    name,
    isUid: true,
    sources: [{ kind: 'selected' }],
    returned: all,
    criteria: unseen,
  });
  t.match(decode('ESEARCH RETURN (SAVE) ALL'), { returned: { items: new Set(['SAVE']) } });
  t.match(decode('ESEARCH IN (selected) RETURN (SAVE) ALL'), { sources: [{ kind: 'selected' }] });
  t.end();
});

await t.test('what is refused', (t) => {
  for (const [line, text] of [
    ['ESEARCH', 'Expected space, got end of command'],
    ['ESEARCH IN () ALL', 'Expected mailbox filters, got an empty list'],
    ['ESEARCH IN (selected-delayed) ALL', 'Expected mailbox filter, got "selected-delayed)"'],
    ['ESEARCH IN (everything) ALL', 'Expected mailbox filter, got "everything)"'],
    ['ESEARCH IN (mailboxes ()) ALL', 'Expected mailbox names, got an empty list'],
    ['ESEARCH IN (personal)', 'Expected space, got end of command'],
    [
      'ESEARCH IN (personal) RETURN (SAVE) ALL',
      'Only what is found in the selected mailbox can be saved',
    ],
    [
      'ESEARCH IN (selected mailboxes a) RETURN (SAVE) ALL',
      'Only what is found in the selected mailbox can be saved',
    ],
  ] as const) {
    t.equal(decode(line), `BAD ${text}`, line);
  }
  t.match(decode('ESEARCH IN (personal (x y)) ALL'), /^BAD /, 'there are no scope options');
  t.match(decode(`ESEARCH IN (${'inboxes '.repeat(maxSearchSources)}personal) ALL`), /^BAD /);
  t.match(decode('UID ESEARCH ALL'), /^BAD Unknown command/);
  t.end();
});
