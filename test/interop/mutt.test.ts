// mutt and neomutt without a terminal: file with their own sending, read and change with key strokes.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, findClient, skipWithout } from '../fixtures/clients.ts';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { runProgram, type RunResult } from '../fixtures/run-program.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const skip = skipWithout('mutt', 'neomutt') || skipWithout('script');
const server = await startWitnessedServer(t);
const { directory } = server;

/** Debian's neomutt is built without zlib. */
const expected = {
  mutt: ['COMPRESS=DEFLATE', 'CONDSTORE', 'ENABLE', 'IDLE', 'QRESYNC', 'UTF8=ACCEPT'],
  neomutt: ['CONDSTORE', 'ENABLE', 'IDLE', 'QRESYNC', 'UTF8=ACCEPT'],
} as const;

for (const name of ['mutt', 'neomutt'] as const) {
  const missing = findClient(name) === undefined ? `${name} is not installed` : false;
  await t.test(name, { skip: skip || missing }, async (t) => {
    const client = await server.login();
    const box = `box-${name}`;
    await client.ok(`CREATE ${box}`);
    await client.ok('CREATE copies');
    await writeConfiguration(name);
    const earlier = (await server.commands()).length;

    // "Fcc to an IMAP mailbox is not supported in batch mode", says neomutt.
    const noFcc = name === 'neomutt' ? 'neomutt files nothing in batch mode' : false;
    await t.test('files what it sends, in batch mode', { skip: noFcc }, async (t) => {
      const attachment = join(directory, 'attachment.txt');
      await writeFile(attachment, 'attached text\n');
      const argv = ['-F', join(directory, 'muttrc'), '-e', `set record="${url(box)}"`];
      argv.push('-s', 'Größe', '-a', attachment, '--', 'bob@example.org');
      await succeed(
        t,
        runProgram(clientPath(name), argv, {
          input: 'the text\n',
          environment: { HOME: directory },
        }),
      );
      await client.ok(`SELECT ${box}`);
      const fetched = await client.ok('FETCH 1 (FLAGS ENVELOPE BODYSTRUCTURE)');
      t.match(fetched.untagged[0]?.text, /"bob" "example\.org"/);
      t.match(fetched.untagged[0]?.text, /"filename" "attachment\.txt"/i);
      t.match(fetched.untagged[0]?.text, /FLAGS \([^)]*\\Seen/);
    });

    await t.test('reads, copies, flags, deletes', async (t) => {
      await client.ok(`APPEND ${box}`, plainMessage('to keep', 500));
      await client.ok(`APPEND ${box}`, plainMessage('to delete', 500));
      const saved = join(directory, `saved-${name}`);
      const keys = [
        `<limit>~s "to keep"<enter><pipe-message>cat > ${saved}<enter>`,
        `<copy-message>${url('copies')}<enter><flag-message><limit>all<enter>`,
        `<delete-pattern>~s "to delete"<enter><sync-mailbox><exit>`,
      ].join('');
      await succeed(t, inTerminal(name, box, keys));
      t.match(await readFile(saved, 'utf8'), 'Subject: to keep');
      t.match((await client.ok('STATUS copies (MESSAGES)')).untagged[0]?.text, /MESSAGES 1\b/);
      await client.ok('DELETE copies');
      await client.ok(`SELECT ${box}`);
      const flagged = await client.ok('SEARCH FLAGGED SUBJECT "to keep"');
      t.match(flagged.untagged.at(-1)?.text, /^\* SEARCH \d+$/);
      const deleted = await client.ok('SEARCH SUBJECT "to delete"');
      t.equal(deleted.untagged.at(-1)?.text, '* SEARCH');
    });

    await t.test('comes back to what has changed', async (t) => {
      await client.ok(`SELECT ${box}`);
      await client.ok('STORE * +FLAGS (\\Answered)');
      await client.ok(`APPEND ${box}`, plainMessage('news', 500));
      const saved = join(directory, `news-${name}`);
      const keys = `<limit>~Q<enter><tag-pattern>~A<enter><limit>~s news<enter><pipe-message>cat > ${saved}<enter><exit>`;
      await succeed(t, inTerminal(name, box, keys));
      t.match(await readFile(saved, 'utf8'), 'Subject: news');
    });

    const commands = (await server.commands()).slice(earlier);
    t.same(refusedCommands(commands), []);
    const uses = usedCapabilities(commands);
    t.comment(`${name} uses ${uses.join(', ')}`);
    for (const capability of expected[name]) t.ok(uses.includes(capability), capability);
  });
}

/** Opens a mailbox in a terminal of 80 by 24 that nobody sees, and types. */
function inTerminal(name: 'mutt' | 'neomutt', box: string, keys: string): Promise<RunResult> {
  const argv = [
    clientPath(name),
    '-F',
    join(directory, 'muttrc'),
    '-f',
    url(box),
    '-e',
    `push '${keys}'`,
  ];
  return runProgram(
    clientPath('script'),
    ['--quiet', '--return', '--command', argv.map(quote).join(' '), '/dev/null'],
    {
      environment: { HOME: directory, TERM: 'xterm', LINES: '24', COLUMNS: '80' },
      deadlineMs: 20_000,
    },
  );
}

/** One word of a shell command. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function url(box: string): string {
  return `imaps://${alice.name}@localhost:${server.port}/${box}`;
}

async function writeConfiguration(name: 'mutt' | 'neomutt'): Promise<void> {
  await writeFile(
    join(directory, 'muttrc'),
    `set from="alice@example.org"
set imap_user="${alice.name}"
set imap_pass="${alice.password}"
set certificate_file="${server.authorityFile}"
set imap_qresync=yes
set imap_condstore=yes
set imap_idle=yes
set sendmail="/bin/true"
set copy=yes
set delete=yes
set quit=yes
set confirmappend=no
set wait_key=no
set timeout=1
set charset="utf-8"
set header_cache="${join(directory, `headers-${name}`)}"
${name === 'mutt' ? 'set imap_deflate=yes' : ''}
`,
  );
}

async function succeed(t: Test, run: Promise<RunResult>): Promise<void> {
  const result = await run;
  t.equal(result.code, 0, `${result.stderr}${result.stdout.toString('latin1').slice(-500)}`);
}
