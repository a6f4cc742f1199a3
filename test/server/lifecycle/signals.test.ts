// Signals that must not end a server, nor open it to others.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import t from 'tap';
import { until } from '../../fixtures/until.ts';
import { startProcess } from './start-process.ts';

/** Where Node's debugger would listen: not on its usual port, which another test may use. */
const debuggerPort = await findFreePort();
const nodeOptions = [`--inspect-port=${debuggerPort}`];

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

await t.test('SIGUSR1 opens no debugger, SIGHUP ends nothing', async (t) => {
  const environment = {
    REPRISE_DATA: t.testdir(),
    REPRISE_HOST: '127.0.0.1',
    REPRISE_IMAP_PORT: '0',
    REPRISE_IMAPS_PORT: '0',
    REPRISE_WORKERS: '2',
  };
  const server = startProcess(['serve'], environment, { nodeOptions });
  await server.logged('listening');
  server.child.kill('SIGUSR1');
  server.child.kill('SIGHUP');
  t.match(await server.logged('this signal does nothing yet'), { signal: 'SIGHUP' });
  t.notOk(await isListening(debuggerPort));
  t.notOk(server.errors.some((line) => line.startsWith('Debugger listening')));
  t.equal(server.child.exitCode, null);
  server.child.kill('SIGTERM');
  t.equal(await server.exitCode, 0);
});

await t.test('the check can fail: Node itself opens it', async (t) => {
  const program = 'console.log("up"); setInterval(() => {}, 1000)';
  const child = spawn(process.execPath, [...nodeOptions, '-e', program]);
  t.teardown(() => child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await until(() => output !== '');
  child.kill('SIGUSR1');
  await until(() => errors.includes('Debugger listening'));
  t.ok(await isListening(debuggerPort));
});
