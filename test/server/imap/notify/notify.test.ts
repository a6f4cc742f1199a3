import t from 'tap';
import { maxOwedNameBytes } from '../../../../server/imap/limits.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

/** While it is there, nobody learns what is subscribed. */
let hold: PromiseWithResolvers<void> | undefined;
const service = await startImapService(t, {
  storeMethods: {
    isSubscribed: async () => {
      await hold?.promise;
      return false;
    },
  },
});

const noop = async (client: ImapClient) => texts(await client.ok('NOOP'));
const both = '(MessageNew MessageExpunge)';

await t.test('NONE for some mailboxes leaves them out, whatever others say', async (t) => {
  const [a, b] = await service.newPair();
  for (const name of ['x', 'x/y', 'z']) await b.ok(`CREATE ${name}`);
  await a.ok(`NOTIFY SET (personal ${both}) (subtree x NONE)`);
  for (const name of ['x', 'x/y', 'z']) await appendMessages(b, name, 'one');
  t.match(await noop(a), [/^\* STATUS z \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)$/]);
});

await t.test('a client that is not told in time hears so, and then nothing', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('SELECT INBOX');
  await a.ok(`NOTIFY SET (selected ${both}) (personal (MailboxName))`);
  const count = Math.ceil(maxOwedNameBytes / (128 + 2 * 250)) + 5;
  hold = Promise.withResolvers();
  for (let index = 0; index < count; index++) {
    await b.ok(`CREATE ${`${index}`.padEnd(250, 'x')}`);
  }
  hold.resolve();
  hold = undefined;
  const told = await noop(a);
  t.match(told.at(-1), /^\* OK \[NOTIFICATIONOVERFLOW\]/);
  t.ok(told.length < 5, `${told.length} lines`);
  await appendMessages(b, 'INBOX', 'one');
  await b.ok('CREATE other');
  t.same(await noop(a), [], 'as by NOTIFY NONE');
  await a.ok(`NOTIFY SET (personal (MailboxName))`);
  await b.ok('CREATE another');
  t.match(await noop(a), [/^\* LIST .* another$/], 'until it asks again');
});

await t.test('what changes while a client is told is told behind', async (t) => {
  const [a, b] = await service.newPair();
  await b.ok('CREATE x');
  await a.ok(`NOTIFY SET (personal ${both})`);
  hold = Promise.withResolvers();
  await appendMessages(b, 'x', 'one');
  await appendMessages(b, 'INBOX', 'two');
  hold.resolve();
  hold = undefined;
  const told = await noop(a);
  for (const name of ['x', 'INBOX']) {
    t.ok(
      told.some((line) => line.startsWith(`* STATUS ${name} (MESSAGES 1 `)),
      name,
    );
  }
});

await t.test('what was not told of a mailbox when it was left is told behind', async (t) => {
  const [a, b] = await service.newPair();
  await appendMessages(b, 'INBOX', 'one');
  await a.ok('SELECT INBOX');
  await a.ok(`NOTIFY SET (personal ${both})`);
  await appendMessages(b, 'INBOX', 'two');
  t.same(await noop(a), [], 'nothing of the selected one is wanted');
  await a.ok('UNSELECT');
  t.match(await noop(a), [/^\* STATUS INBOX \(MESSAGES 2 /]);
  t.same(await noop(a), []);
});

await t.test('no message is marked as seen by what is told of new ones', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('SELECT INBOX');
  await a.ok(`NOTIFY SET (selected (MessageNew (BODY[TEXT]) MessageExpunge FlagChange))`);
  await b.ok('APPEND INBOX', Buffer.from('Subject: one\r\n\r\nHello\r\n'));
  const told = await noop(a);
  t.match(told.at(-1), /^\* 1 FETCH \(BODY\[TEXT\] /);
  await b.ok('SELECT INBOX');
  t.notMatch(texts(await b.ok('FETCH 1 FLAGS')).join(), /Seen/);
});

await t.test('messages of the client itself are not told beside those of others', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('SELECT INBOX');
  await a.ok(`NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) (personal ${both})`);
  await a.ok('CREATE x');
  await appendMessages(b, 'INBOX', 'one');
  t.match(await noop(a), [/^\* 1 EXISTS/, /RECENT/, /^\* 1 FETCH \(UID 1\)/]);
  await appendMessages(a, 'INBOX', 'two');
  await a.ok('COPY 1 x');
  t.same(
    (await noop(a)).filter((line) => !/EXISTS|RECENT/.test(line)),
    [],
  );
  await appendMessages(b, 'x', 'three');
  t.match(await noop(a), [/^\* STATUS x \(MESSAGES 2 UIDNEXT 3 /], 'one of others tells all');
});

await t.test('pipelined commands, a literal, and IDLE between notifications', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('SELECT INBOX');
  await a.ok(`NOTIFY SET (selected (MessageNew (UID BODY.PEEK[]) MessageExpunge FlagChange))`);
  const text = Buffer.from(`Subject: one\r\n\r\n${'x'.repeat(50_000)}\r\n`);
  for (let round = 1; round <= 5; round++) {
    const append = b.ok('APPEND INBOX', text);
    const own = a.ok('APPEND Drafts', text);
    const told = [...texts(await own), ...texts((await append) && (await a.ok('NOOP')))];
    const fetched = told.filter((line) => line.includes(`FETCH (UID ${round} BODY[] `));
    t.equal(fetched.length, 1);
    t.ok(fetched[0]?.includes('x'.repeat(50_000)));
  }
});

await t.test('it ends with the connection', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('NOTIFY SET (personal (SubscriptionChange))');
  await a.logout();
  await b.ok('SUBSCRIBE x');
  t.same(texts(await b.ok('NOOP')), []);
});
