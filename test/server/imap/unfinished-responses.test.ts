import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { messageOf, startImapService, texts } from '../../fixtures/imap-service.ts';
import { type MailStore, StoreError } from '../../../store/mail-store.ts';

const storeMethods: Partial<MailStore> = {};
const { login, store, log } = await startImapService(t, { storeMethods });

/** What a client of a mailbox with one message is sent from a command on, to the end of the connection. */
async function readToEnd(command: string): Promise<string> {
  const client = await login();
  await client.ok('SELECT INBOX');
  const { socket } = client;
  socket.removeAllListeners('data');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  client.send(`a ${command}\r\n`);
  await closed;
  return Buffer.concat(chunks).toString('latin1');
}

/** What has not left yet when the connection ends is not sent. */
function isBeginningOf(t: Test, heard: string, begun: string): void {
  t.ok(begun.startsWith(heard), JSON.stringify(heard));
}

const client = await login();
await client.ok('APPEND INBOX (\\Seen)', messageOf('one'));

await t.test('an error within a response is the last that a client hears', async (t) => {
  storeMethods.readBody = async function* readBody() {
    yield new Uint8Array();
    throw new Error('Disk on fire');
  };
  t.teardown(() => delete storeMethods.readBody);
  for (const [item, begun] of [
    ['BODY.PEEK[TEXT]', '* 1 FETCH (BODY[TEXT] {5}\r\n'],
    ['(UID BODY.PEEK[])', '* 1 FETCH (UID 1 BODY[] {80}\r\n'],
  ] as const) {
    isBeginningOf(t, await readToEnd(`FETCH 1 ${item}`), begun);
  }
  t.ok(log.some(({ err }) => (err as { message?: string })?.message === 'Disk on fire'));
});

await t.test('a literal whose bytes do not come is the last that a client hears', async (t) => {
  storeMethods.readBody = async function* readBody() {
    yield Buffer.from('From: A');
  };
  t.teardown(() => delete storeMethods.readBody);
  isBeginningOf(t, await readToEnd('FETCH 1 BODY.PEEK[]'), '* 1 FETCH (BODY[] {80}\r\nFrom: A');
});

await t.test('a literal never has more bytes than it announces', async (t) => {
  storeMethods.readBody = async function* readBody() {
    yield Buffer.from('x'.repeat(70));
    yield Buffer.from(`${'x'.repeat(12)}\r\n* 9 EXISTS`);
  };
  t.teardown(() => delete storeMethods.readBody);
  isBeginningOf(
    t,
    await readToEnd('FETCH 1 BODY.PEEK[]'),
    `* 1 FETCH (BODY[] {80}\r\n${'x'.repeat(70)}`,
  );
});

await t.test('nothing that a store says breaks a response', async (t) => {
  storeMethods.rows = async function* rowsWithEnd(...parts) {
    for await (const rows of store.rows(...parts)) {
      yield { ...rows, envelopes: Array.from(rows.uids, () => 'NIL\r\n* 9 EXISTS') };
    }
  };
  t.teardown(() => delete storeMethods.rows);
  isBeginningOf(t, await readToEnd('FETCH 1 ENVELOPE'), '* 1 FETCH (ENVELOPE');
});

await t.test('what is damaged is refused, and logged, as long as nothing has left', async (t) => {
  const damaged = new StoreError('CORRUPTION', 'Damaged', { cause: new Error('Body 1 is burnt') });
  storeMethods.readBody = async function* readBody() {
    yield new Uint8Array();
    throw damaged;
  };
  t.teardown(() => delete storeMethods.readBody);
  const client = await login();
  await client.ok('SELECT INBOX');
  const refused = await client.command('FETCH 1 (UID BODY.PEEK[])');
  t.match(refused, { status: 'NO', text: '[CORRUPTION] Damaged', untagged: [] });
  t.ok(log.some(({ msg }) => msg === 'mail store is damaged'));
  await client.ok('FETCH 1 (UID FLAGS)');

  const begun = `* 1 FETCH (BODY[] {80}\r\n${'x'.repeat(70)}`;
  storeMethods.readBody = async function* readBody() {
    yield Buffer.alloc(70, 'x');
    // What was gathered leaves.
    await setTimeout(1);
    throw damaged;
  };
  isBeginningOf(t, await readToEnd('FETCH 1 BODY.PEEK[]'), begun);
});

await t.test('of several messages, those before the damaged one are sent', async (t) => {
  const client = await login();
  await client.ok('CREATE Several');
  for (const subject of ['one', 'two', 'three']) {
    await client.ok('APPEND Several (\\Seen)', messageOf(subject));
  }
  await client.ok('SELECT Several');
  let readCount = 0;
  storeMethods.readBodies = async function* readBodies(messages) {
    readCount++;
    for await (const [first, , third] of store.readBodies(messages))
      yield [first, undefined, third];
  };
  t.teardown(() => delete storeMethods.readBodies);
  const answered = texts(await client.ok('FETCH 1:3 (BODY.PEEK[] RFC822.SIZE)'));
  t.equal(answered.length, 3);
  t.match(answered[1], /Subject: two/, 'one that is left out is read by itself');
  storeMethods.readBody = async function* readBody() {
    yield new Uint8Array();
    throw new StoreError('CORRUPTION', 'Damaged', { cause: new Error('Body 2 is burnt') });
  };
  t.teardown(() => delete storeMethods.readBody);
  const refused = await client.command('FETCH 1:3 (BODY.PEEK[] RFC822.SIZE)');
  t.match(refused, { status: 'NO', text: '[CORRUPTION] Damaged' });
  t.same(texts(refused), answered.slice(0, 1));
  t.equal(readCount, 2);
});

await t.test('messages that exist and have no row are not passed over', async (t) => {
  const client = await login();
  await client.ok('SELECT INBOX');
  storeMethods.rows = async function* noRows() {};
  t.teardown(() => delete storeMethods.rows);
  for (const command of ['UID FETCH 1:* ENVELOPE', 'FETCH 1 RFC822.SIZE']) {
    t.match(await client.command(command), { status: 'NO', text: /^\[CORRUPTION\]/ });
  }
});
