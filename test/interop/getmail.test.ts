// getmail gives mail to a program, remembers what it has by UIDVALIDITY and UID, and moves or deletes it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { runProgram } from '../fixtures/run-program.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const skip = skipWithout('getmail');
const server = await startWitnessedServer(t);
const taken = join(server.directory, 'taken');

await t.test('getmail takes mail', { skip }, async (t) => {
  const client = await server.login();
  for (const subject of ['first', 'second']) {
    await client.ok('APPEND INBOX', plainMessage(subject, 3_000));
  }
  await client.ok('CREATE Other');
  await client.ok('APPEND Other', plainMessage('elsewhere', 3_000));

  await t.test('all of two mailboxes', async (t) => {
    await getmail(t, 'read_all = true');
    t.same(await subjects(), ['elsewhere', 'first', 'second']);
  });

  await t.test('and then what is new alone', async (t) => {
    await client.ok('APPEND INBOX', plainMessage('third', 200));
    await getmail(t, 'read_all = false');
    t.same(await subjects(), ['elsewhere', 'first', 'second', 'third']);
  });

  await t.test('and moves what it has taken', async (t) => {
    await client.ok('CREATE Taken');
    await client.ok('APPEND INBOX', plainMessage('fourth', 200));
    await getmail(t, 'read_all = false\ndelete = true', 'move_on_delete = Taken');
    t.same(await subjects(), ['elsewhere', 'first', 'fourth', 'second', 'third']);
    // The others too, since they have been taken before.
    t.match((await client.ok('STATUS Taken (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 5\b/);
    t.match((await client.ok('STATUS INBOX (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 0\b/);
  });

  await t.test('and deletes it', async (t) => {
    await client.ok('APPEND INBOX', plainMessage('fifth', 200));
    await getmail(t, 'read_all = true\ndelete = true');
    t.match((await client.ok('STATUS INBOX (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 0\b/);
  });

  const commands = await server.commands();
  t.same(refusedCommands(commands), []);
  const uses = usedCapabilities(commands);
  t.comment(`getmail uses ${uses.join(', ')}`);
  t.ok(commands.some(({ name }) => name === 'UID COPY'));
  t.ok(uses.includes('LOGIN'), 'it has no other way with a password');
});

async function getmail(t: Test, options: string, retriever = ''): Promise<void> {
  const file = join(server.directory, 'getmailrc');
  await writeFile(
    file,
    `[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = ${server.port}
username = ${alice.name}
password = ${alice.password}
mailboxes = ('INBOX', 'Other')
ca_certs = ${server.authorityFile}
${retriever}

[destination]
type = MDA_external
path = /bin/sh
arguments = ('-c', 'cat >> ${taken}')
allow_root_commands = true

[options]
${options}
verbose = 2
`,
    { mode: 0o600 },
  );
  const argv = ['--getmaildir', server.directory, '--rcfile', file];
  const result = await runProgram(clientPath('getmail'), argv, {
    environment: { HOME: server.directory },
    deadlineMs: 30_000,
  });
  t.equal(result.code, 0, `${result.stderr}${result.stdout.toString('latin1').slice(-1_000)}`);
}

/** Subjects of what has been delivered so far, sorted. */
async function subjects(): Promise<string[]> {
  const text = await readFile(taken, 'latin1');
  return [...text.matchAll(/^Subject: (.*?)\r?$/gm)].map(([, subject = '']) => subject).toSorted();
}
