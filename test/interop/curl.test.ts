import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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

const skip = skipWithout('curl');
const server = await startWitnessedServer(t);
const directory = await mkdtemp(join(tmpdir(), 'reprise-curl-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));

const ports = {
  imaps: `imaps://127.0.0.1:${server.process.imapsPort}`,
  starttls: `imap://127.0.0.1:${server.process.imapPort}`,
} as const;

for (const [name, url] of Object.entries(ports)) {
  await t.test(`curl files, lists, reads and searches mail (${name})`, { skip }, async (t) => {
    const box = `curl-${name}`;
    const message = plainMessage(`over ${name}`, 2_000);
    const file = join(directory, 'message.eml');
    await writeFile(file, message);

    succeed(t, await curl(url, '--request', `CREATE ${box}`));
    succeed(t, await curl(`${url}/${box}`, '--upload-file', file));
    const listed = succeed(t, await curl(`${url}/`));
    t.match(listed, new RegExp(`^\\* LIST \\(.*\\) "/" "?${box}"?\\r$`, 'm'));
    const read = await curl(`${url}/${box};UID=1`);
    t.ok(read.stdout.equals(message), 'UID=1 is the message, byte for byte');
    const subject = succeed(t, await curl(`${url}/${box};UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)`));
    t.equal(subject, `Subject: over ${name}\r\n\r\n`);
    t.match(succeed(t, await curl(`${url}/${box}?SUBJECT%20over`)), /^\* SEARCH 1\r$/m);
    t.match(succeed(t, await curl(`${url}/${box}?SUBJECT%20under`)), /^\* SEARCH\r$/m);
    const examined = succeed(t, await curl(url, '--request', `EXAMINE ${box}`));
    t.match(examined, /^\* 1 EXISTS\r$/m);
  });
}

await t.test('curl files and reads a message of 20 MB', { skip }, async (t) => {
  const message = plainMessage('20 MB', 20_000_000);
  const file = join(directory, 'large.eml');
  await writeFile(file, message);
  succeed(t, await curl(`${ports.imaps}/INBOX`, '--upload-file', file));
  const read = await curl(`${ports.imaps}/INBOX;MAILINDEX=1`);
  t.equal(read.stdout.length, message.length);
  t.ok(read.stdout.equals(message), 'byte for byte');
});

await t.test('curl is refused nothing, and moves mail', { skip }, async (t) => {
  const url = `imaps://localhost:${server.port}`;
  const trusting = (path: string, ...options: readonly string[]) =>
    runCurl(
      `${alice.name}:${alice.password}`,
      `${url}${path}`,
      '--cacert',
      server.authorityFile,
      ...options,
    );
  const file = join(directory, 'moved.eml');
  await writeFile(file, plainMessage('to move', 500));
  succeed(t, await trusting('/', '--request', 'CREATE from'));
  succeed(t, await trusting('/', '--request', 'CREATE to'));
  succeed(t, await trusting('/from', '--upload-file', file));
  succeed(t, await trusting('/from', '--request', 'STORE 1 +FLAGS (\\Seen $Label)'));
  succeed(t, await trusting('/from', '--request', 'UID MOVE 1 to'));
  t.match(
    succeed(t, await trusting('/', '--request', 'STATUS to (MESSAGES SIZE)')),
    /MESSAGES 1 SIZE 500\b/,
  );
  t.match(succeed(t, await trusting('/to;UID=1')), /^Subject: to move\r$/m);
  const commands = await server.commands();
  t.same(refusedCommands(commands), []);
  const uses = usedCapabilities(commands);
  t.comment(`curl uses ${uses.join(', ')}`);
  for (const name of ['AUTH=PLAIN', 'MOVE', 'SASL-IR', 'STATUS=SIZE'])
    t.ok(uses.includes(name), name);
});

await t.test('curl is refused with a wrong password, and without TLS', { skip }, async (t) => {
  const refused = await runCurl('alice:wrong', ports.imaps, '--insecure');
  t.equal(refused.code, 67, 'CURLE_LOGIN_DENIED');
  const clear = await runCurl(`${alice.name}:${alice.password}`, ports.starttls);
  t.equal(clear.code, 67, 'CURLE_LOGIN_DENIED: LOGINDISABLED');
});

function curl(url: string, ...options: readonly string[]): Promise<RunResult> {
  return runCurl(`${alice.name}:${alice.password}`, url, '--insecure', '--ssl-reqd', ...options);
}

function runCurl(user: string, url: string, ...options: readonly string[]): Promise<RunResult> {
  const argv = ['--silent', '--show-error', '--max-time', '30', '--user', user, ...options, url];
  return runProgram(clientPath('curl'), argv);
}

function succeed(t: Test, result: RunResult): string {
  t.equal(result.code, 0, result.stderr);
  return result.stdout.toString('latin1');
}
