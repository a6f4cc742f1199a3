import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { queryObjects } from 'node:v8';
import { pino } from 'pino';
import t from 'tap';
import { CommandReader } from '../../../protocol/command-reader.ts';
import { Connection } from '../../../server/imap/connection.ts';
import { Responses } from '../../../server/imap/responses.ts';
import { Session } from '../../../server/imap/session.ts';
import { Transport } from '../../../server/net/transport.ts';
import { StandingExample } from '../../../server/threads/standing-example.ts';
import { Arrival } from '../../../tls/arrival.ts';
import { TlsHandshake } from '../../../tls/handshake.ts';
import { collectGarbage } from '../../fixtures/collect-garbage.ts';
import { makeMemoryStore } from '../../fixtures/memory-store.ts';
import { readMetrics } from '../../fixtures/metrics-text.ts';
import { runProgram } from '../../fixtures/run-program.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';

/** What a client is made of: on its way to TLS, and after. */
const shapes = {
  Socket,
  TLSSocket,
  Arrival,
  TlsHandshake,
  Transport,
  Connection,
  Session,
  Responses,
  CommandReader,
};

/** The shapes of which there is an object after a collection of garbage. */
async function livingShapes(): Promise<string[]> {
  await collectGarbage();
  return Object.entries(shapes)
    .filter(([, shape]) => queryObjects(shape, { format: 'count' }) > 0)
    .map(([name]) => name);
}

void t.test('there is an object of each shape of a client while the example stands', async (t) => {
  const { store } = await makeMemoryStore(t);
  // The example does not.
  const keepAlive = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(keepAlive));
  t.notOk((await livingShapes()).includes('Transport'), 'control: without clients there is none');
  const example = await StandingExample.stand({ store, logger: pino({ level: 'silent' }) });
  t.strictSame(await livingShapes(), Object.keys(shapes));
  await example.close();
  // Never, if something of it stays.
  while ((await livingShapes()).includes('Transport'));
});

void t.test('it keeps no process alive', async (t) => {
  const url = (path: string) => JSON.stringify(import.meta.resolve(`../../../${path}`));
  const run = await runProgram(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { pino } from 'pino';
    import { StandingExample } from ${url('server/threads/standing-example.ts')};
    import { MemoryMailStore } from ${url('store/memory/store.ts')};
    const store = new MemoryMailStore({ collectIntervalMs: 0 });
    setTimeout(() => {}, 2_000);
    await StandingExample.stand({ store, logger: pino({ level: 'silent' }) });
    console.log('stands');`,
  ]);
  t.equal(run.stdout.toString(), 'stands\n', run.stderr);
  t.equal(run.code, 0);
});

for (const workers of ['0', '2']) {
  void t.test(`no server counts or logs it, ${workers} workers`, async (t) => {
    const server = await startServerProcess({
      environment: {
        REPRISE_WORKERS: workers,
        REPRISE_LOG_LEVEL: 'debug',
        REPRISE_ADMIN_PORT: '0',
      },
    });
    t.teardown(() => server.stop());
    const response = await fetch(`http://127.0.0.1:${server.adminPort}/metrics`);
    const metrics = readMetrics(await response.text());
    t.equal(metrics['reprise_connections{port="imaps"}'], 0);
    t.equal(metrics['reprise_connections_total{port="imaps"}'], 0);
    t.equal(metrics['reprise_strangers'] ?? 0, 0);
    const texts = server.log.map(({ msg }) => msg);
    t.notOk(texts.includes('connected'));
    t.notOk(
      texts.some((text) => /standing example/.test(String(text))),
      'it could stand',
    );
  });
}
