import t from 'tap';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient } = await startImapService(t);

await t.test('LIST tells names, children and special use', async (t) => {
  const client = await newClient();
  await client.ok('CREATE Work/Reports');
  await client.ok('CREATE "Entw&APw-rfe"');
  const lines = texts(await client.ok('LIST "" *'));
  t.ok(lines.includes('* LIST (\\HasNoChildren) "/" INBOX'));
  t.ok(lines.includes('* LIST (\\HasNoChildren \\Sent) "/" Sent'));
  t.ok(lines.includes('* LIST (\\HasChildren) "/" Work'));
  t.ok(lines.includes('* LIST (\\HasNoChildren) "/" Work/Reports'));
  t.ok(lines.includes('* LIST (\\HasNoChildren) "/" Entw&APw-rfe'));
  t.notOk(texts(await client.ok('LIST "" %')).some((line) => line.includes('Reports')));
  t.same(texts(await client.ok('LIST Work/ %')), ['* LIST (\\HasNoChildren) "/" Work/Reports']);
  t.same(texts(await client.ok('LIST "" ""')), ['* LIST (\\Noselect) "/" ""']);
});

await t.test(
  'a deleted mailbox with children stays as a level that cannot be selected',
  async (t) => {
    const client = await newClient();
    await client.ok('CREATE Work/Reports');
    await client.ok('DELETE Work');
    t.same(texts(await client.ok('LIST "" Work')), ['* LIST (\\Noselect \\HasChildren) "/" Work']);
    t.match(await client.command('SELECT Work'), { status: 'NO' });
    t.match(await client.command('STATUS Work (MESSAGES)'), { status: 'NO' });
    t.match(await client.command('DELETE Work'), { status: 'NO', text: /^\[HASCHILDREN\]/ });
  },
);

await t.test('refusals carry response codes', async (t) => {
  const client = await newClient();
  t.match(await client.command('CREATE INBOX'), { status: 'NO', text: /^\[ALREADYEXISTS\]/ });
  t.match(await client.command('DELETE INBOX'), { status: 'NO', text: /^\[CANNOT\]/ });
  t.match(await client.command('DELETE Nowhere'), { status: 'NO', text: /^\[NONEXISTENT\]/ });
  t.match(await client.command('RENAME Nowhere B'), { status: 'NO', text: /^\[NONEXISTENT\]/ });
  t.match(await client.command('RENAME Sent Trash'), { status: 'NO', text: /^\[ALREADYEXISTS\]/ });
});

await t.test('a name that no mailbox can have is refused, and no target to create', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', Buffer.from('Subject: x\r\n\r\ny\r\n'));
  await client.ok('SELECT INBOX');
  const text = '[CANNOT] Cannot name a mailbox "a*b": "*" and "%" are wildcards in LIST';
  for (const command of ['CREATE "a*b"', 'RENAME Sent "a*b"', 'SUBSCRIBE "a*b"', 'COPY 1 "a*b"']) {
    t.match(await client.command(command), { status: 'NO', text });
  }
  t.match(await client.command('APPEND "a*b"', Buffer.from('A: b\r\n')), { status: 'NO', text });
  t.match(await client.command('COPY 1 new'), { status: 'NO', text: /^\[TRYCREATE\]/ });
  t.match(await client.command('DELETE "a*b"'), { status: 'NO', text: /^\[NONEXISTENT\]/ });
  t.match(await client.command('CREATE "&AAk-"'), { text: /"\\t": it has control characters/ });
});

await t.test(
  'RENAME takes the children along, INBOX is emptied into the new mailbox',
  async (t) => {
    const client = await newClient();
    await client.ok('CREATE a/b');
    await client.ok('RENAME a c');
    t.same(texts(await client.ok('LIST "" c*')), [
      '* LIST (\\HasChildren) "/" c',
      '* LIST (\\HasNoChildren) "/" c/b',
    ]);
    await client.ok('APPEND INBOX', Buffer.from('Subject: x\r\n\r\ny\r\n'));
    await client.ok('RENAME INBOX Old');
    t.match(texts(await client.ok('STATUS INBOX (MESSAGES)')), [/MESSAGES 0/]);
    t.match(texts(await client.ok('STATUS Old (MESSAGES)')), [/MESSAGES 1/]);
  },
);

await t.test('LSUB lists subscriptions, and levels above them for %', async (t) => {
  const client = await newClient();
  for (const name of ['INBOX', 'Archive', 'Drafts', 'Junk', 'Sent', 'Trash']) {
    await client.ok(`UNSUBSCRIBE ${name}`);
  }
  await client.ok('CREATE news/tech');
  await client.ok('SUBSCRIBE news/tech');
  await client.ok('SUBSCRIBE gone');
  t.same(texts(await client.ok('LSUB "" *')), ['* LSUB () "/" gone', '* LSUB () "/" news/tech']);
  t.same(texts(await client.ok('LSUB "" %')), [
    '* LSUB () "/" gone',
    '* LSUB (\\Noselect) "/" news',
  ]);
});
