// What the IMAP service tells its recorder.
import t from 'tap';
import { readingsOfMetric, type ThreadMetricName } from '../../../server/metrics/thread-metrics.ts';
import {
  ThreadMetricsRecorder,
  makeMetricValues,
} from '../../../server/metrics/thread-metrics-recorder.ts';
import { startImapService } from '../../fixtures/imap-service.ts';
import { until } from '../../fixtures/until.ts';

/** The numbers of a family that are not 0, by the values of their labels. */
function read(values: Float64Array, name: ThreadMetricName): Record<string, number> {
  return Object.fromEntries(
    [...readingsOfMetric(name, values)]
      .filter(([, value]) => value !== 0)
      .map(([labels, value]) => [Object.values(labels).join(' '), value]),
  );
}

await t.test('connections, by the port they came to', async (t) => {
  const values = makeMetricValues();
  const { connect } = await startImapService(t, { metrics: new ThreadMetricsRecorder(values) });
  const clients = [await connect('plain'), await connect('starttls'), await connect('tls')];
  t.same(read(values, 'connections'), { imap: 2, imaps: 1 });
  for (const client of clients) await client.logout();
  await until(() => Object.keys(read(values, 'connections')).length === 0);
  t.same(read(values, 'connectionsOpened'), { imap: 2, imaps: 1 });
  t.same(read(values, 'connectionsRefused'), {});
});

await t.test('connections that are one too many', async (t) => {
  const values = makeMetricValues();
  const metrics = new ThreadMetricsRecorder(values);
  const { connect, login } = await startImapService(t, { metrics, limits: { maxConnections: 1 } });
  await login();
  const refused = await connect('plain').catch(() => undefined);
  await refused?.readToEnd();
  t.same(read(values, 'connectionsRefused'), { '': 1 });
  t.same(read(values, 'connectionsOpened'), { imaps: 1 });
});

await t.test('logins and commands, by what they were answered with', async (t) => {
  const values = makeMetricValues();
  const { connect } = await startImapService(t, { metrics: new ThreadMetricsRecorder(values) });
  const client = await connect();
  await client.command('LOGIN alice wrong');
  await client.command('SELECT INBOX');
  await client.command('LOGIN alice secret');
  await client.command('SELECT missing');
  await client.command('SELECT INBOX');
  await client.command('FROBNICATE');
  await client.command('NOOP');
  await client.command('LOGOUT');
  t.same(read(values, 'logins'), { accepted: 1, refused: 1 });
  t.same(read(values, 'commands'), {
    'LOGIN ok': 1,
    'LOGIN no': 1,
    'SELECT ok': 1,
    'SELECT no': 1,
    'SELECT bad': 1,
    'NOOP ok': 1,
    'LOGOUT ok': 1,
    'unknown bad': 1,
  });
});

await t.test('a command that the end of the connection cut short', async (t) => {
  const values = makeMetricValues();
  const { login } = await startImapService(t, { metrics: new ThreadMetricsRecorder(values) });
  const client = await login();
  client.socket.write('i IDLE\r\n');
  await client.drop();
  await until(() => read(values, 'connections')['imaps'] === undefined);
  t.match(read(values, 'commands'), { 'LOGIN ok': 1, 'IDLE ended': 1 });
});
