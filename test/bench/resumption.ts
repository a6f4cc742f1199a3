// Lets clients come back 1,000 times in every way, and counts how often they are resumed: real servers with two
// workers, both ports, openssl, GnuTLS and Node.
// Run: node test/bench/resumption.ts [reconnections, default 1000] [part of a name]
import { clientScenarios, eventScenarios, withServer } from '../fixtures/resumption-scenarios.ts';

const count = Number(process.argv[2] ?? 1_000);
const part = process.argv[3] ?? '';
const scenarios = [
  ...clientScenarios.map(({ environment, run, ...rest }) => ({
    ...rest,
    run: (count: number) => withServer(environment, (server) => run(server, count)),
  })),
  ...eventScenarios,
];
console.log(`resumed of ${count} reconnections (at the least)`);
for (const { name, least, run, skip } of scenarios) {
  if (!name.includes(part)) continue;
  const label = name.padEnd(42);
  if (typeof skip === 'string') {
    console.log(`${label} skipped: ${skip}`);
    continue;
  }
  const startedAt = performance.now();
  const resumedCount = await run(count);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const isEnough = resumedCount >= least(count);
  if (!isEnough) process.exitCode = 1;
  const verdict = isEnough ? 'ok' : 'TOO FEW';
  console.log(`${label} ${resumedCount} (${least(count)}) ${verdict}, ${seconds} s`);
}
