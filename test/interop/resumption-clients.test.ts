// Clients that come back to a real server with two workers, in every way and mode.
import t from 'tap';
import { type ClientScenario, clientScenarios } from '../fixtures/resumption-scenarios.ts';
import { type ServerProcess, startServerProcess } from '../fixtures/server-process.ts';

const reconnectionCount = 20;
const servers = new Map<string, ServerProcess>();
t.teardown(() => Promise.all([...servers.values()].map((server) => server.stop())));
t.setTimeout(120_000);

/** One server for each configuration. */
async function serverFor({ environment }: ClientScenario): Promise<ServerProcess> {
  const key = JSON.stringify(environment);
  const server = servers.get(key) ?? (await startServerProcess({ environment }));
  servers.set(key, server);
  return server;
}

/** Each visit of a program takes a process: GnuTLS on one port is enough, and openssl is elsewhere. */
const leftOut = /, openssl,|GnuTLS, 143|no_middlebox, 993/;

for (const scenario of clientScenarios) {
  if (leftOut.test(scenario.name)) continue;
  const { name, least, run, skip = false } = scenario;
  await t.test(name, { skip, timeout: 60_000 }, async (t) => {
    const resumedCount = await run(await serverFor(scenario), reconnectionCount);
    t.ok(
      resumedCount >= least(reconnectionCount),
      `${resumedCount} of ${reconnectionCount}, ${least(reconnectionCount)} at the least`,
    );
  });
}
