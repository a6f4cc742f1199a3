import { readdir } from 'node:fs/promises';
import t from 'tap';
import { ImapClient } from '../fixtures/imap-client.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { startServerProcess } from '../fixtures/server-process.ts';
import { reprise } from './cli/reprise.ts';

/** Runs a program in a process that may read files, and not write any. */
async function runWithoutWriting(
  program: string,
): Promise<{ code: number | null; output: string }> {
  const argv = ['--permission', '--allow-fs-read=*', '--allow-worker', '--allow-net'];
  const all = [process.execPath, ...argv, '--input-type=module', '--eval', program];
  // What the test runner has each Node load that a test starts needs rights that this one has not.
  const { code, stdout, stderr } = await runProgram('env', ['-u', 'NODE_OPTIONS', ...all]);
  return { code, output: stdout.toString() + stderr };
}

// More than the usual 30 s, for a loaded machine.
t.setTimeout(180_000);

const testing = JSON.stringify(new URL('../../server/testing.ts', import.meta.url).href);
const client = JSON.stringify(new URL('../fixtures/imap-client.ts', import.meta.url).href);

function programFor(store: string): string {
  return `
    import { startTestServer } from ${testing};
    import { ImapClient } from ${client};
    const options = { accounts: { alice: 'secret' }, store: ${JSON.stringify(store)} };
    const server = await startTestServer(options);
    await server.addMessage({ account: 'alice', message: 'Subject: Hello\\n\\nHi!\\n' });
    const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
    await client.login('alice', 'secret');
    await client.ok('SELECT INBOX');
    const { untagged } = await client.ok('SEARCH BODY "hi"');
    console.log(untagged.map(({ text }) => text).join());
    await client.logout();
    await server.stop();
  `;
}

await t.test('a test server writes nothing to disk, unless it is told to', async (t) => {
  const { code, output } = await runWithoutWriting(programFor('memory'));
  t.equal(code, 0, output);
  t.match(output, 'SEARCH 1');
  const control = await runWithoutWriting(programFor('sqlite'));
  t.match(control, { code: 1, output: /ERR_ACCESS_DENIED/ });
});

await t.test('accounts and mail in memory last as long as the server', async (t) => {
  const dataDirectory = t.testdir();
  const environment = { REPRISE_STORE: 'memory', REPRISE_WORKERS: '2' };
  const server = await startServerProcess({ dataDirectory, environment });
  t.teardown(() => server.stop());
  await server.addUser('alice', 'secret');
  const imap = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await imap.login('alice', 'secret');
  await imap.ok('SELECT INBOX');
  await imap.logout();
  t.match(
    server.log.filter(({ level }) => level === 'warn'),
    [{ msg: 'mail is kept in memory: it is gone when the server stops' }],
  );
  await t.rejects(startServerProcess({ dataDirectory, environment }), /is in use/);
  const files = await readdir(dataDirectory);
  t.notOk(
    files.some((name) => name.startsWith('mail')),
    files.join(),
  );
  await server.stop();

  const again = await startServerProcess({ dataDirectory, environment });
  t.teardown(() => again.stop());
  const list = () => reprise(['user', 'list'], { REPRISE_DATA: dataDirectory, ...environment });
  t.match(await list(), { code: 0, stdout: '' });
  await again.stop();
  t.match(await list(), {
    code: 1,
    stderr: /^reprise: No server runs on data directory .*REPRISE_STORE=memory/,
  });
});
