import t from 'tap';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient, newPair } = await startImapService(t);

await t.test('DELETE of the selected mailbox leaves it; another session is told BYE', async (t) => {
  const [client, other] = await newPair();
  await client.ok('CREATE Temp');
  await client.ok('SELECT Temp');
  await other.ok('SELECT Temp');
  t.match(texts(await client.ok('DELETE Temp')), [/^\* OK \[CLOSED\]/]);
  t.match(await client.command('CHECK'), { status: 'BAD' });
  other.send('x NOOP\r\n');
  t.match((await other.readToEnd()).at(-1)?.text, /^\* BYE .*deleted/);
});

await t.test('DELETE of another mailbox leaves the selected one selected', async (t) => {
  const client = await newClient();
  await client.ok('CREATE Temp');
  await client.ok('SELECT INBOX');
  t.same(texts(await client.ok('DELETE Temp')), []);
  t.match(await client.command('DELETE Temp'), { status: 'NO', text: /^\[NONEXISTENT\]/ });
  await client.ok('CHECK');
});

await t.test(
  'a mailbox that is made again under the name has nothing of the old one',
  async (t) => {
    const [client, other] = await newPair();
    await client.ok('CREATE Temp');
    await appendMessages(client, 'Temp', 'one', 'two');
    await other.ok('SELECT Temp');
    const uidValidity = async () =>
      Number(
        /UIDVALIDITY (\d+)/.exec(texts(await client.ok('STATUS Temp (UIDVALIDITY)'))[0]!)?.[1],
      );
    const before = await uidValidity();
    await client.ok('DELETE Temp');
    await client.ok('CREATE Temp');
    t.ok((await uidValidity()) > before, 'UIDs of the old one mean nothing in it');
    t.same(texts(await client.ok('STATUS Temp (MESSAGES UIDNEXT)')), [
      '* STATUS Temp (MESSAGES 0 UIDNEXT 1)',
    ]);
    other.send('x FETCH 1 (UID)\r\n');
    t.match((await other.readToEnd()).at(-1)?.text, /^\* BYE .*deleted/, 'it had the old one');
  },
);
