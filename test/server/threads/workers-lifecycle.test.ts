// Start and end of a server whose clients are spread over workers.
import t from 'tap';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { startTwoWorkers } from '../../fixtures/two-workers.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { reprise } from '../cli/reprise.ts';
import { startProcess } from '../lifecycle/start-process.ts';

const clientCount = 16;

await t.test(
  'the clients of all workers get BYE, and every line of the log is whole',
  async (t) => {
    const server = startProcess(['serve'], {
      REPRISE_DATA: t.testdir(),
      REPRISE_HOST: '127.0.0.1',
      REPRISE_IMAP_PORT: '0',
      REPRISE_IMAPS_PORT: '0',
      REPRISE_ADMIN_PORT: '-1',
      REPRISE_WORKERS: '2',
      REPRISE_LOG_LEVEL: 'debug',
    });
    const ports = await server.logged('listening');
    const clients = await Promise.all(
      Array.from({ length: clientCount }, (_, index) =>
        index % 2 === 0
          ? ImapClient.connect({ port: Number(ports['imapPort']), security: 'plain' })
          : ImapClient.connect({ port: Number(ports['imapsPort']), security: 'tls' }),
      ),
    );
    server.child.kill('SIGTERM');
    for (const client of clients) t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE /);
    t.equal(await server.exitCode, 0);
    const lines = server.errors.map((line) => JSON.parse(line) as Record<string, unknown>);
    const connected = lines.filter(({ msg }) => msg === 'connected');
    t.equal(connected.length, clientCount);
    for (const worker of [1, 2]) t.ok(connected.some((line) => line['worker'] === worker));
    t.equal(lines.find(({ msg }) => msg === 'listening')?.['worker'], undefined, 'the main thread');
  },
);

await t.test('a worker that hangs does not keep the server', async (t) => {
  const server = await startTwoWorkers(t);
  const [victim, bystander] = [await server.loginOn(1), await server.loginOn(2)];
  server.hang();
  victim.send('a NOOP\r\n');
  await bystander.ok('NOOP');
  t.equal(await server.process.stop(), 0);
  t.match((await bystander.readToEnd()).at(-1)?.text, /^\* BYE /);
  // Its command may have come in before the worker hung; a BYE can only come from one that does not.
  const isTold = (await victim.readToEnd()).some(({ text }) => text.startsWith('* BYE '));
  t.notOk(isTold, 'it was cut off');
});

for (const workerCount of ['0', '1', '2']) {
  await t.test(`a second server on the ports of ${workerCount} workers is refused`, async (t) => {
    const first = await startServerProcess({ environment: { REPRISE_WORKERS: '2' } });
    t.teardown(() => first.stop());
    const result = await reprise(['serve'], {
      REPRISE_DATA: t.testdir(),
      REPRISE_HOST: '127.0.0.1',
      REPRISE_IMAP_PORT: String(first.imapPort),
      REPRISE_IMAPS_PORT: '0',
      REPRISE_ADMIN_PORT: '-1',
      REPRISE_WORKERS: workerCount,
      REPRISE_LOG_LEVEL: 'silent',
    });
    t.equal(result.code, 1);
    t.equal(result.errors.length, 1);
    t.match(result.errors[0], `Cannot listen on port ${first.imapPort}: another program does`);
  });
}
