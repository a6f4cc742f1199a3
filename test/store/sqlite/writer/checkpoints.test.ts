import { EventEmitter } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Database } from '../../../../store/sqlite/database.ts';
import {
  Checkpoints,
  type WriteBackOrder,
  type WriteBackReport,
} from '../../../../store/sqlite/writer/checkpoints.ts';
import { makeDataDirectory } from '../../../fixtures/sqlite-store.ts';

const bounds = { writeBackPages: 100, longLogPages: 300, lastPages: 20, maxLogPages: 500 };

/** The thread that writes the log back, which does so when the test says. */
class FakeThread extends EventEmitter {
  readonly database: Database;
  readonly orders: WriteBackOrder[] = [];

  constructor(path: string) {
    super();
    this.database = new Database(path, 'writer');
  }

  postMessage(order: WriteBackOrder): void {
    this.orders.push(order);
    if (order === 'end') this.emit('exit', 0);
  }

  /** Writes back what is there now. */
  work(): void {
    this.database.writeBack();
    this.report({});
  }

  report(report: WriteBackReport): void {
    this.emit('message', report);
  }
}

function setUp(t: Test) {
  const path = join(makeDataDirectory(t), 'mail.db');
  const database = new Database(path, 'writer');
  database.execute('CREATE TABLE pages (bytes BLOB)');
  database.writeBack();
  const threads: FakeThread[] = [];
  const ends: unknown[] = [];
  const start = () => {
    const thread = new FakeThread(path);
    threads.push(thread);
    t.teardown(() => thread.database.close());
    return thread;
  };
  const checkpoints = new Checkpoints(database, {
    bounds,
    start,
    onEnd: (error) => ends.push(error),
  });
  t.teardown(() => database.close());
  /** Commits about so many pages. */
  const commit = (pageCount: number): void => {
    database.run('INSERT INTO pages VALUES (zeroblob(?))', pageCount * 4092);
    checkpoints.noteCommit();
  };
  /** The thread writes back what is there now, while so many pages come. */
  const workBeside = (pageCount: number): void => {
    const reader = new Database(path, 'reader');
    reader.run('BEGIN');
    reader.row('SELECT count(*) FROM pages');
    commit(pageCount);
    threads[0]!.database.writeBack();
    reader.close();
    threads[0]!.report({});
  };
  return { path, database, checkpoints, threads, ends, commit, workBeside };
}

await t.test('a thread writes the log back once enough of it waits', (t) => {
  const { database, threads, commit, ends } = setUp(t);
  commit(90);
  t.equal(threads.length, 0);
  commit(20);
  commit(1200);
  t.same(threads[0]?.orders, ['write-back'], 'and is not told twice');
  t.ok(database.logState().pendingCount > 1300, 'nothing was written back in this thread');
  threads[0]!.work();
  t.equal(database.logState().pendingCount, 0);
  t.same(ends, [undefined]);
  commit(1);
  t.ok(database.logState().pageCount < 10, 'the log begins anew');
  commit(110);
  t.same(threads[0]!.orders, ['write-back', 'write-back']);
  t.equal(threads.length, 1);
  t.end();
});

await t.test('the writer writes the last pages of a long log back itself', (t) => {
  const { database, threads, commit, workBeside } = setUp(t);
  commit(320);
  t.same(threads[0]!.orders, ['write-back-all']);
  workBeside(10);
  t.ok(database.logState().pageCount > 320);
  t.equal(database.logState().pendingCount, 0);
  commit(1);
  t.ok(database.logState().pageCount < 10, 'the log begins anew');
  t.equal(threads[0]!.orders.length, 1);
  t.end();
});

await t.test('if they are many the thread goes on at once', (t) => {
  const { database, threads, commit, checkpoints, workBeside } = setUp(t);
  commit(320);
  workBeside(80);
  t.ok(database.logState().pendingCount > bounds.lastPages);
  t.same(threads[0]!.orders, ['write-back-all', 'write-back-all']);
  t.ok(checkpoints.holdsLarge);
  threads[0]!.work();
  t.equal(database.logState().pendingCount, 0);
  t.end();
});

await t.test('a log that gets long meanwhile is synced by the thread first', (t) => {
  const { database, threads, commit, workBeside } = setUp(t);
  commit(150);
  commit(160);
  workBeside(5);
  t.ok(database.logState().pendingCount > 0);
  t.same(threads[0]!.orders, ['write-back', 'write-back-all']);
  t.end();
});

await t.test('of a log that is not long the last pages wait', (t) => {
  const { database, commit, workBeside } = setUp(t);
  commit(110);
  workBeside(10);
  t.ok(database.logState().pendingCount > 0);
  t.end();
});

await t.test('large messages wait for a long log, all else for one that is too long', (t) => {
  const { checkpoints, threads, commit } = setUp(t);
  const held = () => [checkpoints.holdsLarge, checkpoints.holdsAll];
  commit(150);
  t.same(held(), [false, false]);
  commit(160);
  t.same(held(), [true, false]);
  commit(200);
  t.same(held(), [true, true]);
  threads[0]!.work();
  t.same(held(), [false, false]);
  t.end();
});

await t.test('while a reader is in the way nothing waits, and each try is of more pages', (t) => {
  const { path, checkpoints, threads, ends, commit } = setUp(t);
  const reader = new Database(path, 'reader');
  t.teardown(() => reader.close());
  reader.run('BEGIN');
  reader.row('SELECT count(*) FROM pages');
  commit(600);
  threads[0]!.work();
  t.same([checkpoints.holdsLarge, checkpoints.holdsAll], [false, false]);
  for (let count = 0; count < 5; count++) commit(10);
  t.equal(threads[0]!.orders.length, 1);
  commit(60);
  t.equal(threads[0]!.orders.length, 2);
  t.same(ends, [undefined]);
  reader.run('ROLLBACK');
  threads[0]!.work();
  commit(1);
  t.notOk(checkpoints.holdsLarge);
  t.end();
});

await t.test('a failure is told with its code, and tried again', (t) => {
  const { checkpoints, threads, ends, commit } = setUp(t);
  commit(600);
  threads[0]!.report({ failure: { text: 'disk I/O error', errcode: 4874 } });
  t.match(ends, [{ message: 'disk I/O error', errcode: 4874 }]);
  t.notOk(checkpoints.holdsAll, 'nothing waits');
  commit(50);
  t.equal(threads[0]!.orders.length, 1, 'not at once');
  checkpoints.begin();
  t.equal(threads[0]!.orders.length, 2);
  threads[0]!.work();
  t.same(ends[1], undefined);
  t.end();
});

await t.test(
  'if the thread dies the writer writes the log back; the next time there is another',
  (t) => {
    const { database, threads, ends, commit } = setUp(t);
    commit(150);
    threads[0]!.emit('error', new Error('Out of memory'));
    t.equal(database.logState().pendingCount, 0);
    t.same(ends, [undefined]);
    commit(120);
    t.equal(threads.length, 2);
    t.same(threads[1]!.orders, ['write-back']);
    t.end();
  },
);

await t.test('the end waits for the thread', async (t) => {
  const { checkpoints, threads, ends, commit } = setUp(t);
  commit(150);
  await checkpoints.close();
  t.same(threads[0]!.orders, ['write-back', 'end']);
  threads[0]!.work();
  commit(500);
  t.same(ends, [], 'nothing is done behind the end');
  t.equal(threads[0]!.orders.length, 2);
});

await t.test('the real thread', async (t) => {
  const path = join(makeDataDirectory(t), 'mail.db');
  const database = new Database(path, 'writer');
  database.execute('CREATE TABLE pages (bytes BLOB)');
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const checkpoints = new Checkpoints(database, { bounds, onEnd: resolve });
  database.run('INSERT INTO pages VALUES (zeroblob(?))', 150 * 4096);
  const sizeBytes = statSync(path).size;
  checkpoints.noteCommit();
  t.equal(await promise, undefined);
  t.ok(statSync(path).size >= sizeBytes + 150 * 4096);
  t.equal(database.logState().pendingCount, 0);
  await checkpoints.close();
  database.close();
});
