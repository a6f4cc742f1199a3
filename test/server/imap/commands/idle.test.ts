import t from 'tap';
import { appendMessages, startImapService } from '../../../fixtures/imap-service.ts';

const { newClient, newPair } = await startImapService(t);

await t.test('an idling client hears of new mail, flags and removals at once', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(other, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  await other.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  t.match((await client.read()).text, /^\+ /);
  await appendMessages(other, 'INBOX', 'two');
  t.equal((await client.read()).text, '* 2 EXISTS');
  t.equal((await client.read()).text, '* 2 RECENT', 'the first is still recent');
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
