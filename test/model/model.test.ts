import t from 'tap';
import { readCases, runCase } from './model-case.ts';
import { ModelServer, runModel, type RoundFailure } from './run-model.ts';

const seed = 1;
const cases = await readCases();

// More than the usual 30 s, for a loaded machine.
t.setTimeout(180_000);

/** What a person needs to see the failure again. */
function explain({ problem, trace }: RoundFailure): object {
  return { ...problem, trace: trace.slice(-60) };
}

const servers = [
  { workers: 0, store: 'sqlite', steps: 5_000 },
  { workers: 2, store: 'sqlite', steps: 5_000 },
  // The sessions are the same; what differs is the engine, which has a suite of its own.
  { workers: 0, store: 'memory', steps: 2_000 },
] as const;

for (const { workers, store, steps } of servers) {
  await t.test(`sessions on ${store} with ${workers} workers never lie`, async (t) => {
    const server = await ModelServer.start({ workers, store });
    t.teardown(() => server.stop());

    for (const { name, kept } of cases.filter(({ kept }) => kept.workers === workers)) {
      const failure = await runCase(server, kept);
      if (failure === undefined) t.pass(name);
      else t.fail(`${name}: ${kept.about}`, explain(failure));
    }

    const { failures, stepCount } = await runModel(server, { steps, seed, isIgnored: () => false });
    for (const failure of failures) {
      const options = `--seed ${failure.seed} --steps 400 --workers ${workers} --store ${store}`;
      t.fail(`npm run model -- ${options} --shrink`, explain(failure));
    }
    t.ok(stepCount >= steps || failures.length > 0, 'all steps were run');
    t.same(server.faults, [], 'the server logged no error');
  });
}
