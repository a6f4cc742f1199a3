import t from 'tap';
import type { Operation, Step } from './random-commands.ts';
import { describeSteps, shrinkSteps } from './shrink.ts';

const noop = (session: number): Operation => ({ session, name: 'noop' });
const store: Operation = {
  session: 1,
  name: 'store',
  set: { picks: [0] },
  isUid: true,
  mode: 'add',
  isSilent: false,
  flags: ['\\Seen'],
};

/** Fails if a STORE is followed by a comparison. */
async function fails(steps: readonly Step[]): Promise<boolean> {
  const at = steps.findIndex((step) => JSON.stringify(step).includes('"store"'));
  return at >= 0 && steps.slice(at).includes('settle');
}

await t.test('leaves what makes the steps fail', async (t) => {
  const filler = Array.from({ length: 50 }, (_, index): Step => ({ bursts: [[noop(index % 3)]] }));
  const race: Step = { bursts: [[noop(0), store], [noop(2)]] };
  const few = await shrinkSteps([...filler, race, ...filler, 'settle'], fails, () => false);
  t.equal(describeSteps(few), describeSteps([{ bursts: [[store]] }, 'settle']));
});

await t.test('stops when the time is over, with steps that fail', async (t) => {
  let tries = 0;
  const steps: readonly Step[] = [
    ...Array.from({ length: 40 }, (): Step => ({ bursts: [[store]] })),
    'settle',
  ];
  const few = await shrinkSteps(
    steps,
    (some) => {
      tries += 1;
      return fails(some);
    },
    () => tries >= 3,
  );
  t.equal(tries, 3);
  t.ok(await fails(few));
  t.ok(few.length < steps.length);
});
