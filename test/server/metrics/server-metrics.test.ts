import t from 'tap';
import { ThreadMetricsRecorder } from '../../../server/metrics/thread-metrics-recorder.ts';
import { ServerMetrics } from '../../../server/metrics/server-metrics.ts';
import type { StoreFigures } from '../../../store/opened-store.ts';
import { type Credential, SegmentSessionCache } from '../../../tls/index.ts';
import { TlsAcceptError } from '../../../tls/events.ts';
import { makeSession, TestClock } from '../../fixtures/session-cache-contract.ts';
import { readMetrics } from '../../fixtures/metrics-text.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';

const storeFigures: StoreFigures = {
  accountCount: 1,
  mailboxCount: 2,
  messageCount: 3,
  messageBytes: 600,
  bodyCount: 2,
  bodyBytes: 400,
};

function makeMetrics(readFigures: () => Promise<StoreFigures> = async () => storeFigures) {
  const clock = new TestClock();
  const errors: unknown[] = [];
  const store = { readFigures, onError: (error: unknown) => errors.push(error), clock: clock.read };
  const metrics = new ServerMetrics({ store, clock: clock.read, lostLogLines: () => 4 });
  return { metrics, clock, errors, read: async () => readMetrics(await metrics.text()) };
}

await t.test('what threads count is added up', async (t) => {
  const { metrics, read } = makeMetrics();
  const threads = [1, 2].map(
    (number) => new ThreadMetricsRecorder(metrics.threads.valuesOf(number)),
  );
  for (const thread of threads) {
    thread.recordTlsEvent({
      kind: 'handshake',
      outcome: 'resumed',
      mode: 'stateful',
      protocol: 'TLSv1.3',
      group: 'X25519MLKEM768',
    });
    thread.recordConnectionOpened('imaps');
    thread.recordLogin('accepted');
    thread.recordCommand('FETCH', 'ok');
  }
  threads[0]!.recordConnectionClosed('imaps');
  const error = new TlsAcceptError('NOT_TLS', 'x');
  const failure = { kind: 'failure', address: '192.0.2.1', error } as const;
  threads[1]!.recordTlsEvent({ ...failure, code: 'NOT_TLS', mode: 'none', protocol: 'unknown' });
  threads[1]!.recordTlsEvent({
    ...failure,
    code: 'HANDSHAKE_FAILED',
    mode: 'ticket',
    protocol: 'TLSv1.2',
  });
  const values = await read();
  t.match(values, {
    'reprise_tls_handshakes_total{version="TLSv1.3",mode="stateful",outcome="resumed"}': 2,
    'reprise_tls_handshakes_total{version="TLSv1.2",mode="stateful",outcome="resumed"}': 0,
    'reprise_tls_handshakes_total{version="unknown",mode="none",outcome="failed"}': 1,
    'reprise_tls_handshakes_total{version="TLSv1.2",mode="ticket",outcome="failed"}': 1,
    'reprise_tls_groups_total{group="X25519MLKEM768"}': 2,
    'reprise_tls_groups_total{group="none"}': 0,
    'reprise_tls_failures_total{cause="NOT_TLS"}': 1,
    'reprise_connections{port="imaps"}': 1,
    'reprise_connections_total{port="imaps"}': 2,
    reprise_connections_refused_total: 0,
    'reprise_logins_total{result="accepted"}': 2,
    'reprise_commands_total{command="FETCH",result="ok"}': 2,
  });
});

await t.test('the help of logins says what is meant by what is no plain word', async (t) => {
  const help = /^# HELP reprise_logins_total .*$/m.exec(await makeMetrics().metrics.text())?.[0];
  for (const result of ['busy', 'referred']) t.match(help, `${result}: `);
});

await t.test('a protocol that nobody knew is counted all the same', async (t) => {
  const { metrics, read } = makeMetrics();
  new ThreadMetricsRecorder(metrics.threads.valuesOf(1)).recordTlsEvent({
    kind: 'handshake',
    outcome: 'full',
    mode: 'none',
    protocol: 'TLSv2',
    group: 'X448',
  });
  t.match(await read(), {
    'reprise_tls_handshakes_total{version="unknown",mode="none",outcome="full"}': 1,
  });
});

await t.test(
  'a thread in the place of another goes on counting, without its clients',
  async (t) => {
    const { metrics, read } = makeMetrics();
    const first = new ThreadMetricsRecorder(metrics.threads.valuesOf(1));
    first.recordConnectionOpened('imap');
    first.recordCommand('NOOP', 'ok');
    const second = new ThreadMetricsRecorder(metrics.threads.valuesOf(1));
    second.recordConnectionOpened('imaps');
    second.recordCommand('NOOP', 'ok');
    t.match(await read(), {
      'reprise_connections{port="imap"}': 0,
      'reprise_connections{port="imaps"}': 1,
      'reprise_connections_total{port="imap"}': 1,
      'reprise_connections_total{port="imaps"}': 1,
      'reprise_commands_total{command="NOOP",result="ok"}': 2,
      reprise_workers_replaced_total: 1,
    });
  },
);

await t.test('lookups: the cache tells which of the unknown had expired', async (t) => {
  const { metrics, clock, read } = makeMetrics();
  const thread = new ThreadMetricsRecorder(metrics.threads.valuesOf(1));
  const lifetimeMs = 60_000;
  const cache = new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs, clock: clock.read });
  metrics.watchSessionCache(cache);
  const { id, session } = makeSession();
  await cache.put(id, session, { expiresAt: Infinity });
  const lookUp = async () => {
    const result = (await cache.get(id)) === undefined ? 'unknown' : 'hit';
    return () => thread.recordTlsEvent({ kind: 'lookup', result });
  };
  const lookups = async () => {
    const values = Object.entries(await read());
    return Object.fromEntries(
      values.flatMap(([name, value]) => {
        const result = /^reprise_session_cache_lookups_total\{result="(\w+)"\}$/.exec(name)?.[1];
        return result === undefined ? [] : [[result, value]];
      }),
    );
  };
  const zeros = { hit: 0, unknown: 0, expired: 0, timeout: 0, error: 0 };
  t.same(await lookups(), zeros);
  (await lookUp())();
  clock.nowMs += lifetimeMs;
  const countExpired = await lookUp();
  t.same(await lookups(), { ...zeros, hit: 1 }, 'the cache has counted, the thread not yet');
  countExpired();
  t.same(await lookups(), { ...zeros, hit: 1, expired: 1 });
  (await lookUp())();
  t.same(await lookups(), { ...zeros, hit: 1, expired: 1, unknown: 1 });
  for (const result of ['timeout', 'error'] as const) {
    thread.recordTlsEvent({ kind: 'lookup', result });
  }
  t.same(await lookups(), { hit: 1, expired: 1, unknown: 1, timeout: 1, error: 1 });
  await cache.close();
});

await t.test('the session cache: what it holds, how old that is, why the rest went', async (t) => {
  const { metrics, clock, read } = makeMetrics();
  const before = await read();
  t.notOk('reprise_session_cache_entries' in before, 'nothing without a cache');
  const lifetimeMs = 60_000;
  const cache = new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs, clock: clock.read });
  metrics.watchSessionCache(cache);
  t.match(await read(), {
    reprise_session_cache_entries: 0,
    reprise_session_cache_bytes_held: 0,
    reprise_session_cache_oldest_seconds: 0,
  });
  for (const { id, session } of [makeSession(), makeSession()]) {
    await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
  }
  clock.nowMs += 7_500;
  const { usedBytes, heldBytes } = cache.stats();
  t.match(await read(), {
    reprise_session_cache_entries: 2,
    reprise_session_cache_bytes_used: usedBytes,
    reprise_session_cache_bytes_held: heldBytes,
    reprise_session_cache_oldest_seconds: 7.5,
  });
  await cache.purge({ account: 'alice' });
  metrics.recordReclaim(0.2);
  metrics.recordReclaim(2);
  t.match(await read(), {
    'reprise_session_cache_removed_total{reason="purged"}': 2,
    'reprise_session_cache_removed_total{reason="expired"}': 0,
    'reprise_session_cache_refused_total{reason="too_large"}': 0,
    'reprise_session_cache_reclaim_seconds_bucket{le="0.001"}': 1,
    'reprise_session_cache_reclaim_seconds_bucket{le="0.0025"}': 2,
    reprise_session_cache_reclaim_seconds_count: 2,
    reprise_session_cache_reclaim_seconds_sum: 0.0022,
  });
  await cache.close();
});

await t.test('the store is read once a minute', async (t) => {
  let readCount = 0;
  const { clock, read } = makeMetrics(async () => {
    readCount += 1;
    return { ...storeFigures, messageCount: readCount };
  });
  t.match(await read(), { reprise_store_messages: 1, reprise_store_single_instance_ratio: 1.5 });
  clock.nowMs += 59_999;
  t.match(await read(), { reprise_store_messages: 1 });
  clock.nowMs += 1;
  const both = await Promise.all([read(), read()]);
  for (const values of both) t.match(values, { reprise_store_messages: 2 });
  t.equal(readCount, 2, 'two scrapes at once share a reading');
});

await t.test('a store that cannot be read hides nothing but its own figures', async (t) => {
  const { errors, read } = makeMetrics(() => Promise.reject(new Error('disk')));
  const values = await read();
  t.notOk('reprise_store_messages' in values);
  t.equal(values['reprise_workers_replaced_total'], 0);
  t.match(errors, [{ message: 'disk' }]);
});

await t.test('the process', async (t) => {
  const { read } = makeMetrics();
  const values = await read();
  t.equal(values['reprise_log_lines_lost_total'], 4);
  t.ok(values['process_resident_memory_bytes']! > 1e7);
  t.ok(values['process_cpu_seconds_total']! > 0);
  t.ok(Math.abs(values['process_start_time_seconds']! - Date.now() / 1000) < 3600);
  t.ok(values['process_open_fds']! > 2);
  t.ok(values['process_max_fds']! > values['process_open_fds']!);
  t.ok(Object.keys(values).some((name) => name.startsWith('reprise_build_info{version="')));
});

await t.test('when certificates end, as they are now', async (t) => {
  const { metrics, read } = makeMetrics();
  const name = 'reprise_certificate_not_after_timestamp_seconds';
  const certificateUntil = async (notAfter: string) => {
    const authority = await TestAuthority.create('Test CA');
    const issued = await authority.issue({ notAfter: new Date(notAfter) });
    return { cert: issued.cert, key: issued.key };
  };
  const first = { name: 'a', ...(await certificateUntil('2031-01-01T00:00:00Z')) };
  const second = { name: 'b.pem', ...(await certificateUntil('2032-01-01T00:00:00Z')) };
  let credentials: readonly Credential[] = [first, second];
  metrics.watchCredentials(() => credentials);
  t.match(await read(), {
    [`${name}{name="a"}`]: Date.UTC(2031, 0, 1) / 1000,
    [`${name}{name="b.pem"}`]: Date.UTC(2032, 0, 1) / 1000,
  });
  // A renewed one has the name of the old one.
  credentials = [{ ...first, ...(await certificateUntil('2033-01-01T00:00:00Z')) }];
  const values = await read();
  t.equal(values[`${name}{name="a"}`], Date.UTC(2033, 0, 1) / 1000);
  t.notOk(`${name}{name="b.pem"}` in values);
  // RSA and ECDSA for one name: the metric has one line, of the first that ends.
  credentials = [...credentials, { ...second, name: 'a' }];
  t.equal((await read())[`${name}{name="a"}`], Date.UTC(2032, 0, 1) / 1000);
});

await t.test('how many came back, by mode and version', async (t) => {
  const { metrics } = makeMetrics();
  t.same(metrics.handshakes(), []);
  const recorders = [1, 2].map(
    (number) => new ThreadMetricsRecorder(metrics.threads.valuesOf(number)),
  );
  const shakeHands = (mode: 'stateful' | 'ticket', outcome: 'full' | 'resumed', count: number) => {
    for (let time = 0; time < count; time++) {
      recorders[time % 2]!.recordTlsEvent({
        kind: 'handshake',
        mode,
        outcome,
        protocol: 'TLSv1.3',
        group: mode === 'ticket' ? 'X25519' : 'X25519MLKEM768',
      });
    }
  };
  shakeHands('ticket', 'full', 1);
  shakeHands('ticket', 'resumed', 1);
  shakeHands('stateful', 'full', 2);
  shakeHands('stateful', 'resumed', 6);
  t.same(metrics.handshakes(), [
    { mode: 'stateful', version: 'TLSv1.3', full: 2, resumed: 6, hitRate: 0.75 },
    { mode: 'ticket', version: 'TLSv1.3', full: 1, resumed: 1, hitRate: 0.5 },
  ]);
  t.same(metrics.groups(), { X25519MLKEM768: 8, X25519: 2 });
});
