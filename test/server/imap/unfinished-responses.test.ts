import t, { type Test } from 'tap';
import { messageOf, startImapService } from '../../fixtures/imap-service.ts';
import type { MailStore } from '../../../store/mail-store.ts';

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
