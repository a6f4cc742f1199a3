import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { startProcess } from './start-process.ts';

const freePorts = { REPRISE_HOST: '127.0.0.1', REPRISE_IMAP_PORT: '0', REPRISE_IMAPS_PORT: '0' };

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  await t.test(`${signal} says BYE to every client and exits with 0`, async (t) => {
    const directory = t.testdir();
    const server = startProcess(['serve'], { ...freePorts, REPRISE_DATA: directory });
    const ports = await server.logged('listening');
    const plain = await ImapClient.connect({ port: Number(ports['imapPort']), security: 'plain' });
    const tls = await ImapClient.connect({ port: Number(ports['imapsPort']), security: 'tls' });
    server.child.kill(signal);
    for (const client of [plain, tls]) {
      const last = await client.readToEnd();
      t.match(last.at(-1)?.text, /^\* BYE /);
    }
    t.equal(await server.exitCode, 0);
    t.notOk(existsSync(join(directory, 'control.sock')));
    t.strictSame(server.output, [], 'nothing but the log');
    t.ok(server.errors.every((line) => typeof JSON.parse(line) === 'object'));
  });
}

await t.test('a client that neither reads nor goes does not keep the server', async (t) => {
  const server = startProcess(['serve'], { ...freePorts, REPRISE_DATA: t.testdir() });
  const { imapPort } = await server.logged('listening');
  const client = await ImapClient.connect({ port: Number(imapPort), security: 'plain' });
  client.socket.pause();
  client.socket.write('a CAPABILITY\r\n'.repeat(20_000));
  server.child.kill('SIGTERM');
  t.equal(await server.exitCode, 0, 'it would be 1 if it could not stop in time');
  client.socket.destroy();
});

await t.test('a second signal ends it at once', async (t) => {
  const server = startProcess(['serve'], { ...freePorts, REPRISE_DATA: t.testdir() });
  const { imapPort } = await server.logged('listening');
  const client = await ImapClient.connect({ port: Number(imapPort), security: 'plain' });
  client.socket.on('error', () => undefined);
  client.socket.pause();
  client.socket.write('a CAPABILITY\r\n'.repeat(200_000));
  const start = performance.now();
  server.child.kill('SIGTERM');
  // At once, as npm passes it on: that is the same signal and not a second one.
  server.child.kill('SIGTERM');
  await server.logged('stopping');
  const impatient = setInterval(() => server.child.kill('SIGTERM'), 100);
  t.equal(await server.exitCode, 1);
  clearInterval(impatient);
  t.ok(performance.now() - start >= 300);
  t.ok(
    server.errors.some((line) => line.includes('stopped at once')),
    'it did not wait for the client',
  );
  client.socket.destroy();
});

await t.test('a server that was killed can be started again at once', async (t) => {
  const first = await startServerProcess();
  await first.addUser('alice', 'secret');
  await first.kill();
  t.ok(existsSync(join(first.dataDirectory, 'control.sock')), 'is left behind');
  const second = await startServerProcess({ dataDirectory: first.dataDirectory });
  t.teardown(() => second.stop());
  t.match((await second.command(['user', 'list'])).stdout.toString(), 'alice');
});

await t.test('an error that nobody caught is logged and ends the process', async (t) => {
  const throwOnSignal = 'process.on("SIGUSR2", () => { throw new Error("boom") })';
  const server = startProcess(
    ['serve'],
    { ...freePorts, REPRISE_DATA: t.testdir() },
    { nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(throwOnSignal)}`] },
  );
  await server.logged('listening');
  server.child.kill('SIGUSR2');
  const entry = await server.logged('uncaught error');
  t.match(entry, { level: 'fatal', err: { message: 'boom', stack: /Error: boom/ } });
  t.equal(await server.exitCode, 1);
});

await t.test(
  'a writer thread that dies ends the process, since nothing can be stored',
  async (t) => {
    // Stands for whatever ends a thread: no part of the server sends this.
    const breakWriter = `
    import { Worker } from 'node:worker_threads';
    const { postMessage } = Worker.prototype;
    let writer;
    Worker.prototype.postMessage = function (message, ...others) {
      if (message?.kind === 'connect') writer = this;
      return postMessage.call(this, message, ...others);
    };
    process.on('SIGUSR2', () => postMessage.call(writer, { kind: 'connect', port: null }));
  `;
    const server = startProcess(
      ['serve'],
      { ...freePorts, REPRISE_DATA: t.testdir(), REPRISE_WORKERS: '0' },
      { nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(breakWriter)}`] },
    );
    const { imapPort } = await server.logged('listening');
    const client = await ImapClient.connect({ port: Number(imapPort), security: 'plain' });
    server.child.kill('SIGUSR2');
    t.match(await server.logged('cannot go on'), {
      level: 'fatal',
      err: { stack: /writer-thread/ },
    });
    t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE /);
    t.equal(await server.exitCode, 1);
    t.notOk(server.errors.some((line) => line.includes('could not stop in time')));
  },
);
