import t from 'tap';
import { maxSpecialUses } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

await t.test('SELECT and EXAMINE', (t) => {
  t.same(decode('SELECT INBOX'), { name: 'SELECT', mailboxName: 'INBOX', isCondstore: false });
  t.match(decode('SELECT inbox'), { mailboxName: 'INBOX', oldName: 'inbox' });
  t.same(decode('EXAMINE "a b" (CondStore)'), {
    name: 'EXAMINE',
    mailboxName: 'a b',
    isCondstore: true,
  });
  t.match(decode('SELECT {3+}\r\na b'), { mailboxName: 'a b' });
  t.match(decode('SELECT a ()'), { isCondstore: false });
  t.equal(decode('EXAMINE a (CONDSTORE x)'), 'BAD Unknown parameter "X"');
  t.equal(decode('SELECT'), 'BAD Expected space, got end of command');
  t.equal(decode('SELECT a b'), 'BAD Expected list of parameters, got "b"');
  t.equal(decode('SELECT a&b'), 'NO [CANNOT] Mailbox name "a&b" is not modified UTF-7');
  t.end();
});

await t.test('CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE', (t) => {
  t.same(decode('CREATE a/b'), { name: 'CREATE', mailboxName: 'a/b' });
  t.same(decode('CREATE a/b/'), { name: 'CREATE', mailboxName: 'a/b' });
  t.same(decode('CREATE Entw&APw-rfe'), {
    name: 'CREATE',
    mailboxName: 'Entwürfe',
  });
  t.same(decode('DELETE ""'), { name: 'DELETE', mailboxName: '' });
  t.same(decode('RENAME a Inbox/b'), {
    name: 'RENAME',
    mailboxName: 'a',
    newName: 'INBOX/b',
    oldName: 'a',
  });
  t.same(decode('RENAME a b'), { name: 'RENAME', mailboxName: 'a', newName: 'b' });
  t.match(decode('RENAME inbox b'), { mailboxName: 'INBOX', newName: 'b', oldName: 'inbox' });
  t.match(decode('CREATE e&AwE-/'), { mailboxName: 'é', oldName: 'e\u0301' });
  t.match(decode('DELETE inbox/a'), { mailboxName: 'INBOX/a', oldName: 'inbox/a' });
  t.same(decode('SUBSCRIBE a'), { name: 'SUBSCRIBE', mailboxName: 'a' });
  t.same(decode('unsubscribe "a]"'), { name: 'UNSUBSCRIBE', mailboxName: 'a]' });
  t.same(decode('CREATE a (USE (\\Sent \\nosuch))'), {
    name: 'CREATE',
    mailboxName: 'a',
    specialUses: ['\\Sent', '\\nosuch'],
  });
  t.match(decode('CREATE a/ (use ())'), { mailboxName: 'a', specialUses: [] });
  t.equal(decode('CREATE a (USE (Sent))'), 'BAD Expected "\\\\", got "Sent))"');
  t.equal(decode('CREATE a (USE \\Sent)'), 'BAD Expected list of special uses, got "\\\\Sent)"');
  t.equal(decode('CREATE a (SIZE 1)'), 'BAD Unknown CREATE parameter "SIZE"');
  t.equal(decode('CREATE a b'), 'BAD Expected list of CREATE parameters, got "b"');
  t.equal(
    decode('CREATE a (USE (\\Sent))', { off: new Set(['CREATE-SPECIAL-USE']) }),
    'BAD Expected end of command, got " (USE"',
  );
  const uses = (count: number) => decode(`CREATE a (USE (${'\\a '.repeat(count)}))`);
  t.match(uses(maxSpecialUses), { specialUses: { length: maxSpecialUses } });
  t.equal(uses(maxSpecialUses + 1), `BAD More than ${maxSpecialUses} special uses`);
  t.equal(decode('RENAME a'), 'BAD Expected space, got end of command');
  t.equal(decode('DELETE a*'), 'BAD Expected end of command, got "*"');
  t.end();
});

await t.test('LIST and LSUB', (t) => {
  t.same(decode('LIST "" *'), { name: 'LIST', reference: '', patterns: ['*'] });
  t.same(decode('LIST "" ""'), { name: 'LIST', reference: '', patterns: [''] });
  t.same(decode('LSUB a/ %&AOk-%'), { name: 'LSUB', reference: 'a/', pattern: '%é%' });
  t.same(decode('LIST "" "Tom & *"'), { name: 'LIST', reference: '', patterns: ['Tom & *'] });
  t.equal(decode('LSUB "" (a b)'), 'BAD Expected mailbox pattern, got "(a"');
  t.equal(decode('LIST ""'), 'BAD Expected space, got end of command');
  t.end();
});

await t.test('STATUS', (t) => {
  t.same(decode('STATUS a (messages UNSEEN MESSAGES UIDNEXT UIDVALIDITY RECENT HIGHESTMODSEQ )'), {
    name: 'STATUS',
    mailboxName: 'a',
    items: ['MESSAGES', 'UNSEEN', 'UIDNEXT', 'UIDVALIDITY', 'RECENT', 'HIGHESTMODSEQ'],
  });
  t.match(decode('STATUS a (Size APPENDLIMIT)'), { items: ['SIZE', 'APPENDLIMIT'] });
  t.match(decode('STATUS a (mailboxid)'), { items: ['MAILBOXID'] });
  t.equal(
    decode('STATUS a (MAILBOXID)', { off: new Set(['OBJECTID']) }),
    'BAD Unknown STATUS item "MAILBOXID"',
  );
  t.equal(
    decode('STATUS a (SIZE)', { off: new Set(['STATUS=SIZE']) }),
    'BAD Unknown STATUS item "SIZE"',
  );
  for (const name of ['SIZES', '__proto__', 'TOSTRING']) {
    t.equal(decode(`STATUS a (${name})`), `BAD Unknown STATUS item "${name.toUpperCase()}"`);
  }
  t.equal(decode('STATUS a ()'), 'BAD Expected STATUS items, got an empty list');
  t.equal(decode('STATUS a MESSAGES'), 'BAD Expected list of STATUS items, got "MESSAGES"');
  t.end();
});

await t.test('COPY and MOVE', (t) => {
  t.same(decode('COPY 1:* a'), {
    name: 'COPY',
    isUid: false,
    set: [{ first: 1, last: Infinity }],
    mailboxName: 'a',
  });
  t.match(decode('UID COPY 1 a'), { name: 'COPY', isUid: true });
  t.match(decode('MOVE 1 a'), { name: 'MOVE', isUid: false });
  t.match(decode('UID MOVE 1 a'), { name: 'MOVE', isUid: true });
  t.equal(decode('COPY 1'), 'BAD Expected space, got end of command');
  t.end();
});
