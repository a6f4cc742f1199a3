import { join } from 'node:path';
import t from 'tap';
import { QuietWatch } from '../../../server/threads/quiet-watch.ts';
import { runProgram } from '../../fixtures/run-program.ts';

/** How often it has told of rest, after each look. */
function calls(...worked: readonly number[]): readonly number[] {
  let told = 0;
  const watch = new QuietWatch(1_000, () => told++);
  return worked.map((ms) => {
    watch.observe(ms);
    return told;
  });
}

void t.test('QuietWatch tells once that there is much less to do than before', async (t) => {
  t.strictSame(calls(0, 2_000, 2_000, 0, 0, 0), [0, 0, 0, 1, 1, 1]);
  t.strictSame(calls(2_000, 0, 0, 2_000, 0, 0), [0, 1, 1, 1, 2, 2], 'each time');
  t.strictSame(calls(2_000, 200, 199, 190, 0), [0, 0, 1, 1, 1], 'a tenth of the most');
});

void t.test('QuietWatch does not tell of a little work, nor while the work goes on', async (t) => {
  t.strictSame(calls(999, 0, 0, 0), [0, 0, 0, 0]);
  t.strictSame(calls(500, 0, 499, 0, 0, 1, 0), [0, 0, 0, 0, 0, 1, 1], 'until it adds up');
  t.strictSame(calls(...Array.from({ length: 50 }, () => 100)).at(-1), 0, 'evenly');
  t.strictSame(calls(2_000, 1_000, 2_000, 500, 2_000).at(-1), 0, 'with ups and downs');
});

const url = (path: string) =>
  JSON.stringify(import.meta.resolve(join('../../../server/threads', path)));

/** What has grown old, then work, then rest; prints whether the old is collected then. */
const program = (call: string) => `
  import { collectGarbage } from ${url('heap.ts')};
  import { collectWhenQuiet } from ${url('quiet-watch.ts')};
  ${call}
  let isCollected = false;
  const registry = new FinalizationRegistry(() => (isCollected = true));
  const make = () => {
    const made = Array.from({ length: 100_000 }, (_, number) => ({ number }));
    registry.register(made);
    return made;
  };
  const held = [make()];
  await collectGarbage();
  const until = performance.now() + 2_500;
  while (performance.now() < until) Math.random();
  held.pop();
  for (let look = 0; look < 40 && !isCollected; look++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(isCollected);
`;

for (const [name, call, expected] of [
  ['a thread that has worked and rests gives its garbage back', 'collectWhenQuiet(200);', true],
  ['control: not by itself', '', false],
] as const) {
  void t.test(name, async (t) => {
    const run = await runProgram(process.execPath, [
      '--input-type=module',
      '--eval',
      program(call),
    ]);
    t.equal(run.stdout.toString(), `${expected}\n`, run.stderr);
  });
}

/** Works, then rests; prints how often all garbage was collected in the rest, at most three times. */
const counting = (call: string) => `
  import { PerformanceObserver, constants } from 'node:perf_hooks';
  import { collectGarbage } from ${url('heap.ts')};
  import { collectWhenQuiet } from ${url('quiet-watch.ts')};
  ${call}
  // The event loop counts its work only once it runs.
  await collectGarbage();
  let count = 0;
  const isMajor = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
  const observer = new PerformanceObserver((list) => (count += list.getEntries().filter(isMajor).length));
  observer.observe({ entryTypes: ['gc'] });
  const until = performance.now() + 2_500;
  while (performance.now() < until) Math.random();
  for (let look = 0; look < 60 && count < 3; look++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(count);
`;

for (const [name, call, expected] of [
  ['it collects twice, and once more a while later', 'collectWhenQuiet(200, 500);', 3],
  ['control: twice without the last one', 'collectWhenQuiet(200, 60_000);', 2],
] as const) {
  void t.test(name, async (t) => {
    const run = await runProgram(process.execPath, [
      '--input-type=module',
      '--eval',
      counting(call),
    ]);
    t.equal(run.stdout.toString(), `${expected}\n`, run.stderr);
  });
}
