import { AsyncLocalStorage } from 'node:async_hooks';
import t, { type Test } from 'tap';
import { Deadlines } from '../../tls/time.ts';

/** Unref'd timers alone don't keep the test alive. */
function keepAlive(t: Test): void {
  const timer = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(timer));
}

void t.test('Deadlines are due in order, but for those that are cancelled', async (t) => {
  keepAlive(t);
  const deadlines = new Deadlines(20);
  const due: number[] = [];
  const cancels = [1, 2, 3].map((number) => deadlines.set(() => due.push(number)));
  cancels[1]!();
  t.equal(deadlines.count, 2);
  await new Promise<void>((resolve) => deadlines.set(resolve));
  t.same(due, [1, 3]);
  t.equal(deadlines.count, 0);
  cancels[0]!();
  await new Promise<void>((resolve) => deadlines.set(resolve));
  t.pass('and it goes on after it was idle');
});

void t.test('a deadline is never early', async (t) => {
  keepAlive(t);
  const deadlines = new Deadlines(30);
  deadlines.set(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  const startMs = performance.now();
  await new Promise<void>((resolve) => deadlines.set(resolve));
  t.ok(performance.now() - startMs >= 30);
});

void t.test('clear drops them all', async (t) => {
  keepAlive(t);
  const deadlines = new Deadlines(5);
  deadlines.set(() => t.fail('was dropped'));
  deadlines.clear();
  t.equal(deadlines.count, 0);
  const later = new Deadlines(20);
  await new Promise<void>((resolve) => later.set(resolve));
});

void t.test('the timer belongs to no async context', async (t) => {
  keepAlive(t);
  const contexts = new AsyncLocalStorage<string>();
  const deadlines = new Deadlines(5);
  const store = await contexts.run('a connection', () => {
    return new Promise((resolve) => deadlines.set(() => resolve(contexts.getStore())));
  });
  t.equal(store, undefined);
});
