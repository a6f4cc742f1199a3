// Numbers agree without a session cache, and for what clients do: what the counters of a server say is what its clients saw, handshake by handshake.
import t from 'tap';
import {
  checkHandshakes,
  failInAllWays,
  kindCount,
  lookups,
  metricsOf,
  noLookups,
  returnCount,
  startScene,
  visitInAllWays,
} from './agreement-scene.ts';

await t.test('tickets, 2 workers', async (t) => {
  const scene = await startScene(t, { REPRISE_WORKERS: '2', REPRISE_SESSION_CACHE: 'tickets' });
  t.equal(await visitInAllWays(scene), kindCount * returnCount, 'each return was resumed');
  await failInAllWays(scene);
  const metrics = await metricsOf(scene);
  checkHandshakes(t, scene, metrics, 'ticket');
  t.same(lookups(metrics), noLookups);
  t.equal(metrics['reprise_session_cache_entries'], 0);
});

await t.test('off, 2 workers', async (t) => {
  const scene = await startScene(t, { REPRISE_WORKERS: '2', REPRISE_SESSION_CACHE: 'off' });
  t.equal(await visitInAllWays(scene), 0);
  await failInAllWays(scene);
  const metrics = await metricsOf(scene);
  checkHandshakes(t, scene, metrics, 'none');
  t.same(lookups(metrics), noLookups);
});

await t.test('logins, commands and connections of two workers are added up', async (t) => {
  const scene = await startScene(t, { REPRISE_WORKERS: '2' });
  const clients = await Promise.all(Array.from({ length: 6 }, () => scene.server.login('tls')));
  await clients[0]!.command('LOGIN again twice');
  for (const client of clients) await client.ok('SELECT INBOX');
  const refused = await scene.server.connect();
  await refused.command('LOGIN alice wrong');
  const metrics = await metricsOf(scene);
  t.match(metrics, {
    'reprise_connections{port="imaps"}': 7,
    'reprise_connections_total{port="imaps"}': 7,
    'reprise_logins_total{result="accepted"}': 6,
    'reprise_logins_total{result="refused"}': 1,
    'reprise_commands_total{command="LOGIN",result="ok"}': 6,
    'reprise_commands_total{command="LOGIN",result="no"}': 1,
    'reprise_commands_total{command="LOGIN",result="bad"}': 1,
    'reprise_commands_total{command="SELECT",result="ok"}': 6,
    reprise_store_accounts: 1,
    reprise_store_messages: 0,
  });
  const health = await fetch(`http://127.0.0.1:${scene.server.process.adminPort}/healthz`);
  t.equal(health.status, 200);
});
