// alpine in a terminal that nobody sees, which types when it sees what it waits for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { childEnvironment } from '../fixtures/child-environment.ts';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { until } from '../fixtures/until.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const skip = skipWithout('alpine') || skipWithout('script');
const server = await startWitnessedServer(t);

/** What moves the cursor and sets colours. */
const terminalControl = new RegExp(
  `${String.fromCodePoint(27)}(\\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])`,
  'g',
);

await t.test('alpine', { skip }, async (t) => {
  const client = await server.login();
  await writeConfiguration();
  for (const subject of ['to read', 'to flag', 'to file', 'to delete']) {
    await client.ok('APPEND INBOX', plainMessage(subject, 500));
  }

  await t.test('reads, flags, files, deletes, puts off what it writes', async (t) => {
    await type(t, [
      [/ENTER PASSWORD/, `${alice.password}\r`],
      [/4 {3,}a@example\.org.*to delete/s, '\r'],
      [/abcdefgh/, 'i'],
      [/to delete/, 'n*'],
      [/Forwarded or Important/, '*ns'],
      [/SAVE/, 'Archive\r'],
      [/Saving +DONE|Message 3 copied/, 'nd'],
      [/to delete/, 'x'],
      [/Expunging +DONE|2 messages expunged/, 'c'],
      [/COMPOSE MESSAGE/, 'bob@example.org\r\r\rwritten here\r\x0f'],
      [/postponed/i, 'q'],
    ]);
    await client.ok('SELECT INBOX');
    t.equal((await client.ok('SEARCH ALL')).untagged.at(-1)?.text, '* SEARCH 1 2');
    t.equal((await client.ok('SEARCH SEEN')).untagged.at(-1)?.text, '* SEARCH 1');
    t.equal((await client.ok('SEARCH FLAGGED')).untagged.at(-1)?.text, '* SEARCH 2');
    t.match((await client.ok('STATUS Archive (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 1\b/);
    await client.ok('EXAMINE Drafts');
    const written = await client.ok('SEARCH SUBJECT "written here" TO bob@example.org');
    t.equal(written.untagged.at(-1)?.text, '* SEARCH 1');
  });

  await t.test('comes back, and has its mail sorted by the server', async (t) => {
    await client.ok('APPEND INBOX', plainMessage('a newer one', 500));
    await type(t, [
      [/ENTER PASSWORD/, `${alice.password}\r`],
      [/a newer one/, '$'],
      [/Choose type of sort/, 's'],
      [/a newer one.*to flag.*to read/s, 'q'],
    ]);
  });

  const commands = await server.commands();
  t.same(refusedCommands(commands), []);
  const uses = usedCapabilities(commands);
  t.comment(`alpine uses ${uses.join(', ')}`);
  for (const name of ['AUTH=PLAIN', 'ID', 'MAILBOX-REFERRALS', 'SORT'])
    t.ok(uses.includes(name), name);
});

/** Starts alpine in the index of INBOX; sends each of the keys when what stands before it has been shown. */
async function type(
  t: Test,
  steps: readonly (readonly [shown: RegExp, keys: string])[],
): Promise<void> {
  const argv = [clientPath('alpine'), '-p', join(server.directory, 'pinerc'), '-i'];
  const child = spawn(
    clientPath('script'),
    ['--quiet', '--return', '--command', argv.join(' '), '/dev/null'],
    {
      env: {
        ...childEnvironment,
        HOME: server.directory,
        TERM: 'xterm',
        LINES: '24',
        COLUMNS: '80',
        LC_ALL: 'C.UTF-8',
      },
    },
  );
  const closed = once(child, 'close');
  t.teardown(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString('latin1').replaceAll(terminalControl, ' ');
  });
  for (const [expected, keys] of steps) {
    await until(() => expected.test(shown), 15_000).catch(() => {
      throw new Error(`Waited for ${String(expected)}, not in "${shown.slice(-1_500)}"`);
    });
    shown = '';
    child.stdin.write(keys);
  }
  t.equal((await closed)[0], 0, 'it ends by itself');
}

async function writeConfiguration(): Promise<void> {
  const account = `{localhost:${server.port}/ssl/user=${alice.name}}`;
  await writeFile(
    join(server.directory, 'pinerc'),
    `inbox-path=${account}INBOX
folder-collections=Mail ${account}[]
postponed-folder=Drafts
last-version-used=9.99
personal-name=Alice
user-domain=example.org
sendmail-path=/bin/true
system-certs-file=${server.authorityFile}
feature-list=quit-without-confirm,expunge-without-confirm,enable-flag-cmd,disable-password-file-saving
`,
  );
}
