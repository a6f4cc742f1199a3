import t from 'tap';
import { makeCredentials } from '../../server/authentication/make-credentials.ts';
import { startTestServer } from '../../server/testing.ts';
import { ImapClient } from '../fixtures/imap-client.ts';

const cheapCost = { argon2: { memoryKiB: 64, passes: 1, parallelism: 1 }, scramIterations: 4096 };

await t.test('a login that waits while its password is changed is refused', async (t) => {
  const server = await startTestServer({ accounts: { alice: 'old' } });
  const clients: ImapClient[] = [];
  t.teardown(async () => {
    await Promise.all(clients.map((client) => client.drop()));
    await server.stop();
  });
  const connect = async () => {
    const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
    clients.push(client);
    return client;
  };
  const changed = await makeCredentials('new', cheapCost);
  const [owner, ...strangers] = await Promise.all(Array.from({ length: 40 }, connect));
  // Each takes a real check, and alice's turn comes after theirs.
  for (const [index, stranger] of strangers.entries()) {
    stranger.send(`a LOGIN stranger${index} wrong\r\n`);
  }
  await strangers[0]!.read();
  const login = owner!.command('LOGIN alice old');
  await server.server.store.changeCredentials('alice', changed);
  t.match(await login, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ });
  t.match(await owner!.command('LOGIN alice new'), { status: 'OK' });
});
