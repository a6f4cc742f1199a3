import { once } from 'node:events';
import t from 'tap';
import { EventListeners } from '../../store/event-listeners.ts';

await t.test('each is told until it ends, which it may twice', async (t) => {
  const listeners = new EventListeners<number>();
  const heard: string[] = [];
  const listen = (event: number) => heard.push(`a${event}`);
  const [endFirst, endSecond] = [listeners.add(listen), listeners.add(listen)];
  listeners.tell(1);
  t.same([endFirst(), endFirst()], [true, false]);
  t.equal(listeners.count, 1);
  listeners.tell(2);
  t.same(heard, ['a1', 'a1', 'a2']);
  listeners.clear();
  listeners.tell(3);
  t.equal(heard.length, 3);
  t.equal(endSecond(), false, 'it has ended before');
});

await t.test('one that ends others while it is told', async (t) => {
  const listeners = new EventListeners<number>();
  const heard: string[] = [];
  const ends: (() => boolean)[] = [];
  listeners.add(() => {
    heard.push('first');
    for (const end of ends) end();
  });
  ends.push(listeners.add(() => heard.push('second')));
  listeners.tell(1);
  t.same(heard, ['first']);
});

await t.test('one that throws keeps no event from the others', async (t) => {
  const listeners = new EventListeners<number>();
  const heard: number[] = [];
  listeners.add(() => {
    throw new Error('A fault of the program');
  });
  listeners.add((event) => heard.push(event));
  // tap would take the error for a failure of the test.
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = once(process, 'uncaughtException');
  listeners.tell(5);
  t.same(heard, [5]);
  const [error] = (await thrown) as [Error];
  for (const listener of others) process.on('uncaughtException', listener);
  t.equal(error.message, 'A fault of the program');
});
