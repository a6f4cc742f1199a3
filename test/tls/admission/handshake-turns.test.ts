// Turns without clients and without time: the test says when a tick is over.
import t from 'tap';
import {
  type HandshakeTurnLimits,
  HandshakeTurns,
  type TurnTaker,
} from '../../../tls/admission/handshake-turns.ts';

/** A tick that comes only when the test says so. */
const limits: HandshakeTurnLimits = {
  quickHandshakes: 2,
  quickTicks: 4,
  tickMs: 2 ** 30,
  slowHandshakes: 6,
  slowHandshakesPerGroup: 4,
};

function make(changed: Partial<HandshakeTurnLimits> = {}) {
  const turns = new HandshakeTurns({ ...limits, ...changed });
  const begun: string[] = [];
  const lost: string[] = [];
  const takers = new Map<string, TurnTaker>();
  const wait = (...names: string[]): void => {
    for (const name of names) {
      const taker = {
        group: name.charAt(0),
        beginTurn: () => void begun.push(name),
        loseTurn: () => void lost.push(name),
      };
      takers.set(name, taker);
      turns.wait(taker);
    }
  };
  const leave = (...names: string[]): void => {
    for (const name of names) turns.leave(takers.get(name)!);
  };
  const becomeSlow = (): void => {
    for (let tick = 0; tick < limits.quickTicks; tick++) turns.tick();
  };
  return { turns, begun, lost, wait, leave, becomeSlow };
}

void t.test('groups take turns, each in the order in which its members came', async (t) => {
  const { turns, begun, wait, leave } = make();
  wait('a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'c1', 'b2');
  t.same(begun, ['a1', 'a2'], 'as many as may run');
  leave('a1', 'a2');
  t.same(
    begun.splice(0),
    ['a1', 'a2', 'a3', 'b1'],
    'the first group has its turn, then the second',
  );
  leave('b1', 'a3');
  t.same(begun.splice(0), ['c1', 'a4']);
  leave('c1', 'a4');
  t.same(begun.splice(0), ['b2', 'a5']);
  leave('b2', 'a5');
  t.equal(turns.quickCount, 0);
});

void t.test('a handshake that waits for its client makes room after some ticks', async (t) => {
  const { turns, begun, wait, leave } = make();
  wait('a1', 'a2', 'b1');
  for (let tick = 1; tick < limits.quickTicks; tick++) turns.tick();
  t.same(begun, ['a1', 'a2'], 'not earlier');
  leave('a2');
  t.same(begun, ['a1', 'a2', 'b1']);
  turns.tick();
  t.same([turns.quickCount, turns.slowCount], [1, 1], 'b1 has seen one tick, a1 all');
  leave('a1', 'b1');
  t.same([turns.quickCount, turns.slowCount], [0, 0]);
});

void t.test('a group with its share of slow handshakes waits until one ends', async (t) => {
  const { turns, begun, lost, wait, leave, becomeSlow } = make();
  wait('a1', 'a2', 'a3', 'a4', 'a5', 'a6');
  becomeSlow();
  becomeSlow();
  t.same(begun.splice(0), ['a1', 'a2', 'a3', 'a4'], 'its share');
  t.equal(turns.quickCount, 0, 'and nobody of it takes what others could have');
  wait('b1');
  t.same(begun.splice(0), ['b1']);
  leave('a3');
  t.same(begun, ['a5'], 'one that ends makes room for one that waits');
  t.same(lost, [], 'nobody is turned away');
});

void t.test(
  'a turn begins at once only if one is free and the group has not its share',
  async (t) => {
    const { turns, begun, wait, leave, becomeSlow } = make();
    const beginNow = (name: string): boolean =>
      turns.beginNow({ group: name.charAt(0), beginTurn: () => {}, loseTurn: () => {} });
    t.ok(beginNow('b1'));
    wait('a1');
    t.notOk(beginNow('c1'), 'all turns are taken');
    leave('a1');
    t.ok(beginNow('c1'));
    becomeSlow();
    for (let number = 0; number < 2; number++) {
      wait(`a${number}`, `a${number + 2}`);
      becomeSlow();
    }
    t.equal(turns.slowCount, limits.slowHandshakes);
    t.notOk(beginNow('a9'), 'its group has its share');
    t.ok(beginNow('c2'), 'others have not');
    begun.length = 0;
    wait('a9');
    t.same(begun, [], 'nor does it begin when it waits');
  },
);

void t.test('past the bound the oldest slow one of the fullest group is ended', async (t) => {
  const { turns, lost, wait, becomeSlow } = make();
  wait('b1', 'a1');
  becomeSlow();
  wait('a2', 'a3');
  becomeSlow();
  wait('c1', 'c2');
  becomeSlow();
  t.same(lost, []);
  wait('d1', 'd2');
  becomeSlow();
  t.same(lost, ['a1', 'c1'], 'of three, then of two groups the one that has had two for longer');
  t.equal(turns.slowCount, limits.slowHandshakes);
});

void t.test('who leaves while waiting is passed over, and leaving again is harmless', async (t) => {
  const { turns, begun, wait, leave } = make();
  wait('a1', 'a2', 'b1', 'b2');
  leave('b1', 'b1', 'a1', 'a1');
  t.same(begun, ['a1', 'a2', 'b2']);
  leave('b2', 'a2', 'b2');
  t.equal(turns.quickCount, 0);
});

void t.test('ticks come by themselves while somebody has a turn', async (t) => {
  const { turns, wait } = make({ tickMs: 1 });
  const keepAlive = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(keepAlive));
  wait('a1');
  while (turns.slowCount === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  t.equal(turns.quickCount, 0);
});
