// A short part of `npm run fuzz`: the same mutations each time, some seconds for each target.
import t from 'tap';
import { knownCommands } from '../../protocol/read-command.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { fuzzOnce } from './fuzz-run.ts';
import { GrammarsTarget } from './grammars-target.ts';
import { makeTargets, testedCounts } from './targets.ts';
import { readTraffic } from './traffic.ts';

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

await t.test('every command of the table is among what is spoilt', (t) => {
  const target = new GrammarsTarget(readTraffic());
  const left = new Set(knownCommands.keys());
  for (let seed = firstSeed; seed < firstSeed + 20_000 && left.size > 0; seed++) {
    const text = target.makeInput(new SeededRandom(seed)).toString('latin1');
    left.delete(text.replace(/^UID /i, '').split(' ', 1)[0]!.toUpperCase());
  }
  t.same([...left], []);
  t.end();
});
