// mutt and neomutt without a terminal: file with their own sending, read and change with key strokes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, findClient, skipWithout } from '../fixtures/clients.ts';
import { alice, startMailServer } from '../fixtures/mail-server.ts';
import { readMetrics } from '../fixtures/metrics-text.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { runProgram, type RunResult } from '../fixtures/run-program.ts';

const skip = skipWithout('mutt', 'neomutt') || skipWithout('script');
const server = await startMailServer(t, { environment: { REPRISE_ADMIN_PORT: '0' } });
const directory = await mkdtemp(join(tmpdir(), 'reprise-mutt-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));

/** How often a client has begun to compress. */
async function compressedCount(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${server.process.adminPort}/metrics`);
  const values = readMetrics(await response.text());
  return values['reprise_commands_total{command="COMPRESS",result="ok"}'] ?? 0;
}

for (const name of ['mutt', 'neomutt'] as const) {
  const missing = findClient(name) === undefined ? `${name} is not installed` : false;
  await t.test(name, { skip: skip || missing }, async (t) => {
    const client = await server.login();
    const box = `box-${name}`;
    await client.ok(`CREATE ${box}`);
    await client.ok('CREATE copies');
    await writeConfiguration(client.tlsSocket.getPeerCertificate().raw);

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
      // Debian's neomutt has been seen not to.
      if (name === 'mutt') t.ok((await compressedCount()) > 0, 'and compresses');
      await client.ok(`SELECT ${box}`);
      const flagged = await client.ok('SEARCH FLAGGED SUBJECT "to keep"');
      t.match(flagged.untagged.at(-1)?.text, /^\* SEARCH \d+$/);
      const deleted = await client.ok('SEARCH SUBJECT "to delete"');
      t.equal(deleted.untagged.at(-1)?.text, '* SEARCH');
    });
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
  return `imaps://${alice.name}@127.0.0.1:${server.process.imapsPort}/${box}`;
}

async function writeConfiguration(certificate: Buffer): Promise<void> {
  const base64 = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n');
  await writeFile(
    join(directory, 'certificates'),
    `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  );
  await writeFile(
    join(directory, 'muttrc'),
    `set from="alice@example.org"
set imap_user="${alice.name}"
set imap_pass="${alice.password}"
set certificate_file="${join(directory, 'certificates')}"
set ssl_verify_host=no
set sendmail="/bin/true"
set copy=yes
set delete=yes
set quit=yes
set confirmappend=no
set wait_key=no
set timeout=1
set imap_deflate=yes
set header_cache=""
set charset="utf-8"
`,
  );
}

async function succeed(t: Test, run: Promise<RunResult>): Promise<void> {
  const result = await run;
  t.equal(result.code, 0, `${result.stderr}${result.stdout.toString('latin1').slice(-500)}`);
}
