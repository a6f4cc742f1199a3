import t from 'tap';
import { StoreError } from '../../../../store/mail-store.ts';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';

const vanished = new Set<number>();
const service = await startImapService(t);
const { newClient, newPair } = service;

await t.test('INBOX matches in any case, also in a list of patterns', async (t) => {
  const client = await newClient();
  t.same(texts(await client.ok('LIST "" (inbox sent)')), ['* LIST () "/" INBOX']);
  t.same(texts(await client.ok('LIST "" (inbox INBOX I*)')), ['* LIST () "/" INBOX'], 'once');
});

await t.test('SPECIAL-USE selects, alone and with SUBSCRIBED', async (t) => {
  const client = await newClient();
  await client.ok('CREATE Work');
  await client.ok('SUBSCRIBE Work');
  await client.ok('UNSUBSCRIBE Junk');
  t.same(texts(await client.ok('LIST (SPECIAL-USE) "" ("J*" W* S*)')), [
    '* LIST (\\Junk) "/" Junk',
    '* LIST (\\Sent) "/" Sent',
  ]);
  t.same(texts(await client.ok('LIST (SPECIAL-USE SUBSCRIBED) "" ("J*" W* S*)')), [
    '* LIST (\\Subscribed \\Sent) "/" Sent',
  ]);
  t.same(texts(await client.ok('LIST "" (Sent) RETURN (CHILDREN)')), [
    '* LIST (\\HasNoChildren) "/" Sent',
  ]);
});

await t.test(
  'names in UTF-7 are patterns, too, and the reference stands before each',
  async (t) => {
    const client = await newClient();
    await client.ok('CREATE a/Entw&APw-rfe');
    await client.ok('CREATE a/b');
    t.same(texts(await client.ok('LIST a/ (Entw&APw-* b)')), [
      '* LIST () "/" a/Entw&APw-rfe',
      '* LIST () "/" a/b',
    ]);
  },
);

await t.test('LIST with HIGHESTMODSEQ turns CONDSTORE on, as STATUS does', async (t) => {
  const client = await newClient();
  await client.ok('APPEND INBOX', Buffer.from('Subject: x\r\n\r\ny\r\n'));
  await client.ok('SELECT INBOX');
  t.match(texts(await client.ok('STORE 1 FLAGS (a)')).at(-1), /^\* 1 FETCH \(FLAGS \([^)]*\)\)$/);
  t.match(texts(await client.ok('LIST "" Sent RETURN (STATUS (HIGHESTMODSEQ))')), [
    /^\* OK \[HIGHESTMODSEQ \d+\]/,
    '* LIST () "/" Sent',
    /^\* STATUS Sent \(HIGHESTMODSEQ [1-9]\d*\)$/,
  ]);
  t.match(texts(await client.ok('STORE 1 FLAGS (b)')).at(-1), / MODSEQ \(\d+\)\)$/);
});

await t.test('another session sees a change in its next LIST', async (t) => {
  const [one, other] = await newPair();
  await one.ok('CREATE New');
  await one.ok('SUBSCRIBE New');
  await one.ok('APPEND New', Buffer.from('Subject: x\r\n\r\ny\r\n'));
  const ask = () => other.ok('LIST (SUBSCRIBED) "" N* RETURN (STATUS (MESSAGES))');
  t.same(texts(await ask()), ['* LIST (\\Subscribed) "/" New', '* STATUS New (MESSAGES 1)']);
  await one.ok('DELETE New');
  t.same(texts(await ask()), ['* LIST (\\NonExistent \\Subscribed) "/" New']);
});

await t.test('a mailbox that is deleted meanwhile has no STATUS', async (t) => {
  const raced = await startImapService(t, {
    storeMethods: {
      readStatus: (box, options) =>
        vanished.has(box.mailboxId)
          ? Promise.reject(new StoreError('NONEXISTENT', 'The mailbox does not exist'))
          : raced.store.readStatus(box, options),
      listMetadata: (owner) =>
        vanished.has(owner.mailboxId ?? 0)
          ? Promise.reject(new StoreError('NONEXISTENT', 'The mailbox does not exist'))
          : raced.store.listMetadata(owner),
      createMailbox: async (accountId, name, uses) => {
        const mailbox = await raced.store.createMailbox(accountId, name, uses);
        vanished.add(mailbox.mailboxId);
        return mailbox;
      },
    },
  });
  const client = await raced.login();
  const { id } = (await raced.store.findAccount('alice'))!;
  vanished.add((await raced.store.findMailbox(id, 'Sent'))!.mailboxId);
  t.same(texts(await client.ok('LIST "" (Sent Trash) RETURN (STATUS (MESSAGES))')), [
    '* LIST () "/" Sent',
    '* LIST () "/" Trash',
    '* STATUS Trash (MESSAGES 0)',
  ]);
  t.same(texts(await client.ok('LIST "" (Sent Trash) RETURN (METADATA (/private/a))')), [
    '* LIST () "/" Sent',
    '* LIST () "/" Trash',
    '* METADATA Trash (/private/a NIL)',
  ]);
  t.match(
    (await client.ok('CREATE quickly')).text,
    /^\[MAILBOXID \(F\d+\)\]/,
    'CREATE tells the id of a mailbox that is deleted by then (RFC 8474, section 4.1)',
  );
});
