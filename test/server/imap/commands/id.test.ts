import t from 'tap';
import { ConnectionCounts } from '../../../../server/net/connection-counts.ts';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';

let nowMs = 0;
const { connect, newClient, log } = await startImapService(t, {
  limits: { backgroundConnections: 4 },
  steadyClock: () => nowMs,
  connectionCounts: new ConnectionCounts(),
  extraCapabilities: ['XDELTAPUSH', 'X-TWO=a'],
});

const idOf = (event: string, name = 'com.apple.email.maild') =>
  `ID ("name" "${name}" "version" "1" "event" ${event})`;
const background = ['"indexer"', '"back-fill"', '"periodic,back-fill"', '"INDEXER, push"'];

await t.test('with few clients nobody is put off', async (t) => {
  const client = await newClient();
  for (const event of background) t.equal((await client.command(idOf(event))).status, 'OK', event);
  await client.drop();
});

await t.test('with many, those are that download in the background', async (t) => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect()));
  const client = clients.at(-1)!;
  for (const event of background) {
    t.match(await client.command(idOf(event)), {
      status: 'NO',
      text: /^\[UNAVAILABLE\]/,
      untagged: [],
    });
  }
  for (const event of ['NIL', '"periodic"', '"periodic,push"', '"back-filled"', '""']) {
    t.equal((await client.command(idOf(event))).status, 'OK', event);
  }
  t.equal((await client.command(idOf('"indexer"', 'Thunderbird'))).status, 'OK', 'another client');
  t.equal((await client.command('ID ("event" "indexer")')).status, 'OK', 'one without a name');
  t.equal((await client.command('ID NIL')).status, 'OK');
  await client.login('alice', 'secret');
  t.match(await client.command(idOf('"indexer"')), { status: 'NO' }, 'after login, too');
  for (const other of clients) await other.drop();
});

await t.test('that is logged once in a minute', async (t) => {
  const lines = () => log.filter(({ msg }) => String(msg).startsWith('put off clients'));
  t.match(lines(), [{ count: 1, connections: 4 }]);
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect()));
  nowMs += 60_000;
  await clients[0]!.command(idOf('"indexer"'));
  t.match(lines(), [{ count: 1 }, { count: 5 }]);
  for (const client of clients) await client.drop();
});

await t.test('extra capabilities are announced before login and after', async (t) => {
  const client = await connect();
  for (const name of ['before', 'after']) {
    t.match(texts(await client.ok('CAPABILITY')), [/ XDELTAPUSH X-TWO=a$/], name);
    if (name === 'before') await client.login('alice', 'secret');
  }
  t.match(await client.command('XDELTAPUSH'), { status: 'BAD' }, 'and no more than that');
});
