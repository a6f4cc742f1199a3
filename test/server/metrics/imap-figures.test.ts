// What the IMAP service tells its recorder.
import t from 'tap';
import { familyFigures, type FigureFamilyName } from '../../../server/metrics/figure-families.ts';
import { FigureRecorder, makeFigures } from '../../../server/metrics/figure-recorder.ts';
import { startImapService } from '../../fixtures/imap-service.ts';
import { until } from '../../fixtures/until.ts';

/** The numbers of a family that are not 0, by the values of their labels. */
function read(figures: Float64Array, name: FigureFamilyName): Record<string, number> {
  return Object.fromEntries(
    [...familyFigures(name, figures)]
      .filter(([, value]) => value !== 0)
      .map(([labels, value]) => [Object.values(labels).join(' '), value]),
  );
}

await t.test('connections, by the port they came to', async (t) => {
  const figures = makeFigures();
  const { connect } = await startImapService(t, { metrics: new FigureRecorder(figures) });
  const clients = [await connect('plain'), await connect('starttls'), await connect('tls')];
  t.same(read(figures, 'connections'), { imap: 2, imaps: 1 });
  for (const client of clients) await client.logout();
  await until(() => Object.keys(read(figures, 'connections')).length === 0);
  t.same(read(figures, 'connectionsOpened'), { imap: 2, imaps: 1 });
  t.same(read(figures, 'connectionsRefused'), {});
});

await t.test('connections that are one too many', async (t) => {
  const figures = makeFigures();
  const metrics = new FigureRecorder(figures);
  const { connect, login } = await startImapService(t, { metrics, limits: { maxConnections: 1 } });
  await login();
  const refused = await connect('plain').catch(() => undefined);
  await refused?.readToEnd();
  t.same(read(figures, 'connectionsRefused'), { '': 1 });
  t.same(read(figures, 'connectionsOpened'), { imaps: 1 });
});

await t.test('logins and commands, by what they were answered with', async (t) => {
  const figures = makeFigures();
  const { connect } = await startImapService(t, { metrics: new FigureRecorder(figures) });
  const client = await connect();
  await client.command('LOGIN alice wrong');
  await client.command('SELECT INBOX');
  await client.command('LOGIN alice secret');
  await client.command('SELECT missing');
  await client.command('SELECT INBOX');
  await client.command('FROBNICATE');
  await client.command('NOOP');
  await client.command('LOGOUT');
  t.same(read(figures, 'logins'), { accepted: 1, refused: 1 });
  t.same(read(figures, 'commands'), {
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
  const figures = makeFigures();
  const { login } = await startImapService(t, { metrics: new FigureRecorder(figures) });
  const client = await login();
  client.socket.write('i IDLE\r\n');
  await client.drop();
  await until(() => read(figures, 'connections')['imaps'] === undefined);
  t.match(read(figures, 'commands'), { 'LOGIN ok': 1, 'IDLE ended': 1 });
});
