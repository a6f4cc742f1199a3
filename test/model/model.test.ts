import t from 'tap';
import { readCases, runCase } from './model-case.ts';
import { ModelServer, runModel, type RoundFailure } from './run-model.ts';

const stepsEach = 5_000;
const seed = 1;
const cases = await readCases();

// More than the usual 30 s, for a loaded machine.
t.setTimeout(180_000);

/** What a person needs to see the failure again. */
function explain({ problem, trace }: RoundFailure): object {
  return { ...problem, trace: trace.slice(-60) };
}

for (const workers of [0, 2]) {
  await t.test(`sessions of a server with ${workers} workers never lie`, async (t) => {
    const server = await ModelServer.start(workers);
    t.teardown(() => server.stop());

    for (const { name, kept } of cases.filter(({ kept }) => kept.workers === workers)) {
      const failure = await runCase(server, kept);
      if (failure === undefined) t.pass(name);
      else t.fail(`${name}: ${kept.about}`, explain(failure));
    }

    const { failures, stepCount } = await runModel(server, {
      steps: stepsEach,
      seed,
      isIgnored: () => false,
    });
    for (const failure of failures) {
      const again = `npm run model -- --seed ${failure.seed} --steps 400 --workers ${workers} --shrink`;
      t.fail(again, explain(failure));
    }
    t.ok(stepCount >= stepsEach || failures.length > 0, 'all steps were run');
    t.same(server.faults, [], 'the server logged no error');
  });
}
