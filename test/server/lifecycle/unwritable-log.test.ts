// A log that cannot be written ends no server.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { resolve } from 'node:path';
import t, { type Test } from 'tap';
import { childEnvironment } from '../../fixtures/child-environment.ts';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { readMetrics } from '../../fixtures/metrics-text.ts';
import { until } from '../../fixtures/until.ts';

const startDeadlineMs = 60_000;

/** Ports that are free now; the log, which would tell what the system chose, cannot be read. */
async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, 'listening');
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}

/** Starts a server whose standard error is this, and waits until it serves. */
async function startServer(t: Test, workerCount: string, standardError: number | 'pipe') {
  const [imapPort = 0, imapsPort = 0, adminPort = 0] = await findFreePorts(3);
  const child: ChildProcess = spawn(
    process.execPath,
    [resolve(import.meta.dirname, '../../../server/launch.js'), 'serve'],
    {
      stdio: ['ignore', 'ignore', standardError],
      env: {
        ...childEnvironment,
        REPRISE_DATA: t.testdir(),
        REPRISE_HOST: '127.0.0.1',
        REPRISE_IMAP_PORT: String(imapPort),
        REPRISE_IMAPS_PORT: String(imapsPort),
        REPRISE_ADMIN_PORT: String(adminPort),
        REPRISE_WORKERS: workerCount,
        REPRISE_LOG_LEVEL: 'debug',
      },
    },
  );
  // Its reader goes at once.
  child.stderr?.destroy();
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let metrics: Record<string, number> = {};
  const scrape = async () => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`).catch(() => undefined);
    metrics = readMetrics((await answer?.text()) ?? '');
    return metrics['reprise_log_lines_lost_total'] ?? -1;
  };
  let lost = -1;
  const deadline = performance.now() + startDeadlineMs;
  while (lost < 0 && child.exitCode === null && performance.now() < deadline) lost = await scrape();
  return { child, exited, imapPort, scrape, lost };
}

for (const workerCount of ['0', '2']) {
  for (const kind of ['a full disk', 'a pipe that nobody reads'] as const) {
    await t.test(`${kind}, ${workerCount} workers`, async (t) => {
      const full = openSync('/dev/full', 'w');
      t.teardown(() => closeSync(full));
      const { child, exited, imapPort, scrape, lost } = await startServer(
        t,
        workerCount,
        kind === 'a full disk' ? full : 'pipe',
      );
      t.ok(lost > 0, `${lost} lines were lost at the start`);
      for (let visit = 0; visit < 20; visit++) {
        const client = await ImapClient.connect({ port: imapPort, security: 'plain' });
        await client.ok('NOOP');
        await client.logout();
      }
      let lostLater = lost;
      await until(() => {
        void scrape().then((count) => (lostLater = count));
        return lostLater >= lost + 20;
      });
      t.equal(child.exitCode, null, 'it serves');
      child.kill('SIGTERM');
      t.strictSame(await exited, [0, null]);
    });
  }
}
