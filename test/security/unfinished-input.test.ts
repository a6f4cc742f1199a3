// What strangers send and never finish is held for them, but only so much of all of them together.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { CommandReader } from '../../protocol/command-reader.ts';
import { StrangerInput } from '../../tls/index.ts';
import { startImapService } from '../fixtures/imap-service.ts';
import { until } from '../fixtures/until.ts';

const kibibyte = 1024;
/** For what happens at once, on a busy machine. */
const deadlineMs = 20_000;
/** An ID of 29 KiB without its end. */
const fields = Array.from(
  { length: 29 },
  (_, index) => `"field${index}" "${'x'.repeat(kibibyte)}"`,
);
const unfinished = `a ID (${fields.join(' ')}`;

interface Stranger {
  readonly socket: Socket;
  /** What it was told so far. */
  text: string;
}

/** Connects in the clear from an address, and waits for the greeting. */
async function connectFrom(t: Test, localAddress: string, port: number): Promise<Stranger> {
  const socket = connectPlain({ port, host: '127.0.0.1', localAddress });
  t.teardown(() => socket.destroy());
  const stranger: Stranger = { socket, text: '' };
  socket.on('data', (chunk: Buffer) => (stranger.text += chunk.toString('latin1')));
  socket.on('error', () => {});
  await once(socket, 'data');
  return stranger;
}

/** The readers that are given bytes from now on. */
function watchReaders(t: Test, onPush = () => {}): ReadonlySet<CommandReader> {
  const { push } = CommandReader.prototype;
  const readers = new Set<CommandReader>();
  t.intercept(CommandReader.prototype, 'push', {
    value(this: CommandReader, chunk: Uint8Array) {
      readers.add(this);
      onPush();
      push.call(this, chunk);
    },
  });
  return readers;
}

const bye = '* BYE [LIMIT] Too much that strangers have not finished; log in first\r\n';
const isTold = ({ text }: Stranger) => text.endsWith(bye);

await t.test('a crowd that finishes nothing ends itself, and nobody else', async (t) => {
  const strangerInputBytes = 512 * kibibyte;
  const { imapPort, login, connect } = await startImapService(t, {
    limits: { strangerInputBytes },
  });
  const loggedIn = await login();
  await loggedIn.ok('SELECT INBOX');
  loggedIn.send(`a SEARCH SUBJECT "${'x'.repeat(60 * kibibyte)}`);
  const short = await connect();
  short.send('a LOGIN alice ');
  const honest = await connectFrom(t, '127.0.0.3', imapPort);
  honest.socket.write(unfinished);

  const readers = watchReaders(t);
  const crowd: Stranger[] = [];
  for (let count = 0; count < 100; count++) {
    const stranger = await connectFrom(t, '127.0.0.2', imapPort);
    stranger.socket.write(unfinished);
    crowd.push(stranger);
  }
  // Of 29 KiB that came in one piece 17 fit, with the honest one; of those that came in several, 8 at the least
  await until(() => crowd.filter(isTold).length >= 84, deadlineMs);
  const toldCount = crowd.findIndex((stranger) => !isTold(stranger));
  t.equal(toldCount, crowd.filter(isTold).length, 'those that hold for longest are told');
  t.ok(toldCount <= 93, `${toldCount} are told`);
  const heldBytes = [...readers].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  t.ok(heldBytes <= strangerInputBytes, `${heldBytes} bytes are held`);

  honest.socket.write(')\r\n');
  await until(() => honest.text.includes('a OK '), deadlineMs);
  short.send('secret\r\n');
  t.equal((await short.readTagged('a')).status, 'OK', 'a LOGIN in two pieces');
  loggedIn.send('"\r\n');
  t.equal((await loggedIn.readTagged('a')).status, 'OK');
});

await t.test('what waits behind a LOGIN counts as the memory that it takes', async (t) => {
  let answer: (() => void) | undefined;
  const { connect } = await startImapService(t, {
    verifier: { verify: () => new Promise((resolve) => (answer = () => resolve(undefined))) },
  });
  const client = await connect();
  client.send('a LOGIN alice secret\r\n');
  await until(() => answer !== undefined, deadlineMs);
  let chunkCount = 0;
  watchReaders(t, () => (chunkCount += 1));
  await client.sendInChunks('b NOOP\r\n'.repeat(100), 1);
  await until(() => chunkCount > 60, deadlineMs);
  await (await connect()).ok('NOOP');
  t.ok(chunkCount < 100, `${chunkCount} chunks of a byte each are held`);
  answer?.();
  t.equal((await client.readTagged('a')).status, 'NO');
  for (let count = 0; count < 40; count++) {
    t.equal((await client.readTagged('b')).status, 'OK', 'the rest was left in the kernel');
  }
});

await t.test('who reaches the bound by its own last bytes is told at once', async (t) => {
  const { imapPort } = await startImapService(t, { limits: { strangerInputBytes: 4 * kibibyte } });
  const stranger = await connectFrom(t, '127.0.0.1', imapPort);
  stranger.socket.write(unfinished.slice(0, 7 * kibibyte));
  await until(() => isTold(stranger), deadlineMs);
  t.ok(isTold(stranger));
});

await t.test('what STARTTLS drops counts no more', async (t) => {
  const readers = watchReaders(t);
  const held: number[] = [];
  const { hold } = StrangerInput.prototype;
  t.intercept(StrangerInput.prototype, 'hold', {
    value(this: StrangerInput, stranger: Stranger, bytes: number) {
      hold.call(this, stranger as never, bytes);
      held.push(this.bytes);
    },
  });
  const { imapPort } = await startImapService(t);
  const stranger = await connectFrom(t, '127.0.0.1', imapPort);
  stranger.socket.write(`a STARTTLS\r\n${'b NOOP\r\n'.repeat(6_000)}`);
  await until(() => stranger.text.includes('a OK'), deadlineMs);
  const [reader] = readers;
  await until(() => reader?.heldBytes === 0, deadlineMs);
  t.equal(held.at(-1), 0);
});
