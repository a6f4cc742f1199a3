import type { ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { alice, type MailServer, startMailServer } from '../fixtures/mail-server.ts';

const strangerCount = 300;

/** Connects from another address of the loopback interface. */
function connectFrom(server: MailServer, localAddress: string): Promise<ImapClient> {
  // Node's TLS client hands it on to the socket, which its types do not say.
  return server.connect('tls', { localAddress } as ConnectionOptions);
}

/** Has a wrong login under way on each of many connections of one address; the answers as they come. */
async function sendGuesses(server: MailServer, address: string): Promise<readonly string[]> {
  const clients: ImapClient[] = [];
  while (clients.length < strangerCount) {
    const connecting = Array.from({ length: 25 }, () => connectFrom(server, address));
    clients.push(...(await Promise.all(connecting)));
  }
  const answers: string[] = [];
  for (const [index, client] of clients.entries()) {
    client.command(`LOGIN stranger${index} guess`).then(
      ({ text }) => answers.push(text),
      // The test is over before all have their answer.
      () => undefined,
    );
  }
  return answers;
}

async function judgeShares(t: Test, workers: string): Promise<void> {
  // A delay would make the strangers wait, which is not what is to be seen here.
  const environment = { REPRISE_WORKERS: workers, REPRISE_LOGIN_DELAY: '0' };
  const server = await startMailServer(t, { environment });
  const owner = await server.connect('tls');
  const answers = await sendGuesses(server, '127.0.0.2');
  const before = answers.length;
  const login = await owner.command(`LOGIN ${alice.name} ${alice.password}`);
  t.match(login, { status: 'OK' });
  const meanwhile = answers.length - before;
  t.ok(meanwhile < 20, `${meanwhile} guesses were answered before`);
  t.strictSame(
    answers.filter((text) => !text.startsWith('[AUTHENTICATIONFAILED]')),
    [],
    'nobody is sent away',
  );
}

for (const workers of ['0', '2']) {
  await t.test(`wrong logins of one address leave others their turn: ${workers} workers`, (t) =>
    judgeShares(t, workers),
  );
}

await t.test('guesses on new connections slow down, the owner elsewhere does not', async (t) => {
  const server = await startMailServer(t, { environment: { REPRISE_WORKERS: '2' } });
  const order: string[] = [];
  const begun = performance.now();
  const guesses = Array.from({ length: 5 }, async (_, index) => {
    const client = await connectFrom(server, '127.0.0.2');
    await client.command(`LOGIN ${alice.name} guess${index}`);
    order.push('guess');
  });
  const owner = await server.connect('tls');
  await owner.login(alice.name, alice.password);
  order.push('owner');
  await Promise.all(guesses);
  t.not(order.at(-1), 'owner');
  // 0, 0, 0.5, 1 and 2 seconds.
  t.ok(performance.now() - begun >= 3_500);
});
