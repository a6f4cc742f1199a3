import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { runProgram } from '../fixtures/run-program.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const skip = skipWithout('mbsync');
const server = await startWitnessedServer(t);
const { directory } = server;
const inbox = join(directory, 'mail', 'INBOX');

await t.test('mbsync keeps 1,000 messages the same on both sides', { skip }, async (t) => {
  const client = await server.login();
  await writeConfiguration();
  await fillMaildir(500);
  for (let index = 0; index < 500; index++) {
    client.send(appendCommand(index, plainMessage(`remote ${index}`, 700)));
  }
  t.equal((await client.readTagged('a499')).status, 'OK');
  await client.ok('SELECT INBOX');

  await t.test('the first run brings everything to both', async (t) => {
    await sync(t);
    await client.ok('NOOP');
    const status = await client.ok('STATUS INBOX (MESSAGES)');
    t.match(status.untagged.at(-1)?.text, /MESSAGES 1000\b/);
    t.equal((await localMessages()).size, 1_000);
    t.same(await remoteDigests(client), await localDigests());
  });

  await t.test('the second run changes nothing', async (t) => {
    const before = { local: await localMessages(), remote: await remoteState() };
    await sync(t);
    t.same(await localMessages(), before.local);
    t.equal(await remoteState(), before.remote);
  });

  await t.test('flags and removals go both ways', async (t) => {
    await client.ok('STORE 1:10 +FLAGS (\\Flagged)');
    await client.ok('STORE 11:20 +FLAGS (\\Deleted)');
    await client.ok('EXPUNGE');
    const names = [...(await localMessages())].filter((name) => name.startsWith('cur/local.'));
    for (const name of names.slice(0, 5)) {
      await rename(join(inbox, name), join(inbox, name.replace(/:2,.*$/, ':2,RS')));
    }
    for (const name of names.slice(5, 10)) await rm(join(inbox, name));
    await sync(t);

    await client.ok('NOOP');
    t.match((await client.ok('STATUS INBOX (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 985\b/);
    const local = [...(await localMessages())];
    t.equal(local.length, 985);
    t.equal(local.filter((name) => /:2,.*F/.test(name)).length, 10);
    const answered = (await client.ok('SEARCH ANSWERED')).untagged.at(-1)?.text.split(' ');
    t.equal(answered?.slice(2).length, 5);
  });

  await t.test('and then nothing changes again', async (t) => {
    const before = { local: await localMessages(), remote: await remoteState() };
    await sync(t);
    t.same(await localMessages(), before.local);
    t.equal(await remoteState(), before.remote);
  });

  const commands = await server.commands();
  t.same(refusedCommands(commands), []);
  const uses = usedCapabilities(commands);
  t.comment(`mbsync uses ${uses.join(', ')}`);
  for (const name of ['COMPRESS=DEFLATE', 'LITERAL+', 'NAMESPACE']) t.ok(uses.includes(name), name);
});

async function writeConfiguration(): Promise<void> {
  await writeFile(
    join(directory, 'mbsyncrc'),
    `IMAPAccount reprise
Host localhost
Port ${server.port}
User ${alice.name}
Pass ${alice.password}
SSLType IMAPS
CertificateFile ${server.authorityFile}

IMAPStore remote
Account reprise

MaildirStore local
Path ${join(directory, 'mail')}/
Inbox ${inbox}

Channel both
Far :remote:
Near :local:
Patterns INBOX
Create Both
Expunge Both
Sync All
CopyArrivalDate yes
SyncState *
`,
  );
}

async function fillMaildir(count: number): Promise<void> {
  for (const name of ['cur', 'new', 'tmp']) await mkdir(join(inbox, name), { recursive: true });
  for (let index = 0; index < count; index++) {
    const text = plainMessage(`local ${index}`, 600).toString('latin1').replaceAll('\r\n', '\n');
    await writeFile(join(inbox, 'cur', `local.${index}.host:2,${index % 2 ? 'S' : ''}`), text);
  }
}

function appendCommand(index: number, message: Buffer): Buffer {
  const head = `a${index} APPEND INBOX (\\Seen) {${message.length}+}\r\n`;
  return Buffer.concat([Buffer.from(head), message, Buffer.from('\r\n')]);
}

async function sync(t: Test): Promise<void> {
  const argv = ['--config', join(directory, 'mbsyncrc'), '--verbose', 'both'];
  const result = await runProgram(clientPath('mbsync'), argv, {
    environment: { HOME: directory },
  });
  t.equal(result.code, 0, `${result.stderr}\n${result.stdout.toString().slice(-2_000)}`);
}

/** Paths of the messages in the Maildir, flags included. */
async function localMessages(): Promise<Set<string>> {
  const names = await Promise.all(
    ['cur', 'new'].map(async (name) =>
      (await readdir(join(inbox, name))).map((entry) => `${name}/${entry}`),
    ),
  );
  return new Set(names.flat());
}

/** What a synchronization could have changed on the server: counters and every flag. */
async function remoteState(): Promise<string> {
  const client = await server.login();
  const status = await client.ok('STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)');
  await client.ok('EXAMINE INBOX');
  const flags = await client.ok('UID FETCH 1:* (FLAGS)');
  await client.logout();
  const lines = [...status.untagged, ...flags.untagged].map(({ text }) => text).join('\n');
  return lines.replaceAll(/\\Recent ?/g, '');
}

/** mbsync adds a header line of its own to what it copies, and keeps line ends of its own. */
function digest(message: Buffer): string {
  const text = message
    .toString('latin1')
    .replaceAll('\r\n', '\n')
    .replace(/^X-TUID: .*\n/m, '');
  return createHash('sha256').update(text, 'latin1').digest('hex');
}

async function localDigests(): Promise<Set<string>> {
  const digests = new Set<string>();
  for (const name of await localMessages()) digests.add(digest(await readFile(join(inbox, name))));
  return digests;
}

async function remoteDigests(client: ImapClient): Promise<Set<string>> {
  const fetched = await client.ok('UID FETCH 1:* (BODY.PEEK[])');
  return new Set(fetched.untagged.flatMap(({ literals }) => literals.map(digest)));
}
