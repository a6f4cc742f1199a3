import t from 'tap';
import { HonestServer } from './honest-server.ts';
import { ModelRound } from './model-round.ts';
import { Observer } from './observer.ts';
import { rules, type Problem, type Rule } from './rules.ts';
import { roundShape, takeSteps } from './run-model.ts';

/** Runs a round on a server in memory that breaks one rule, or none; the first problem of the rules sought. */
async function runRound(seed: number, lie?: Rule): Promise<Problem | undefined> {
  const shape = roundShape(seed, undefined);
  const server = new HonestServer(seed, lie);
  const round = new ModelRound(
    {
      connect: async (account) => server.connect(account),
      observers: [0, 1].map((account) => new Observer(async () => server.connect(account))),
      patienceMs: [0],
    },
    { ...shape, prefix: 'm-' },
    (rule) => lie !== undefined && rule !== lie,
  );
  await round.begin();
  for (const step of takeSteps(seed, shape, undefined, 300)) {
    const [problem] = await round.run(step);
    if (problem !== undefined) return problem;
    if (round.isSpoilt) return undefined;
  }
  return undefined;
}

await t.test('an honest server passes', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const problem = await runRound(seed);
    if (problem !== undefined) t.fail(`seed ${seed}`, problem);
  }
});

for (const rule of Object.keys(rules) as Rule[]) {
  await t.test(`a server that breaks ${rule} is found out`, async (t) => {
    let problem: Problem | undefined;
    for (let seed = 1; seed <= 40 && problem === undefined; seed++) {
      problem = await runRound(seed, rule);
    }
    t.equal(problem?.rule, rule);
  });
}
