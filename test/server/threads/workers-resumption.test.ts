// Clients come back to whichever worker the system gives them, and resume there.
import t from 'tap';
import { startTwoWorkers, type TwoWorkers } from '../../fixtures/two-workers.ts';

const reconnectionCount = 20;

type Protocol = 'TLSv1.2' | 'TLSv1.3';
type Security = 'tls' | 'starttls';

/** Comes back again and again with the newest session; how often it was resumed, and by whom served. */
async function comeBack(server: TwoWorkers, protocol: Protocol, security: Security) {
  const versions = { minVersion: protocol, maxVersion: protocol } as const;
  const first = await server.visit(security, versions);
  let session = first.client.sessions.at(-1);
  await first.client.logout();
  let resumedCount = 0;
  const visitCounts = { 1: 0, 2: 0 };
  for (let round = 0; round < reconnectionCount; round++) {
    const tls = session === undefined ? versions : { ...versions, session };
    const { client, worker } = await server.visit(security, tls);
    if (client.isResumed) resumedCount++;
    visitCounts[worker as 1 | 2] += 1;
    session = client.sessions.at(-1) ?? session;
    await client.logout();
  }
  return { resumedCount, isSpread: visitCounts[1] > 0 && visitCounts[2] > 0 };
}

for (const [cache, expectedCount] of [
  ['memory', reconnectionCount],
  ['tickets', reconnectionCount],
  ['off', 0],
] as const) {
  await t.test(`${cache}: ${expectedCount} of ${reconnectionCount}`, async (t) => {
    const server = await startTwoWorkers(t, { REPRISE_SESSION_CACHE: cache });
    for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const security of ['tls', 'starttls'] as const) {
        t.strictSame(
          await comeBack(server, protocol, security),
          { resumedCount: expectedCount, isSpread: true },
          `${protocol}, ${security}`,
        );
      }
    }
    t.strictSame(server.process.faults, []);
  });
}
