// What clients that have logged in send and never finish is held for them, but only so much of an account, and of all together.
import t, { type Test } from 'tap';
import { AccountInput } from '../../server/imap/account-input.ts';
import { CommandReader } from '../../protocol/command-reader.ts';
import type { MessageDraft } from '../../store/message-draft.ts';
import type { MailStore } from '../../store/mail-store.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { messageOf, startImapService, texts, type TestService } from '../fixtures/imap-service.ts';
import { until } from '../fixtures/until.ts';

const kibibyte = 1024;
const connectionCount = 40;
/** For what happens at once, on a busy machine. */
const deadlineMs = 30_000;
const usualLimits = {
  accountMailBytes: 256 * kibibyte,
  threadMailBytes: 512 * kibibyte,
  accountInputBytes: 8 * 1024 * kibibyte,
  threadInputBytes: 16 * 1024 * kibibyte,
};

/** A service, the drafts that it has begun, and its account of what is held. */
async function startWatched(t: Test, limits = usualLimits) {
  const drafts = new Set<MessageDraft>();
  const storeMethods: Partial<MailStore> = {};
  const started = await startImapService(t, { limits, storeMethods });
  storeMethods.beginMessage = () => {
    const draft = started.store.beginMessage();
    drafts.add(draft);
    return draft;
  };
  const inputs = new Set<AccountInput>();
  const { hold } = AccountInput.prototype;
  t.intercept(AccountInput.prototype, 'hold', {
    value(this: AccountInput, ...held: Parameters<typeof hold>) {
      inputs.add(this);
      hold.apply(this, held);
    },
  });
  const draftBytes = () => [...drafts].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  return {
    ...started,
    drafts,
    draftBytes,
    countedBytes: () => [...inputs].reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

const unasked = (message: Buffer) => `{${message.length}+}\r\n${message.toString('latin1')}`;

/** The account of the test can do what clients do. */
async function isServed(t: Test, { newClient }: Pick<TestService, 'newClient'>): Promise<void> {
  const other = await newClient();
  t.match(await other.ok('APPEND INBOX', messageOf('other'), '', messageOf('another')), {
    text: /APPENDUID \d+ 1:2\]/,
  });
  await other.ok('SELECT INBOX');
  t.match(texts(await other.ok('SEARCH SUBJECT another')), ['* SEARCH 2']);
  await other.logout();
}

await t.test('messages that wait for others of their command wait on the disk', async (t) => {
  const service = await startWatched(t);
  const login = await service.newAccount();
  const messageCount = 20;
  const long = (index: number) =>
    Buffer.from(`Subject: ${index} ${'word '.repeat(2_000)}\r\n\r\n${'text\r\n'.repeat(500)}`);
  const clients: ImapClient[] = [];
  for (let index = 0; index < connectionCount; index++) {
    const client = await login();
    clients.push(client);
    const messages = Array.from({ length: messageCount }, (_, number) => unasked(long(number)));
    client.send(`a APPEND Drafts (Keyword) ${messages.join(' ')} {10}\r\n`);
  }
  for (const client of clients) t.match(await client.read(), { text: /^\+ / });
  t.equal(service.drafts.size, connectionCount * (messageCount + 1));
  const { draftBytes, countedBytes } = service;
  t.ok(draftBytes() > usualLimits.accountMailBytes / 2, 'while there is room they are in memory');
  // What the last message of each had come to when there was no room any more, and what is known of an empty one
  const bound = usualLimits.accountMailBytes + connectionCount * 16 * kibibyte;
  t.ok(draftBytes() < bound, `${draftBytes()} bytes of memory are held`);
  t.ok(countedBytes() >= draftBytes(), 'all of it is counted');
  await isServed(t, service);
  for (const client of clients) client.send('Subject: x\r\n');
  for (const client of clients) {
    client.send('\r\n');
    t.match(await client.readTagged('a'), { status: 'OK', text: /APPENDUID/ });
  }
  t.equal(countedBytes(), 0);
  const [client] = clients;
  await client!.ok('SELECT Drafts');
  const searched = texts(await client!.ok('SEARCH RETURN (COUNT) SUBJECT word BODY text'));
  t.match(searched, [new RegExp(`COUNT ${connectionCount * messageCount}`)]);
  t.same(await service.store.checkIntegrity(), []);
});

// What is known of the parts of a message that is still coming cannot go to the disk.
const part = `--b\r\nContent-Type: text/plain${';a=b'.repeat(500)}\r\n\r\n`;
const halfMessage = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(4)}`;
const messageBytes = 99_999;
const halfCommands = {
  APPEND: `a APPEND Drafts {${messageBytes}+}\r\n${halfMessage}`,
  CATENATE: `a APPEND Drafts CATENATE (TEXT {${messageBytes}+}\r\n${halfMessage}`,
  REPLACE: `a UID REPLACE 1 Drafts {${messageBytes}+}\r\n${halfMessage}`,
  SEARCH: `a SEARCH SUBJECT {60000+}\r\n${'x'.repeat(59_999)}`,
  LIST: `a LIST "" (${'"*" '.repeat(12_000)}`,
};

const limits = { ...usualLimits, accountInputBytes: 1024 * kibibyte };
for (const [name, half] of Object.entries(halfCommands)) {
  await t.test(`an account ends its own clients by half a ${name}, and no others`, async (t) => {
    const service = await startWatched(t, limits);
    const login = await service.newAccount();
    const { countedBytes } = service;
    const slow = await service.newClient();
    slow.send(halfCommands.APPEND);
    await until(() => countedBytes() > 200 * kibibyte, deadlineMs);
    const slowBytes = countedBytes();
    const clients: ImapClient[] = [];
    let told: string | undefined;
    let most = 0;
    // Ends: each client holds some more.
    while (told === undefined) {
      const before = countedBytes();
      const client = await login();
      clients.push(client);
      if (clients.length === 1) await client.ok('APPEND INBOX', messageOf('one'));
      await client.ok('SELECT INBOX');
      client.send(half);
      if (clients.length === 1) void client.read().then(({ text }) => (told = text));
      await until(() => {
        most = Math.max(most, countedBytes());
        return told !== undefined || countedBytes() > before + 40 * kibibyte;
      }, deadlineMs);
    }
    t.ok(most - slowBytes <= limits.accountInputBytes, `${most} bytes are held`);
    t.match(told, /^\* BYE \[LIMIT\] /, 'who is silent for longest');
    await isServed(t, service);
    slow.send(`${'x'.repeat(messageBytes - halfMessage.length)}\r\n`);
    t.match(await slow.readTagged('a'), { status: 'OK' }, 'others go on');
    for (const client of clients) await client.drop();
    await until(() => countedBytes() === 0, deadlineMs);
  });
}

await t.test(
  'what a reader holds of a client that has logged in counts until its command ends',
  async (t) => {
    const { newClient, countedBytes } = await startWatched(t);
    const readers = new Set<CommandReader>();
    const { push } = CommandReader.prototype;
    t.intercept(CommandReader.prototype, 'push', {
      value(this: CommandReader, chunk: Uint8Array) {
        readers.add(this);
        push.call(this, chunk);
      },
    });
    const client = await newClient();
    await client.ok('SELECT INBOX');
    client.send(`a SEARCH SUBJECT "${'x'.repeat(60_000)}`);
    await until(() => countedBytes() > 60_000, deadlineMs);
    const held = [...readers].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    t.equal(countedBytes(), held);
    client.send('"\r\n');
    t.match(await client.readTagged('a'), { status: 'OK' });
    t.equal(countedBytes(), 0);
  },
);
