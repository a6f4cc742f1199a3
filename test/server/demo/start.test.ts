import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { runProgram } from '../../fixtures/run-program.ts';
import { reprise } from '../cli/reprise.ts';
import { startProcess } from '../lifecycle/start-process.ts';

const freePorts = { REPRISE_IMAP_PORT: '0', REPRISE_IMAPS_PORT: '0' };

await t.test('the first start makes a demo account, and the printed curl line works', async (t) => {
  const environment = { ...freePorts, REPRISE_DATA: join(t.testdir(), 'data') };
  const first = startProcess(['start'], environment);
  const password = await first.printed(/^ {2}password {2}([0-9a-f]{24})$/);
  const curl = await first.printed(/^ {2}(curl .*)$/);
  const { imapsPort } = await first.logged('listening');
  const client = await ImapClient.connect({ port: Number(imapsPort), security: 'tls' });
  await client.login('demo', password);
  t.match(
    (await client.ok('STATUS INBOX (MESSAGES UNSEEN)')).untagged[0]?.text,
    /MESSAGES 5 UNSEEN 3/,
  );
  await client.logout();
  if (spawnSync('curl', ['--version']).status === 0) {
    const fetched = await runProgram('sh', ['-c', curl]);
    t.equal(fetched.code, 0, fetched.stderr);
    t.match(fetched.stdout.toString(), 'Subject: Welcome to Reprise');
  }
  t.notMatch(first.errors.join('\n'), password, 'the log does not hold the password');
  first.child.kill('SIGTERM');
  t.equal(await first.exitCode, 0);

  const second = startProcess(['start'], environment);
  await second.printed(/(There are accounts already)/);
  t.notMatch(second.output.join('\n'), /password/);
  second.child.kill('SIGTERM');
  t.equal(await second.exitCode, 0);
});

await t.test('a first start that failed does not use up the demo account', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const environment = {
    ...freePorts,
    REPRISE_DATA: t.testdir(),
    REPRISE_HOST: '127.0.0.1',
    REPRISE_IMAPS_PORT: String((other.address() as AddressInfo).port),
  };
  const refused = startProcess(['start'], environment);
  t.equal(await refused.exitCode, 1);
  other.close();
  const works = startProcess(['start'], environment);
  await works.printed(/^ {2}password {2}([0-9a-f]{24})$/);
  works.child.kill('SIGTERM');
  t.equal(await works.exitCode, 0);
});

await t.test('serve makes no account', async (t) => {
  const environment = { ...freePorts, REPRISE_DATA: t.testdir() };
  const server = startProcess(['serve'], environment);
  await server.logged('listening');
  t.equal((await reprise(['user', 'list'], environment)).stdout, '');
  t.strictSame(server.output, []);
  server.child.kill('SIGTERM');
  t.equal(await server.exitCode, 0);
});
