import { setImmediate as nextRound } from 'node:timers/promises';
import t from 'tap';
import { idle } from '../../../../server/imap/commands/idle.ts';
import { MailboxFeed } from '../../../../server/imap/mailbox-feed.ts';
import { FakeMailbox } from '../../../fixtures/fake-mailbox.ts';
import { appendMessages, startImapService } from '../../../fixtures/imap-service.ts';
import { allMicrotasks, selectedSession } from '../../../fixtures/selected-session.ts';

const { newClient, newPair } = await startImapService(t);

await t.test('an idling client hears of new mail, flags and removals at once', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(other, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  t.match((await client.read()).text, /^\+ /);
  await appendMessages(other, 'INBOX', 'two');
  t.equal((await client.read()).text, '* 2 EXISTS');
  t.equal((await client.read()).text, '* 2 RECENT', 'the first is still recent');
  await other.ok('SELECT INBOX');
  await other.ok('STORE 1 +FLAGS (\\Deleted)');
  t.match((await client.read()).text, /^\* 1 FETCH \(UID 1 FLAGS \(.*\\Deleted/);
  await other.ok('EXPUNGE');
  t.equal((await client.read()).text, '* 1 EXPUNGE');
  client.send('DONE\r\n');
  t.match(await client.readTagged('i'), { status: 'OK' });
});

await t.test('anything but DONE ends IDLE with a clear BAD', async (t) => {
  const client = await newClient();
  client.send('i IDLE\r\n');
  await client.read();
  client.send('FINISHED\r\n');
  t.match(await client.readTagged('i'), { status: 'BAD', text: /DONE.*"FINISHED"/ });
  await client.ok('NOOP');
});

await t.test(
  'IDLE works without a selected mailbox and tells what happened before it',
  async (t) => {
    const [client, other] = await newPair();
    client.send('i IDLE\r\n');
    t.match((await client.read()).text, /^\+ /);
    client.send('done\r\n');
    t.match(await client.readTagged('i'), { status: 'OK' });
    await client.ok('SELECT INBOX');
    await appendMessages(other, 'INBOX', 'one');
    client.send('j IDLE\r\n');
    t.match((await client.read()).text, /^\+ /);
    t.equal((await client.read()).text, '* 1 EXISTS');
  },
);

await t.test('those who idle in a mailbox are told in turns, one alone at once', async (t) => {
  const mailbox = new FakeMailbox();
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  const clients = Array.from({ length: 5 }, () => selectedSession(feed));
  const told = () => clients.map(({ lines }) => lines().includes('* 1 EXISTS'));
  for (const { session } of clients) void idle(session, { name: 'IDLE' }, {} as never);
  await nextRound();
  await nextRound();
  mailbox.add();
  await allMicrotasks();
  t.same(told(), [true, false, false, false, false], 'before the loop goes round');
  while (told().includes(false)) await nextRound();
});
