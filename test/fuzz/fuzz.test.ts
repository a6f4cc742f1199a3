// A short part of `npm run fuzz`: the same mutations each time, some seconds for each target.
import t from 'tap';
import { fuzzOnce } from './fuzz-run.ts';
import { makeTargets, testedCounts } from './targets.ts';

const firstSeed = 1;

for (const target of makeTargets()) {
  await t.test(`${target.name}: no spoilt input is taken in a wrong way`, (t) => {
    const count = testedCounts[target.name] ?? 0;
    t.ok(count > 0);
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const finding = fuzzOnce(target, seed);
      if (finding === undefined) continue;
      t.fail(`--target ${target.name} --seed ${seed} --count 1: ${finding.reason}`);
      t.comment(JSON.stringify(finding.input.toString('latin1')));
      break;
    }
    t.end();
  });
}
