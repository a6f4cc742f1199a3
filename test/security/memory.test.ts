// What one client can make the server hold: bytes that its thread can still reach after a collection, which is the same on
// every machine. What the process takes of the system for it is for `npm run bench -- one-client`.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { Transport } from '../../server/net/transport.ts';
import type { MessageDraft } from '../../store/message-draft.ts';
import { reachableBytes } from '../fixtures/collect-garbage.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { startImapService, type TestService } from '../fixtures/imap-service.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const mebibyte = 1024 * 1024;
const messageCount = 5_000;
const messageBytes = 4 * 1024;

await t.test(
  'a client that reads nothing of 20 MiB makes the server hold none of it',
  async (t) => {
    const { login } = await startImapService(t, { limits: { maxWaitingBytes: 1024 * mebibyte } });
    await fill(await login());
    const stuckBytes = await holdUnread(t, login);
    t.ok(stuckBytes < 2 * mebibyte, `${stuckBytes} bytes are held`);

    await t.test('control: whoever writes without waiting holds all of it', async (t) => {
      t.intercept(Transport.prototype, 'isFull', { get: () => false });
      const controlBytes = await holdUnread(t, login);
      t.ok(controlBytes > 10 * mebibyte, `${controlBytes} bytes are held`);
    });
  },
);

await t.test('of a message of 50 MB that comes in little is held', async (t) => {
  const real = await startImapService(t);
  const heldBytes = await holdIncoming(t, real);
  t.ok(heldBytes < 16 * mebibyte, `${heldBytes} bytes are held`);

  await t.test('control: a draft that keeps what it is given holds all of it', async (t) => {
    const methods: { beginMessage?: TestService['store']['beginMessage'] } = {};
    const hoarding = await startImapService(t, { storeMethods: methods });
    methods.beginMessage = () => hoardingDraft(hoarding.store.beginMessage());
    const controlBytes = await holdIncoming(t, hoarding);
    t.ok(controlBytes > 30 * mebibyte, `${controlBytes} bytes are held`);
  });
});

/** Has a client ask for everything and read nothing; how much more is held when nothing moves any more. */
async function holdUnread(t: Test, login: TestService['login']): Promise<number> {
  const [client, witness] = [await login(), await login()];
  await client.ok('SELECT filled');
  // So that what the code itself keeps is there before.
  await client.ok('FETCH 1:10 (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])');
  const before = await reachableBytes();
  client.socket.pause();
  client.send('stuck FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n');
  const heldBytes = await settled(witness);
  await client.drop();
  t.comment(`${heldBytes - before} bytes are held`);
  return heldBytes - before;
}

/** What is reachable once it is the same as before a hundred commands of another client. */
async function settled(witness: ImapClient): Promise<number> {
  let [last, now] = [0, await reachableBytes()];
  while (Math.abs(now - last) > 64 * 1024) {
    for (let count = 0; count < 100; count++) await witness.ok('NOOP');
    [last, now] = [now, await reachableBytes()];
  }
  return now;
}

/** Files a message of 50 MB; how much more than before was held at the most. */
async function holdIncoming(t: Test, { login }: TestService): Promise<number> {
  const client = await login();
  const chunk = plainMessage('large', mebibyte);
  await client.ok('APPEND INBOX', chunk);
  const before = await reachableBytes();
  client.send(`a APPEND INBOX {${50 * chunk.length}}\r\n`);
  t.equal((await client.read()).text, '+ Ready for literal data');
  let most = 0;
  for (let sent = 1; sent <= 50; sent++) {
    if (!client.socket.write(chunk)) await once(client.socket, 'drain');
    if (sent % 5 === 0) most = Math.max(most, await reachableBytes());
  }
  client.send('\r\n');
  t.equal((await client.readTagged('a')).status, 'OK');
  t.comment(`${most - before} bytes are held`);
  return most - before;
}

function hoardingDraft(draft: MessageDraft): MessageDraft {
  const hoard: Uint8Array[] = [];
  return {
    write: async (chunk) => {
      hoard.push(chunk.slice());
      await draft.write(chunk);
    },
    addTo: (...target) => draft.addTo(...target).finally(() => hoard.splice(0)),
    addToEach: (...targets) => draft.addToEach(...targets).finally(() => hoard.splice(0)),
    seal: (maxHeldBytes) => draft.seal(maxHeldBytes),
    get heldBytes() {
      return draft.heldBytes;
    },
    discard: () => draft.discard(),
  };
}

/** Makes the mailbox `filled`, by copying a few messages over and over. */
async function fill(client: ImapClient): Promise<void> {
  await client.ok('CREATE filled');
  for (let index = 0; index < 10; index++) {
    await client.ok('APPEND filled', plainMessage(`message ${index}`, messageBytes));
  }
  await client.ok('SELECT filled');
  for (let have = 10; have < messageCount; have *= 2) {
    await client.ok(`COPY 1:${Math.min(have, messageCount - have)} filled`);
  }
  await client.logout();
}
