import t from 'tap';
import type { MailServer } from '../../fixtures/mail-server.ts';
import { startTwoWorkers } from '../../fixtures/two-workers.ts';
import { metricsOf } from './agreement-scene.ts';

type Metrics = Readonly<Record<string, number>>;

/** The metrics as soon as the condition holds; rejects where it does not within five seconds. */
async function metricsWhen(
  server: MailServer,
  condition: (metrics: Metrics) => boolean,
): Promise<Metrics> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const metrics = await metricsOf({ server });
    if (condition(metrics)) return metrics;
    if (Date.now() > deadline) throw new Error(`Never came true: ${condition.toString()}`);
  }
}

await t.test('what a worker has counted outlives it, its clients do not', async (t) => {
  const server = await startTwoWorkers(t, { REPRISE_ADMIN_PORT: '0' });
  const [victim] = [await server.loginOn(1), await server.loginOn(2)];
  const check = async (connectionCount: number, replacedCount: number) => {
    const metrics = await metricsWhen(server, (metrics) => {
      // Clients that have left are counted until the server notices.
      return metrics['reprise_connections{port="imaps"}'] === connectionCount;
    });
    const loginCount = server.process.log.filter(({ msg }) => msg === 'logged in').length;
    t.match(metrics, {
      'reprise_connections_total{port="imaps"}': loginCount,
      'reprise_logins_total{result="accepted"}': loginCount,
      'reprise_commands_total{command="LOGIN",result="ok"}': loginCount,
      reprise_workers_replaced_total: replacedCount,
    });
    const handshakes = ['full', 'resumed'].map((outcome) => {
      const labels = `version="TLSv1.3",mode="stateful",outcome="${outcome}"`;
      return metrics[`reprise_tls_handshakes_total{${labels}}`];
    });
    t.same(handshakes, [loginCount, 0]);
    t.equal(metrics['reprise_tls_groups_total{group="X25519MLKEM768"}'], loginCount);
    const ends = Object.keys(metrics).filter((name) => name.startsWith('reprise_certificate_not'));
    t.equal(ends.length, 1, 'of its own certificate');
    t.ok(metrics[ends[0]!]! > Date.now() / 1000);
  };
  await check(2, 0);
  const gone = victim.readToEnd();
  await server.crash(1);
  await gone;
  await server.logged('worker replaced');
  await check(1, 1);
  await server.loginOn(1);
  await check(2, 1);
});
