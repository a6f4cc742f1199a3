// What a client was told is stored is stored, whole, whenever the process dies: 16 clients file messages
// over TLS at once, the server is killed in the middle, ten times over on the same data. What was written outlives the
// process in the page cache, synced or not: that it is synced is shown by power-loss.test.ts.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ImapClient } from '../fixtures/imap-client.ts';
import { startServerProcess, type ServerProcess } from '../fixtures/server-process.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';

const deadlineMs = 280_000;
t.setTimeout(deadlineMs);
const killCount = 10;
const streamCount = 16;
/** A server that has stored this many of a round's messages is killed at a random moment soon after. */
const messagesBeforeKill = 40;
const user = { name: 'alice', password: 'correct-horse' };

const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-sigkill-'));
t.teardown(() => rm(dataDirectory, { recursive: true, force: true }));

/** SHA-256 of every message that a client began to send, and of those that were acknowledged. */
const sent = new Set<string>();
const acknowledged = new Set<string>();
const found = new Set<string>();
let nextUid = 1;

await t.test(
  `${killCount} kills lose no acknowledged message and leave none in part`,
  { timeout: deadlineMs },
  async (t) => {
    for (let round = 1; round <= killCount; round++) {
      const server = await startServerProcess({ dataDirectory });
      t.teardown(() => server.kill());
      if (round === 1) await server.addUser(user.name, user.password);
      await readNew(t, server);
      await appendUntilKilled(server);
      const store = await openSqliteStore({ dataDirectory });
      const problems = await store.checkIntegrity();
      await store.close();
      t.same(problems, [], `the store is sound after kill ${round}`);
    }
    const last = await startServerProcess({ dataDirectory });
    await readNew(t, last);
    t.equal(await last.stop(), 0);

    t.comment(`${acknowledged.size} acknowledged, ${found.size} found, ${sent.size} begun`);
    t.ok(acknowledged.size >= killCount * messagesBeforeKill, 'the servers were at work');
    t.ok(acknowledged.size < sent.size, 'the kills came in the middle');
    const missing = [...acknowledged].filter((digest) => !found.has(digest));
    t.same(missing, [], 'no acknowledged message is missing');
    const torn = [...found].filter((digest) => !sent.has(digest));
    t.same(torn, [], 'no message is there in part');
  },
);

/** Files messages on all streams and kills the server while they go on. */
async function appendUntilKilled(server: ServerProcess): Promise<void> {
  let storedCount = 0;
  const enough = Promise.withResolvers<void>();
  const streams = Array.from({ length: streamCount }, async () => {
    try {
      const client = await logIn(server);
      for (;;) {
        const message = randomMessage();
        const digest = digestOf(message);
        sent.add(digest);
        const result = await client.command('APPEND INBOX', message);
        if (result.status !== 'OK') throw new Error(result.text);
        acknowledged.add(digest);
        if (++storedCount === messagesBeforeKill) enough.resolve();
      }
    } catch (error) {
      // The end of the connection is what is tested; before the kill it is a failure.
      if (server.isRunning && storedCount < messagesBeforeKill) throw error;
    }
  });
  const finished = Promise.all(streams);
  await Promise.race([enough.promise, finished]);
  await new Promise((resolve) => setTimeout(resolve, randomInt(40)));
  await server.kill();
  await finished;
}

/** Takes note of the messages that are there and were not before. */
async function readNew(t: Test, server: ServerProcess): Promise<void> {
  const client = await logIn(server);
  await client.ok('SELECT INBOX');
  const fetched = await client.ok(`UID FETCH ${nextUid}:* (UID RFC822.SIZE BODY.PEEK[])`);
  for (const { text, literals } of fetched.untagged) {
    const uid = Number(/UID (\d+)/.exec(text)?.[1]);
    // `n:*` names the last message even where n is beyond it.
    if (!(uid >= nextUid)) continue;
    const message = literals[0] ?? Buffer.alloc(0);
    const announced = Number(/RFC822\.SIZE (\d+)/.exec(text)?.[1]);
    if (announced !== message.length)
      t.fail(`UID ${uid} has ${message.length} of ${announced} bytes`);
    found.add(digestOf(message));
    nextUid = uid + 1;
  }
  await client.drop();
}

async function logIn(server: ServerProcess): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await client.login(user.name, user.password);
  return client;
}

/** Mostly small, now and then larger than what is stored in one piece. */
function randomMessage(): Buffer {
  const sizeBytes = randomInt(8) === 0 ? randomInt(600_000) : randomInt(20_000);
  const body = randomBytes(Math.ceil(sizeBytes / 2))
    .toString('hex')
    .replaceAll(/.{76}/g, '$&\r\n');
  return Buffer.from(`Subject: ${randomBytes(8).toString('hex')}\r\n\r\n${body}\r\n`, 'latin1');
}

function digestOf(message: Buffer): string {
  return createHash('sha256').update(message).digest('hex');
}
