import t from 'tap';
import { StoreError } from '../../../../store/mail-store.ts';
import { until } from '../../../fixtures/until.ts';
import { messageOf, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { service, connect, newAccount, newClient } = await startImapService(t);

await t.test('APPEND answers with APPENDUID; flags and date are kept', async (t) => {
  const client = await newClient();
  const result = await client.ok(
    'APPEND Drafts (\\Draft Later) "17-Jul-1996 02:44:25 -0700"',
    messageOf('one'),
  );
  t.match(result.text, /^\[APPENDUID \d+ 1\] /);
  await client.ok('SELECT Drafts');
  t.same(texts(await client.ok('FETCH 1 (FLAGS INTERNALDATE)')), [
    '* 1 FETCH (FLAGS (\\Recent \\Draft Later) INTERNALDATE "17-Jul-1996 02:44:25 -0700")',
  ]);
});

await t.test('APPEND to the selected mailbox tells EXISTS', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  t.same(texts(await client.ok('APPEND INBOX', messageOf('one'))), ['* 1 EXISTS', '* 1 RECENT']);
});

await t.test('without its mailbox the message is refused before it is sent', async (t) => {
  const client = await newClient();
  const refused = await client.command('APPEND Nowhere', messageOf('one'));
  t.match(refused, { status: 'NO', text: /^\[TRYCREATE\]/ });
  await client.ok('NOOP');
});

await t.test('a refused message that is on its way already is read and dropped', async (t) => {
  const client = await newClient();
  client.send('a APPEND Nowhere {12+}\r\nx LOGOUT\r\nyy\r\nb NOOP\r\n');
  t.match(await client.readTagged('a'), { status: 'NO', text: /^\[TRYCREATE\]/ });
  t.match(await client.readTagged('b'), { status: 'OK' });
});

await t.test('a client that leaves in the middle of a message leaves nothing behind', async (t) => {
  const login = await newAccount();
  const before = service.connectionCount;
  const client = await login();
  const other = await login();
  client.send('a APPEND INBOX {100000}\r\n');
  t.match((await client.read()).text, /^\+ /);
  client.send('From: a@example.com\r\n');
  await client.drop();
  t.match(texts(await other.ok('STATUS INBOX (MESSAGES)')), [/MESSAGES 0/]);
  await other.logout();
  await until(() => service.connectionCount === before);
});

await t.test('an empty message and one with more behind it are refused', async (t) => {
  const client = await newClient();
  t.match(await client.command('APPEND INBOX', Buffer.alloc(0)), { status: 'NO', text: /empty/ });
  const message = messageOf('one');
  client.send(`a APPEND INBOX {${message.length}+}\r\n${message.toString()} more\r\n`);
  t.match(await client.readTagged('a'), { status: 'BAD' });
  t.same(texts(await client.ok('STATUS INBOX (MESSAGES)')), ['* STATUS INBOX (MESSAGES 0)']);
});

await t.test('a message that cannot be stored is refused once it has been read', async (t) => {
  let written = 0;
  const { login } = await startImapService(t, {
    storeMethods: {
      beginMessage: () => ({
        async write() {
          written += 1;
          throw new StoreError('OVERQUOTA', 'The disk is full');
        },
        async seal() {
          throw new Error('Not reached');
        },
        async addTo() {
          throw new Error('Not reached');
        },
        async addToEach() {
          throw new Error('Not reached');
        },
        heldBytes: 0,
        async discard() {},
      }),
    },
  });
  const client = await login();
  const message = Buffer.alloc(300_000, 'x');
  const refused = await client.command('APPEND INBOX', message);
  t.match(refused, { status: 'NO', text: /^\[OVERQUOTA\] The disk is full/ });
  t.equal(written, 1, 'the rest is not offered');
  await client.ok('NOOP');
});

await t.test('APPEND needs a login', async (t) => {
  const client = await connect();
  t.match(await client.command('APPEND INBOX', messageOf('one')), { status: 'BAD' });
  await client.ok('NOOP');
});
