// fetchmail takes new mail out of a mailbox and gives it to a program, here one that appends it to a file.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { runProgram, type RunResult } from '../fixtures/run-program.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const skip = skipWithout('fetchmail');
const server = await startWitnessedServer(t);
const taken = join(server.directory, 'taken');
/** fetchmail's "no new mail". */
const nothingNew = 1;

await t.test('fetchmail takes mail', { skip }, async (t) => {
  const client = await server.login();
  for (const subject of ['first', 'second']) {
    await client.ok('APPEND INBOX', plainMessage(subject, 3_000));
  }
  await client.ok('CREATE Other');
  await client.ok('APPEND Other', plainMessage('elsewhere', 3_000));

  await t.test('says what is there', async (t) => {
    const result = await fetchmail('keep', ['--check']);
    t.equal(result.code, 0, result.stderr);
    t.match(result.stdout.toString(), /2 messages .* at localhost/);
  });

  await t.test('keeps what it takes, and marks it', async (t) => {
    await succeed(t, fetchmail('keep'));
    t.same(await subjects(), ['first', 'second', 'elsewhere']);
    await client.ok('SELECT INBOX');
    t.equal((await client.ok('SEARCH SEEN')).untagged.at(-1)?.text, '* SEARCH 1 2');
  });

  await t.test('comes back for what is new alone', async (t) => {
    t.equal((await fetchmail('keep')).code, nothingNew);
    await client.ok('APPEND INBOX', plainMessage('third', 200));
    await succeed(t, fetchmail('keep'));
    t.same(await subjects(), ['first', 'second', 'elsewhere', 'third']);
  });

  await t.test('takes all and deletes it', async (t) => {
    await succeed(t, fetchmail('fetchall nokeep'));
    t.equal((await subjects()).length, 8);
    await client.ok('NOOP');
    t.equal((await client.ok('SEARCH ALL')).untagged.at(-1)?.text, '* SEARCH');
  });

  const commands = await server.commands();
  t.same(refusedCommands(commands), []);
  const uses = usedCapabilities(commands);
  t.comment(`fetchmail uses ${uses.join(', ')}`);
  t.same(uses, ['LOGIN'], 'and nothing else');
});

async function fetchmail(words: string, options: readonly string[] = []): Promise<RunResult> {
  const file = join(server.directory, 'fetchmailrc');
  await writeFile(
    file,
    `set no bouncemail
poll localhost protocol imap port ${server.port}
  user "${alice.name}" password "${alice.password}" ssl sslcertck sslcertfile "${server.authorityFile}"
  folder INBOX, Other ${words} mda "cat >> ${taken}"
`,
    { mode: 0o600 },
  );
  return runProgram(
    clientPath('fetchmail'),
    [
      '--fetchmailrc',
      file,
      '--nosyslog',
      '--verbose',
      '--nodetach',
      '--pidfile',
      join(server.directory, 'pid'),
      ...options,
    ],
    {
      environment: { HOME: server.directory, FETCHMAILHOME: server.directory },
      deadlineMs: 30_000,
    },
  );
}

async function succeed(t: Test, run: Promise<RunResult>): Promise<void> {
  const result = await run;
  t.equal(result.code, 0, `${result.stderr}${result.stdout.toString('latin1').slice(-1_000)}`);
}

/** Subjects of what has been delivered so far, in order. */
async function subjects(): Promise<(string | undefined)[]> {
  const text = await readFile(taken, 'latin1');
  return [...text.matchAll(/^Subject: (.*?)\r?$/gm)].map(([, subject]) => subject);
}
