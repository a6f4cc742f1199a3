import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import pino from 'pino';
import t, { type Test } from 'tap';
import { AdminListenError } from '../../../server/admin/admin-listen-error.ts';
import { AdminServer, type AdminServerOptions } from '../../../server/admin/admin-server.ts';

const host = '127.0.0.1';

async function start(t: Test, options: Partial<AdminServerOptions> = {}) {
  const log: Record<string, unknown>[] = [];
  const logger = pino(
    {
      level: 'debug',
    },
    { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const server = new AdminServer({
    address: { host, port: 0 },
    metrics: () => ({
      contentType: 'text/plain; version=0.0.4',
      text: async () => 'a_metric 1\n',
    }),
    problem: () => undefined,
    logger,
    ...options,
  });
  const port = await server.listen();
  t.teardown(() => server.close());
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://${host}:${port}${path}`, { method });
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: await response.text(),
    };
  };
  return { server, port, ask, log };
}

await t.test('/metrics', async (t) => {
  const { ask } = await start(t);
  const wanted = { status: 200, type: 'text/plain; version=0.0.4', body: 'a_metric 1\n' };
  t.same(await ask('/metrics'), wanted);
  t.same(await ask('/metrics?x=1'), wanted);
  t.same(await ask('/metrics', 'HEAD'), { ...wanted, body: '' });
});

await t.test('/healthz tells whether the server can do its work', async (t) => {
  let problem: string | undefined;
  const { ask } = await start(t, { problem: () => problem, metrics: () => undefined });
  t.match(await ask('/healthz'), { status: 200, body: 'ok\n' });
  problem = 'The server does something else';
  t.match(await ask('/healthz'), { status: 503, body: `${problem}\n` });
  t.match(await ask('/metrics'), { status: 503 });
});

await t.test('nothing else', async (t) => {
  const { ask } = await start(t);
  t.match(await ask('/'), { status: 404, body: '/metrics' });
  t.match(await ask('/metrics/x'), { status: 404 });
  t.match(await ask('/metrics', 'POST'), { status: 405 });
  t.match(await ask('/metrics', 'DELETE'), { status: 405 });
});

await t.test('a scrape that fails is logged, and its error is not shown', async (t) => {
  const metrics = { contentType: 'text/plain', text: () => Promise.reject(new Error('secret')) };
  const { ask, log } = await start(t, { metrics: () => metrics });
  const answer = await ask('/metrics');
  t.equal(answer.status, 500);
  t.notMatch(answer.body, 'secret');
  t.match(log, [{ msg: 'admin request failed', err: { message: 'secret' } }]);
  t.match(await ask('/healthz'), { status: 200 }, 'the rest goes on');
});

await t.test('close does not wait for clients', async (t) => {
  const { server, port } = await start(t);
  const client = connect(port, host);
  await once(client, 'connect');
  client.write('GET /metrics HTTP/1.1\r\n');
  client.on('error', () => undefined);
  const closed = new Promise((resolve) => client.once('close', resolve));
  await server.close();
  await closed;
  await server.close();
});

await t.test('-1 is off', async (t) => {
  const { port } = await start(t, { address: { host, port: -1 } });
  t.equal(port, -1);
});

await t.test('a port that another program has', async (t) => {
  const other = createServer().listen(0, host);
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  const error = await start(t, { address: { host, port } }).catch((error: unknown) => error);
  t.ok(error instanceof AdminListenError);
  t.match(error, {
    message:
      `Cannot listen on 127.0.0.1:${port} for metrics: another program does already. ` +
      'Set REPRISE_ADMIN_PORT to another port, or to -1 for none',
  });
});

await t.test('an address that is not of this machine', async (t) => {
  await t.rejects(start(t, { address: { host: '192.0.2.1', port: 0 } }), {
    message: /^Cannot listen on 192\.0\.2\.1:0 for metrics: this machine does not have the address/,
  });
});
