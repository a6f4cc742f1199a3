import t, { type Test } from 'tap';
import type { MailStore } from '../../../store/mail-store.ts';
import type { MessageDraft } from '../../../store/message-draft.ts';
import { StoreError } from '../../../store/mail-store.ts';
import { messageOf, startImapService } from '../../fixtures/imap-service.ts';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { until } from '../../fixtures/until.ts';
import { defaultServiceLimits } from '../../../server/imap/limits.ts';

/** An APPEND that the store has been asked for and has not done. */
interface HeldAppend {
  finish(): void;
  fail(error: Error): void;
}

/** The service, on a store that adds messages only when it is told to. */
async function startHolding(t: Test) {
  const held: HeldAppend[] = [];
  const storeMethods: Partial<MailStore> = {};
  const started = await startImapService(t, { storeMethods });
  storeMethods.beginMessage = () => holdingDraft(started.store.beginMessage(), held);
  return { ...started, held };
}

function holdingDraft(draft: MessageDraft, held: HeldAppend[]): MessageDraft {
  return {
    write: (chunk) => draft.write(chunk),
    addTo: async (box, properties) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      held.push({ finish: resolve, fail: reject });
      await promise;
      return draft.addTo(box, properties);
    },
    addToEach: (targets) => draft.addToEach(targets),
    seal: (maxHeldBytes) => draft.seal(maxHeldBytes),
    get heldBytes() {
      return draft.heldBytes;
    },
    discard: () => draft.discard(),
  };
}

function appends(mailbox: string, ...tags: readonly string[]): string {
  return tags
    .map((tag) => {
      const message = messageOf(tag);
      return `${tag} APPEND ${mailbox} {${message.length}+}\r\n${message.toString()}\r\n`;
    })
    .join('');
}

/** The tagged lines up to that of a tag, in their order. */
async function readTags(client: ImapClient, last: string): Promise<readonly string[]> {
  const tags: string[] = [];
  while (tags.at(-1) !== last) {
    const { text } = await client.read();
    if (!text.startsWith('*')) tags.push(text.split(' ', 1)[0]!);
  }
  return tags;
}

const { held, newClient, newPair, service } = await startHolding(t);
t.beforeEach(() => void held.splice(0));

async function untilHeld(count: number): Promise<void> {
  await until(() => held.length >= count);
}

await t.test(
  'the next APPEND does not wait for the one before; answers keep the order',
  async (t) => {
    const client = await newClient();
    client.send(appends('INBOX', 'a', 'b', 'c'));
    await untilHeld(3);
    for (const append of held.toReversed()) append.finish();
    t.same(await readTags(client, 'c'), ['a', 'b', 'c']);
  },
);

await t.test('what is refused is answered when it is its turn', async (t) => {
  const client = await newClient();
  client.send(appends('INBOX', 'a', 'b') + appends('Nowhere', 'c') + appends('INBOX', 'd'));
  await untilHeld(3);
  held[1]!.fail(new StoreError('OVERQUOTA', 'The disk is full'));
  held[2]!.finish();
  held[0]!.finish();
  t.match(await client.read(), { text: /^a OK \[APPENDUID/ });
  t.match(await client.read(), { text: /^b NO \[OVERQUOTA\]/ });
  t.match(await client.read(), { text: /^c NO \[TRYCREATE\]/ });
  t.match(await client.read(), { text: /^d OK/ });
});

await t.test('every other command waits, and finds the messages', async (t) => {
  const client = await newClient();
  client.send(`${appends('INBOX', 'a', 'b')}c STATUS INBOX (MESSAGES)\r\nd BAD\r\n`);
  await untilHeld(2);
  for (const append of held) append.finish();
  t.match(await client.read(), { text: /^a OK/ });
  t.match(await client.read(), { text: /^b OK/ });
  t.match(await client.read(), { text: /MESSAGES 2/ });
  t.match(await client.read(), { text: /^c OK/ });
  t.match(await client.read(), { text: /^d BAD/ });
});

await t.test('a continuation request comes behind the answers', async (t) => {
  const client = await newClient();
  for (const command of ['APPEND INBOX {5}', 'CREATE {3}']) {
    held.splice(0);
    client.send(`${appends('INBOX', 'a')}b ${command}\r\n`);
    await untilHeld(1);
    held[0]!.finish();
    t.match(await client.read(), { text: /^a OK/ }, command);
    t.match(await client.read(), { text: /^\+/ }, command);
    client.send(command.startsWith('APPEND') ? 'b: c\n\r\n' : 'box\r\n');
    if (command.startsWith('APPEND')) {
      await untilHeld(2);
      held[1]!.finish();
    }
    t.match(await client.read(), { text: /^b OK/ }, command);
  }
});

await t.test('a large message is answered before the next is read', async (t) => {
  const [client, other] = [await newClient(), await newClient()];
  const size = defaultServiceLimits.maxUnansweredBytes / 4 + 1;
  client.send(`a APPEND INBOX {${size}+}\r\n${'x'.repeat(size)}\r\n`);
  await untilHeld(1);
  client.send(appends('INBOX', 'b'));
  // Long enough for one that is read.
  for (let round = 0; round < 10; round++) await other.ok('STATUS INBOX (MESSAGES)');
  t.equal(held.length, 1);
  held[0]!.finish();
  t.match(await client.read(), { text: /^a OK/ });
  await untilHeld(2);
  held[1]!.finish();
  t.match(await client.read(), { text: /^b OK/ });
});

await t.test('the connection ends if an answer cannot be given', async (t) => {
  const [client, other] = await newPair();
  await client.ok('CREATE box');
  await client.ok('SELECT box');
  client.send(appends('INBOX', 'a', 'b'));
  await untilHeld(2);
  await other.ok('DELETE box');
  // Nothing more comes from the client.
  for (const append of held) append.finish();
  t.match(await client.read(), { text: /^a OK/ });
  t.match(await client.read(), { text: /^\* BYE .*deleted/ });
});

await t.test('EXISTS is told before the answer', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  client.send(appends('INBOX', 'a', 'b'));
  await untilHeld(2);
  for (const append of held) append.finish();
  const lines: string[] = [];
  while (!lines.at(-1)?.startsWith('b ')) lines.push((await client.read()).text);
  const exists = lines.indexOf('* 2 EXISTS');
  t.ok(exists >= 0 && exists < lines.findIndex((line) => line.startsWith('b OK')), lines.join());
});

await t.test('what was before is answered before a later message is asked for', async (t) => {
  const client = await newClient();
  const one = messageOf('one');
  const message = `{${one.length}+}\r\n${one.toString()}`;
  client.send(`${appends('INBOX', 'a')}b APPEND INBOX ${message} {3}\r\n`);
  await untilHeld(1);
  // Turns of the loop, in which the server could ask for it.
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  held[0]!.finish();
  t.match(await client.read(), { text: /^a OK/ });
  t.match(await client.read(), { text: /^\+ / });
  await client.drop();
});

await t.test('before a client is sent away its messages are answered', async (t) => {
  const client = await newClient();
  client.send(appends('INBOX', 'a', 'b'));
  await untilHeld(2);
  const closed = service.close({ deadlineMs: 20_000 });
  for (const append of held) append.finish();
  t.match(await client.read(), { text: /^a OK/ });
  t.match(await client.read(), { text: /^b OK/ });
  t.match(await client.read(), { text: /^\* BYE/ });
  await closed;
});
