import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import t from 'tap';
import { startTestServer } from '../../../server/testing.ts';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { childEnvironment } from '../../fixtures/child-environment.ts';
import { reprise } from './reprise.ts';

await t.test('a session comes out as a transcript, until a signal', async (t) => {
  const server = await startTestServer({ accounts: { alice: 'secret' } });
  t.teardown(() => server.stop());
  const script = resolve(import.meta.dirname, '../../../server/main.ts');
  const to = `127.0.0.1:${server.imapsPort}`;
  const argv = [script, 'record', '--listen', '0', '--to', to, '--tls', '--insecure'];
  const child = spawn(process.execPath, argv, { env: { ...childEnvironment } });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  const [told] = (await once(child.stderr, 'data')) as [Buffer];
  const port = Number(/127\.0\.0\.1:(\d+) \(no TLS\)/.exec(String(told))?.[1]);
  const client = await ImapClient.connect({ port, security: 'plain' });
  await client.login('alice', 'secret');
  await client.command('LOGOUT');
  await client.drop();
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number];
  t.equal(code, 0);
  t.match(output, /^# Recorded by reprise record[^]*\nC: \S+ LOGIN "{{user}}" "{{password}}"\n/);
  t.match(output, /\nS: \* BYE .*\n/);
});

await t.test('what it cannot do is told', async (t) => {
  const cases: readonly [readonly string[], RegExp][] = [
    [['--listen', '0', '--to', 'somewhere'], /A server is HOST:PORT, not "somewhere"/],
    [['--listen', 'imap', '--to', 'a:1'], /Ports are 0 to 65535, not "imap"/],
    [['--listen', '70000', '--to', 'a:1'], /Ports are 0 to 65535, not "70000"/],
  ];
  for (const [argv, reason] of cases) {
    const result = await reprise(['record', ...argv], {});
    t.equal(result.code, 1);
    t.match(result.stderr, reason);
  }
});
