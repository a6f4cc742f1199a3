import t from 'tap';
import { HonestServer } from './honest-server.ts';
import { readCases } from './model-case.ts';
import { ModelRound } from './model-round.ts';
import { Observer } from './observer.ts';
import type { Step } from './random-commands.ts';
import { parseRules, rules, type Problem, type Rule } from './rules.ts';
import { planRound, takeSteps, type RoundShape } from './run-model.ts';

// More than the usual 30 s, for a loaded machine.
t.setTimeout(180_000);

/** Runs steps on a server in memory that breaks one rule, or none; the first problem of the rules sought. */
async function runSteps(
  server: HonestServer,
  shape: RoundShape,
  steps: Iterable<Step>,
  sought?: Rule,
): Promise<Problem | undefined> {
  const round = new ModelRound(
    {
      connect: async (account) => server.connect(account),
      observers: [0, 1].map((account) => new Observer(async () => server.connect(account))),
      patienceMs: [0],
    },
    { ...shape, prefix: 'm-' },
    (rule) => sought !== undefined && rule !== sought,
  );
  await round.begin();
  for (const step of steps) {
    const [problem] = await round.run(step);
    if (problem !== undefined) return problem;
    if (round.isSpoilt) return undefined;
  }
  return undefined;
}

function runRound(seed: number, lie?: Rule): Promise<Problem | undefined> {
  const { shape, mix } = planRound(seed);
  return runSteps(new HonestServer(seed, lie), shape, takeSteps(seed, mix, 250), lie);
}

await t.test('rules go by their names or those of faults', (t) => {
  t.same(parseRules(''), new Set());
  t.same(parseRules('modseq-goes-back,bye'), new Set(['modseq-back', 'flags-wrong', 'bye']));
  t.throws(() => parseRules('bye,byes'), { message: 'Unknown rule "byes"' });
  t.end();
});

await t.test('an honest server passes', async (t) => {
  for (let seed = 1; seed <= 25; seed++) {
    const problem = await runRound(seed);
    if (problem !== undefined) t.fail(`seed ${seed}`, problem);
  }
});

await t.test('an honest server passes the cases that are kept', async (t) => {
  const cases = await readCases();
  t.ok(cases.length > 0);
  for (const { name, kept } of cases) {
    for (let seed = 1; seed <= 5; seed++) {
      const problem = await runSteps(new HonestServer(seed), kept.shape, kept.steps);
      if (problem !== undefined) t.fail(`${name}, seed ${seed}`, problem);
    }
  }
});

for (const rule of Object.keys(rules) as Rule[]) {
  await t.test(`a server that breaks ${rule} is found out`, async (t) => {
    let problem: Problem | undefined;
    // Many a round ends early, since what is broken breaks another rule first
    for (let seed = 1; seed <= 200 && problem === undefined; seed++) {
      problem = await runRound(seed, rule);
    }
    t.equal(problem?.rule, rule);
  });
}
