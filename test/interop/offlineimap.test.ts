// offlineimap keeps an account and Maildirs the same, in both directions.
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
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

const skip = skipWithout('offlineimap');
const server = await startWitnessedServer(t);
const mail = join(server.directory, 'mail');

await t.test('offlineimap keeps both sides the same', { skip }, async (t) => {
  const client = await server.login();
  await writeConfiguration();
  await client.ok('CREATE Work');
  for (let index = 0; index < 10; index++) {
    const flags = index % 2 === 0 ? '\\Seen' : '';
    await client.ok(`APPEND INBOX (${flags})`, plainMessage(`remote ${index}`, 700));
    await client.ok('APPEND Work', plainMessage(`work ${index}`, 700));
  }

  await t.test('the first run brings all mailboxes', async (t) => {
    await sync(t);
    t.equal((await messages('INBOX')).length, 10);
    t.equal((await messages('INBOX')).filter((name) => name.endsWith(':2,S')).length, 5);
    t.equal((await messages('Work')).length, 10);
  });

  await t.test('changes go both ways', async (t) => {
    await client.ok('SELECT INBOX');
    await client.ok('STORE 1 +FLAGS (\\Flagged)');
    await client.ok('STORE 2 +FLAGS (\\Deleted)');
    await client.ok('EXPUNGE');
    await client.ok('APPEND INBOX', plainMessage('new at the server', 700));
    const work = await messages('Work');
    await rm(join(mail, 'Work', work[0] ?? ''));
    const marked = work[1] ?? '';
    await rename(
      join(mail, 'Work', marked),
      join(mail, 'Work', `${marked.replace(/^new/, 'cur').replace(/:2,.*$/, '')}:2,FRS`),
    );
    const local = plainMessage('new here', 700).toString('latin1').replaceAll('\r\n', '\n');
    await writeFile(join(mail, 'Work', 'new', '1234567890.1.host'), local);
    await sync(t);

    t.equal((await messages('INBOX')).length, 10);
    t.equal((await messages('INBOX')).filter((name) => /:2,.*F/.test(name)).length, 1);
    await client.ok('SELECT Work');
    t.match((await client.ok('SEARCH ALL')).untagged.at(-1)?.text, /^\* SEARCH( \d+){10}$/);
    t.equal((await client.ok('SEARCH SUBJECT "new here"')).untagged.at(-1)?.text, '* SEARCH 10');
    t.match(
      (await client.ok('SEARCH FLAGGED ANSWERED SEEN')).untagged.at(-1)?.text,
      /^\* SEARCH \d+$/,
    );
  });

  await t.test('and then nothing changes', async (t) => {
    const before = [await messages('INBOX'), await messages('Work')];
    const { length } = await server.commands();
    await sync(t);
    t.same([await messages('INBOX'), await messages('Work')], before);
    const later = (await server.commands()).slice(length);
    t.same(
      later.filter(({ name }) => /APPEND|STORE|EXPUNGE/.test(name)),
      [],
    );
  });

  const commands = await server.commands();
  t.same(refusedCommands(commands), []);
  const uses = usedCapabilities(commands);
  t.comment(`offlineimap uses ${uses.join(', ')}`);
  for (const name of ['AUTH=PLAIN', 'COMPRESS=DEFLATE', 'ID']) t.ok(uses.includes(name), name);
});

async function writeConfiguration(): Promise<void> {
  await mkdir(mail);
  await writeFile(
    join(server.directory, 'offlineimaprc'),
    `[general]
accounts = test
metadata = ${join(server.directory, 'state')}
ui = basic
socktimeout = 20

[Account test]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = ${mail}

[Repository there]
type = IMAP
remotehost = localhost
remoteport = ${server.port}
ssl = yes
sslcacertfile = ${server.authorityFile}
remoteuser = ${alice.name}
remotepass = ${alice.password}
usecompression = yes
`,
  );
}

async function sync(t: Test): Promise<void> {
  const argv = ['-c', join(server.directory, 'offlineimaprc'), '-o'];
  const result = await runProgram(clientPath('offlineimap'), argv, {
    environment: { HOME: server.directory },
  });
  t.equal(result.code, 0, `${result.stderr}${result.stdout.toString('latin1').slice(-2_000)}`);
}

/** Paths of the messages in a Maildir, sorted. */
async function messages(box: string): Promise<string[]> {
  const names = await Promise.all(
    ['cur', 'new'].map(async (part) =>
      (await readdir(join(mail, box, part))).map((name) => `${part}/${name}`),
    ),
  );
  return names.flat().toSorted();
}
