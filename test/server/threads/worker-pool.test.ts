import pino from 'pino';
import t, { type Test } from 'tap';
import { makeConnectionSlots } from '../../../server/net/connection-counts.ts';
import { type PoolWorker, WorkerPool } from '../../../server/threads/worker-pool.ts';
import type { MailServerSettings } from '../../../server/threads/mail-server.ts';
import type { MessageToWorker } from '../../../server/threads/messages.ts';
import { makeAdmissionCells } from '../../../tls/admission/admission.ts';
import { tlsLimits } from '../../../tls/limits.ts';
import { TestClock } from '../../fixtures/session-cache-contract.ts';
import { until } from '../../fixtures/until.ts';

const settings: MailServerSettings = {
  listeners: [{ host: '127.0.0.1', port: 0, kind: 'starttls' }],
  proxyRanges: [],
  limits: {},
  connectionSlots: makeConnectionSlots(2),
  admissionCells: makeAdmissionCells(2),
  shareCount: 2,
  credentials: [],
  tlsPolicy: 'intermediate',
  purgedCertificates: [],
  capabilitiesOff: [],
  resumptionKind: 'off',
  sessionLifetimeMs: 1_000,
  verificationKey: new Uint8Array(32),
  saltSecret: new Uint8Array(32),
};

/** A worker that does nothing until the test ends it. */
class FakeWorker implements PoolWorker {
  readonly number: number;
  readonly settings: MailServerSettings;
  readonly messages: MessageToWorker[] = [];
  /** Why it cannot listen, where it is not to. */
  obstacle: Error | undefined;
  readonly #ended = Promise.withResolvers<Error | undefined>();

  constructor(number: number, settings: MailServerSettings) {
    this.number = number;
    this.settings = settings;
  }

  get ended(): Promise<Error | undefined> {
    return this.#ended.promise;
  }

  async prepare(): Promise<void> {}

  async listen(): Promise<void> {
    if (this.obstacle === undefined) return;
    this.crash(this.obstacle);
    throw this.obstacle;
  }

  readonly disconnects: unknown[][] = [];
  /** What it answers; undefined: nothing. */
  disconnectCount: number | undefined = 1;

  disconnect(...args: unknown[]): Promise<number> {
    this.disconnects.push(args);
    const { disconnectCount } = this;
    return disconnectCount === undefined ? new Promise(() => {}) : Promise.resolve(disconnectCount);
  }

  send(message: MessageToWorker): void {
    this.messages.push(message);
  }

  async close(deadlineMs: number): Promise<void> {
    this.send({ kind: 'close', deadlineMs });
    this.#ended.resolve(undefined);
  }

  crash(reason = new Error('boom')): void {
    this.#ended.resolve(reason);
  }
}

function makePool(t: Test, prepare: (worker: FakeWorker, count: number) => void = () => {}) {
  const workers: FakeWorker[] = [];
  const failures: Error[] = [];
  const log: Record<string, unknown>[] = [];
  const clock = new TestClock();
  const pool = new WorkerPool({
    workerCount: 2,
    settings,
    logger: pino(
      {},
      { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    clock: clock.read,
    answerDeadlineMs: 20,
    onFailure: (error) => void failures.push(error),
    startWorker: (number, settings) => {
      const worker = new FakeWorker(number, settings);
      workers.push(worker);
      prepare(worker, workers.length);
      return worker;
    },
  });
  t.teardown(() => pool.close(0));
  return { pool, workers, failures, log, clock };
}

await t.test('all workers listen on the same ports and are told the same', async (t) => {
  const { pool, workers } = makePool(t);
  const listeners = await pool.listen();
  t.strictSame(
    workers.map(({ number, settings }) => [number, settings.listeners]),
    [
      [1, listeners],
      [2, listeners],
    ],
  );
  pool.replaceCredentials([]);
  t.strictSame(await pool.disconnect({ accountId: 7 }, 'Gone'), { count: 2, silentCount: 0 });
  await pool.close(100);
  for (const { messages, disconnects } of workers) {
    t.strictSame(disconnects, [[{ accountId: 7 }, 'Gone']]);
    t.strictSame(messages, [
      { kind: 'replaceCredentials', credentials: [] },
      { kind: 'close', deadlineMs: 100 },
    ]);
  }
});

await t.test('one that does not answer holds nobody up, and is told of', async (t) => {
  const { pool, workers } = makePool(t);
  await pool.listen();
  workers[1]!.disconnectCount = undefined;
  t.strictSame(await pool.disconnect({ certificate: 'ab' }, 'Gone'), { count: 1, silentCount: 1 });
});

await t.test('one that ends is replaced, with what has changed since', async (t) => {
  const { pool, workers, log } = makePool(t);
  await pool.listen();
  const credentials = [{ name: 'new', cert: 'cert', key: 'key' }];
  pool.replaceCredentials(credentials);
  workers[0]?.crash();
  await until(() => workers.length === 3);
  t.match(workers[2], {
    number: 1,
    settings: { credentials, listeners: workers[0]?.settings.listeners },
  });
  await until(() => log.length === 2);
  t.match(log, [
    { msg: 'worker crashed', worker: 1, crashCount: 1, err: { message: 'boom' } },
    { msg: 'worker replaced', worker: 1 },
  ]);
  pool.replaceCredentials(credentials);
  t.strictSame(
    workers.map(({ messages }) => messages.length),
    [1, 2, 1],
    'the one that has ended is told nothing more',
  );
});

await t.test('one that comes later knows the purged certificates of a day', async (t) => {
  const { pool, workers, clock } = makePool(t);
  await pool.listen();
  pool.forgetCertificate('first', clock.nowMs);
  pool.forgetCertificate('second', clock.nowMs);
  clock.nowMs += 60_000;
  const purgedAt = clock.nowMs;
  pool.forgetCertificate('first', purgedAt);
  clock.nowMs += tlsLimits.resumptionChainMs - 1;
  pool.forgetCertificate('third', clock.nowMs);
  workers[0]?.crash();
  await until(() => workers.length === 3);
  t.strictSame(workers[2]?.settings.purgedCertificates, [
    { fingerprint256: 'first', purgedAt },
    { fingerprint256: 'third', purgedAt: clock.nowMs },
  ]);
});

await t.test('one that cannot start any more is tried again, then given up', async (t) => {
  const { pool, workers, failures } = makePool(t, (worker, count) => {
    if (count > 2) worker.obstacle = new Error('no room');
  });
  await pool.listen();
  workers[1]?.crash();
  await until(() => failures.length > 0);
  t.match(failures, [{ message: 'Worker 2 has crashed 5 times in a row' }]);
  t.equal(workers.length, 2 + 4, 'one at a time');
});

await t.test('the start fails where a worker cannot listen', async (t) => {
  const { pool, workers } = makePool(t, (worker) => {
    worker.obstacle = new Error('no room');
  });
  await t.rejects(pool.listen(), { message: 'no room' });
  t.equal(workers.length, 2);
});

await t.test('nothing is replaced once the pool closes', async (t) => {
  const { pool, workers, failures } = makePool(t);
  await pool.listen();
  workers[0]?.crash();
  await until(() => workers.length === 3);
  workers[2]?.crash();
  // It waits before the second replacement.
  await pool.close(0);
  t.equal(workers.length, 3);
  t.strictSame(failures, []);
});
