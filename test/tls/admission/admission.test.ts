import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import {
  Admission,
  type AdmissionEntry,
  type AdmissionOptions,
  clearAdmissionCell,
  makeAdmissionCells,
} from '../../../tls/index.ts';
import { TestClock } from '../../fixtures/session-cache-contract.ts';

/** An admission with its visitors by name; the name of one that had to end goes to `ended`. */
function make(options: AdmissionOptions = {}) {
  const admission = new Admission({ tickMs: 2 ** 30, ...options });
  const ended: string[] = [];
  const enter = (address: string, name = address): AdmissionEntry =>
    admission.enter(address, { end: (reason) => void ended.push(`${name} ${reason}`) });
  return { admission, ended, enter };
}

void t.test('one address may have all that there is', async (t) => {
  const { admission, ended, enter } = make({ connectionsBeforeLogin: 5_000 });
  for (let number = 0; number < 5_000; number++) enter('192.0.2.1');
  t.same([admission.count, ended.length], [5_000, 0]);
});

void t.test('at the bound the fullest group makes room, not the newcomer', async (t) => {
  const { admission, ended, enter } = make({ connectionsBeforeLogin: 5 });
  enter('192.0.2.1', 'a1');
  enter('192.0.2.2', 'b1');
  enter('192.0.2.1', 'a2');
  enter('192.0.2.2', 'b2');
  enter('192.0.2.1', 'a3');
  enter('192.0.2.3', 'c1');
  t.same(ended.splice(0), ['a1 room'], 'the one that is idle for longest of the group with most');
  enter('192.0.2.3', 'c2');
  t.same(ended.splice(0), ['b1 room'], 'of two groups the one that has been so large for longer');
  enter('192.0.2.1', 'a4');
  t.same(ended, ['a2 room'], 'a newcomer of the fullest group stays, too');
  t.equal(admission.count, 5);
});

void t.test('a turn begins at once unless somebody waits, and counts as any other', async (t) => {
  const { ended, enter } = make({ connectionsBeforeLogin: 3, quickHandshakes: 1 });
  const first = enter('192.0.2.1', 'first');
  const turn = first.tryHandshakeTurn();
  t.ok(turn, 'nobody waits');
  const second = enter('192.0.2.2', 'second');
  t.equal(second.tryHandshakeTurn(), undefined, 'all turns are taken');
  const waiting = second.takeHandshakeTurn();
  turn?.end();
  t.ok(await waiting, 'who waits has the next turn');
  t.equal(first.tryHandshakeTurn(), undefined, 'not who asks after it');
  enter('192.0.2.3', 'third');
  enter('192.0.2.4', 'fourth');
  t.same(ended, ['first room'], 'the one in its handshake does not have to make room');
  first.leave();
  t.equal(first.tryHandshakeTurn(), undefined, 'nor who has left');
});

void t.test('an IPv6 host is one group', async (t) => {
  const { ended, enter } = make({ connectionsBeforeLogin: 4 });
  enter('192.0.2.1', 'first');
  for (const name of ['a', 'b', 'c']) enter(`2001:db8:1:2::${name}`, name);
  enter('192.0.2.2', 'second');
  t.same(ended, ['a room']);
});

void t.test('those that the server works for stay, and those that wait go last', async (t) => {
  const { ended, enter } = make({ connectionsBeforeLogin: 3, quickHandshakes: 1 });
  enter('192.0.2.1', 'busy').markBusy();
  await enter('192.0.2.1', 'shaking hands').takeHandshakeTurn();
  void enter('192.0.2.1', 'waiting').takeHandshakeTurn();
  enter('192.0.2.2', 'newcomer 1');
  t.same(ended.splice(0), ['waiting room']);
  enter('192.0.2.2', 'newcomer 2').markBusy();
  t.same(ended.splice(0), ['newcomer 1 room']);
  enter('192.0.2.3', 'newcomer 3');
  t.same(ended, [], 'the server works for all others, which has bounds of its own');
});

void t.test('whoever was busy is idle from then on', async (t) => {
  const { ended, enter } = make({ connectionsBeforeLogin: 2 });
  const first = enter('192.0.2.1', 'first');
  first.markBusy();
  enter('192.0.2.1', 'second');
  first.markIdle();
  enter('192.0.2.1', 'third');
  t.same(ended, ['second room']);
});

void t.test('who has logged in or left does not count', async (t) => {
  const { admission, ended, enter } = make({ connectionsBeforeLogin: 2 });
  const entries = [enter('192.0.2.1'), enter('192.0.2.1')];
  entries[0]!.admit();
  entries[0]!.leave();
  entries[0]!.markBusy();
  entries[1]!.leave();
  entries[1]!.leave();
  t.equal(admission.count, 0);
  enter('192.0.2.1');
  enter('192.0.2.1');
  t.same([admission.count, ended.length], [2, 0]);
  t.equal(await entries[0]!.takeHandshakeTurn(), undefined);
});

void t.test('whoever owns the socket is told', async (t) => {
  const { ended, enter } = make({ connectionsBeforeLogin: 1 });
  const entry = enter('192.0.2.1');
  entry.visitor = { end: (reason) => void ended.push(`successor ${reason}`) };
  enter('192.0.2.1');
  t.same(ended, ['successor room']);
});

void t.test('a turn ends once, and the wait for it is told', async (t) => {
  const clock = new TestClock();
  const { enter } = make({ quickHandshakes: 1, clock: clock.read });
  const [one, other, gone] = [enter('192.0.2.1'), enter('192.0.2.2'), enter('192.0.2.3')];
  const turn = await one.takeHandshakeTurn();
  const waiting = other.takeHandshakeTurn();
  const leaving = gone.takeHandshakeTurn();
  clock.nowMs += 300;
  t.same([one.waitedMs, other.waitedMs], [0, 300]);
  gone.leave();
  t.equal(await leaving, undefined, 'who leaves gets none');
  turn?.end();
  const next = await waiting;
  clock.nowMs += 500;
  let hasLast = false;
  const last = enter('192.0.2.4').takeHandshakeTurn();
  void last.then(() => (hasLast = true));
  turn?.end();
  await setImmediate();
  t.same([other.waitedMs, hasLast], [300, false]);
  next?.end();
  t.ok(await last);
});

void t.test('a slow client that has to end does not count any more', async (t) => {
  const { admission, ended, enter } = make({ quickTicks: 1, tickMs: 1, slowHandshakes: 1 });
  const keepAlive = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(keepAlive));
  const turn = await enter('192.0.2.1', 'first').takeHandshakeTurn();
  await enter('192.0.2.2', 'second').takeHandshakeTurn();
  while (ended.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  t.same(ended, ['first slow']);
  turn?.end();
  t.equal(admission.count, 1);
});

void t.test('threads keep to one bound, and each makes room among its own', async (t) => {
  const cells = makeAdmissionCells(2);
  const threads = [0, 1].map((index) =>
    make({ connectionsBeforeLogin: 10, counts: { cells, index } }),
  );
  const [one, other] = [threads[0]!, threads[1]!];
  for (let number = 0; number < 8; number++) one.enter('192.0.2.1');
  other.enter('192.0.2.2');
  other.enter('192.0.2.3');
  t.equal(other.admission.processCount, 10);
  other.enter('192.0.2.4');
  t.same(other.ended, [], 'a thread with less than its even share turns nobody away');
  one.enter('192.0.2.5');
  t.equal(one.ended.length, 2, 'the one with more than that makes up for it');
  t.equal(one.admission.processCount, 10);
  clearAdmissionCell({ cells, index: 0 });
  t.equal(other.admission.processCount, 3, 'a thread that has ended leaves no count behind');
});
