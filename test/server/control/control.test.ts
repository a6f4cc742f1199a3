import { createHash } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import t, { type Test } from 'tap';
import type { Administration } from '../../../server/control/administration.ts';
import { connectToServer } from '../../../server/control/control-client.ts';
import type { SessionAdministration } from '../../../server/admin/session-administration.ts';
import { ControlServer } from '../../../server/control/control-server.ts';
import { controlSocketPath, withSocketPath } from '../../../server/control/socket-path.ts';
import { StoreAdministration } from '../../../server/control/store-administration.ts';
import type { ImportMessage, ImportTarget } from '../../../server/import/import-target.ts';
import type { Account } from '../../../store/mail-store.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { readAll, requireMailbox } from '../../fixtures/mail-store-contract/store-steps.ts';

/** Has tests of its own. */
const sessions = {} as unknown as SessionAdministration;

const credentials = { argon2id: '$argon2id$…', scramSha256: 'SCRAM-SHA-256$…' };
const internalDate = { epochMs: 1_700_000_000_000, zoneMinutes: 60 };

/** A control server over a real store, and a client of it. */
async function setUp(t: Test, dataDirectory = t.testdir()) {
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  t.teardown(() => store.close());
  const changed: Account[] = [];
  const administration = new StoreAdministration(store, {
    onAccountChanged: async (account) => void changed.push(account),
  });
  const logger = pino({ level: 'silent' });
  const server = new ControlServer({ dataDirectory, administration, sessions, logger });
  await server.listen();
  t.teardown(() => server.close());
  const client = await connectToServer(dataDirectory);
  if (client === undefined) throw new Error('The control server does not answer');
  t.teardown(() => client.close());
  return { store, server, client, changed, dataDirectory };
}

function message(text: string, options: Partial<ImportMessage> = {}): ImportMessage {
  const bytes = Buffer.from(text);
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    flags: [],
    internalDate,
    occurrence: 1,
    async *read() {
      yield bytes.subarray(0, 5);
      yield bytes.subarray(5);
    },
    ...options,
  };
}

/** A message that is read in one piece. */
function wholeMessage(text: string): ImportMessage {
  return message(text, {
    async *read() {
      yield Buffer.from(text);
    },
  });
}

/** Sends bytes to the control socket and waits until the server closes the connection. */
async function closedAfter(dataDirectory: string, text: string): Promise<void> {
  await withSocketPath(dataDirectory, async (path) => {
    const socket = connect(path);
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(text);
    socket.resume();
    await closed;
  });
}

await t.test('users are added, listed, changed and removed', async (t) => {
  const { client, store, changed } = await setUp(t);
  await client.addUser('bob', credentials);
  await client.addUser('alice', credentials);
  t.strictSame(await client.listUsers(), ['alice', 'bob']);
  await client.changePassword('bob', { ...credentials, argon2id: 'other' });
  t.equal((await store.findAccount('bob'))?.credentials.argon2id, 'other');
  await client.removeUser('bob');
  t.strictSame(await client.listUsers(), ['alice']);
  t.strictSame(
    changed.map((account) => account.name),
    ['bob', 'bob'],
    'the server is told of both changes',
  );
});

await t.test('what the store refuses comes back as what it is', async (t) => {
  const { client } = await setUp(t);
  await client.addUser('alice', credentials);
  await t.rejects(client.addUser('Alice', credentials), {
    name: 'StoreError',
    code: 'ALREADYEXISTS',
  });
  await t.rejects(client.addUser('', credentials), { code: 'CANNOT' });
  await t.rejects(client.removeUser('bob'), { code: 'NONEXISTENT', message: /"bob"/ });
  await t.rejects(client.changePassword('bob', credentials), { code: 'NONEXISTENT' });
  await t.rejects(client.openImport('bob', 'INBOX'), { code: 'NONEXISTENT' });
  await t.rejects(client.openImport('alice', 'a//b'), { code: 'CANNOT' });
  t.strictSame(await client.listUsers(), ['alice'], 'and the connection goes on');
});

await t.test('messages are imported in order, with flags and dates', async (t) => {
  const { client, store } = await setUp(t);
  await client.addUser('alice', credentials);
  const target = await client.openImport('alice', 'inbox');
  const large = `Subject: large\r\n\r\n${'x'.repeat(3_000_000)}`;
  const outcomes = await target.addMessages([
    message('Subject: one\r\n\r\n', { flags: ['\\Seen', '$Forwarded'] }),
    message(large),
    message('Subject: three\r\n\r\n'),
  ]);
  t.strictSame(outcomes, [{ kind: 'added' }, { kind: 'added' }, { kind: 'added' }]);
  const account = await store.findAccount('alice');
  const inbox = await requireMailbox(store, account?.id ?? 0, 'INBOX');
  const rows = await readAll(store, inbox, ['internalDate']);
  t.strictSame(
    rows.map((row) => row.sizeBytes),
    [16, large.length, 18],
  );
  t.strictSame(rows[0]?.flags, ['\\Seen', '$Forwarded']);
  t.strictSame(rows[0]?.internalDate, internalDate);
  const again = message(large, { occurrence: 2 });
  const known = message('Subject: one\r\n\r\n');
  t.strictSame(await target.addMessages([known, again]), [{ kind: 'skipped' }, { kind: 'added' }]);
  const other = message('Subject: four\r\n\r\n');
  const sha256s = [known, other, again].map(({ sha256 }) => sha256);
  t.strictSame(await target.countImported(sha256s), [1, 0, 2]);
});

await t.test('a message that is refused leaves the others and the connection alone', async (t) => {
  const { client } = await setUp(t);
  await client.addUser('alice', credentials);
  const target = await client.openImport('alice', 'INBOX');
  const outcomes = await target.addMessages([
    message('Subject: one\r\n\r\n'),
    message('Subject: two\r\n\r\n', { sha256: '0'.repeat(64) }),
    message('Subject: three\r\n\r\n', { flags: ['x'.repeat(500)] }),
    message('Subject: four\r\n\r\n'),
  ]);
  t.strictSame(
    outcomes.map((outcome) => outcome.kind),
    ['added', 'refused', 'refused', 'added'],
  );
  t.match(outcomes[1], { reason: /changed/ });
  t.strictSame(await target.countImported(['0'.repeat(64)]), [0]);
});

await t.test('bytes that the store did not read are not taken for what comes next', async (t) => {
  const dataDirectory = t.testdir();
  const read: string[] = [];
  const target: ImportTarget = {
    key: 'key',
    countImported: async () => [],
    addMessages: async (messages) => {
      for (const one of messages) {
        for await (const chunk of one.read()) {
          read.push(Buffer.from(chunk).toString('latin1', 0, 10));
          break;
        }
      }
      return [];
    },
  };
  const administration = { openImport: async () => target } as unknown as Administration;
  const logger = pino({ level: 'silent' });
  const server = new ControlServer({ dataDirectory, administration, sessions, logger });
  await server.listen();
  t.teardown(() => server.close());
  const client = await connectToServer(dataDirectory);
  const opened = await client?.openImport('alice', 'INBOX');
  const messages = [1, 2, 3].map((n) => wholeMessage(`message ${n} ${'x'.repeat(300_000)}`));
  t.strictSame(await opened?.addMessages(messages), []);
  t.strictSame(read, ['message 1 ', 'message 2 ', 'message 3 ']);
  t.strictSame(await opened?.countImported([]), []);
  await client?.close();
});

await t.test(
  'a file that became shorter ends the import, and nothing of its step is added',
  async (t) => {
    const { client, store } = await setUp(t);
    await client.addUser('alice', credentials);
    const target = await client.openImport('alice', 'INBOX');
    const short = message('Subject: two\r\n\r\n', { sizeBytes: 500 });
    await t.rejects(target.addMessages([message('Subject: one\r\n\r\n'), short]), {
      name: 'ImportSourceError',
    });
    const account = await store.findAccount('alice');
    const inbox = await requireMailbox(store, account?.id ?? 0, 'INBOX');
    t.equal((await store.readStatus(inbox)).messageCount, 0);
  },
);

await t.test('a server that stops while it is written to is named as such', async (t) => {
  const dataDirectory = t.testdir();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.destroy());
  });
  await withSocketPath(dataDirectory, async (path) => {
    server.listen(path);
    await once(server, 'listening');
  });
  t.teardown(() => server.close());
  const client = await connectToServer(dataDirectory);
  // More than the kernel keeps, so that the client waits until it can go on.
  await t.rejects(async () => client?.openImport('x'.repeat(10_000_000), 'INBOX'), {
    name: 'ControlConnectionError',
    message: 'The server stopped before it answered, run the command again',
  });
});

await t.test('a subscription needs no mailbox, but an account', async (t) => {
  const { client, store } = await setUp(t);
  await client.addUser('alice', credentials);
  const account = await store.findAccount('alice');
  await client.subscribe('alice', 'Work/2024');
  await client.subscribe('alice', 'Work/2024');
  const names = await store.listSubscriptions(account?.id ?? 0);
  t.equal(names.filter((name) => name === 'Work/2024').length, 1);
  await t.rejects(client.subscribe('bob', 'Work'), { code: 'NONEXISTENT' });
  await t.rejects(client.subscribe('alice', 'a//b'), { code: 'CANNOT' });
});

await t.test('a connection that speaks something else is closed, and others go on', async (t) => {
  const { client, dataDirectory } = await setUp(t);
  for (const text of [
    'GET / HTTP/1.1\r\n\r\n',
    '{"method":"shutdown"}\n',
    '{"method":"countImported","sha256s":[]}\n',
  ]) {
    await closedAfter(dataDirectory, text);
  }
  t.strictSame(await client.listUsers(), []);
});

await t.test('a line without an end is not kept', async (t) => {
  const { client, dataDirectory } = await setUp(t);
  await closedAfter(dataDirectory, 'x'.repeat(3_000_000));
  t.strictSame(await client.listUsers(), []);
});

await t.test('only the owner can reach the socket, and it goes with the server', async (t) => {
  const { server, dataDirectory } = await setUp(t);
  const path = controlSocketPath(dataDirectory);
  t.equal(statSync(path).mode & 0o777, 0o600);
  await server.close();
  t.notOk(existsSync(path));
  t.equal(await connectToServer(dataDirectory), undefined);
});

await t.test('a socket that a killed server left is in nobody’s way', async (t) => {
  const dataDirectory = t.testdir();
  const ownPath = controlSocketPath(dataDirectory);
  // A listener that ends removes its name; a second one is kept, as SIGKILL leaves it.
  const stale = createServer();
  await withSocketPath(dataDirectory, async (path) => {
    stale.listen(path);
    await once(stale, 'listening');
    linkSync(ownPath, `${ownPath}.kept`);
  });
  stale.close();
  await once(stale, 'close');
  renameSync(`${ownPath}.kept`, ownPath);
  t.equal(await connectToServer(dataDirectory), undefined, 'no server');
  const { client } = await setUp(t, dataDirectory);
  t.strictSame(await client.listUsers(), []);
});

await t.test('a data directory whose path is too long for a socket', async (t) => {
  const dataDirectory = join(t.testdir(), 'd'.repeat(120), 'e'.repeat(60));
  mkdirSync(dataDirectory, { recursive: true });
  chmodSync(dataDirectory, 0o700);
  t.equal(await connectToServer(dataDirectory), undefined);
  const { client, server } = await setUp(t, dataDirectory);
  t.strictSame(await client.listUsers(), []);
  t.ok(existsSync(controlSocketPath(dataDirectory)), 'the socket is in the data directory');
  await server.close();
  t.notOk(existsSync(controlSocketPath(dataDirectory)));
});
