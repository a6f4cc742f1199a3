import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { connectSqliteStore, openSqliteStore } from '../../../../store/sqlite/open.ts';
import type { OpenMailbox } from '../../../../store/mail-store.ts';
import { Database } from '../../../../store/sqlite/database.ts';
import { collectGarbage } from '../../../fixtures/collect-garbage.ts';
import {
  addMessages,
  makeScene,
  readSome,
  readUids,
} from '../../../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory, makeSqliteStore } from '../../../fixtures/sqlite-store.ts';

await t.test('nothing of a listener stays reachable after its end', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const boxes = await store.listMailboxes(scene.accountId);
  const listeners: WeakRef<object>[] = [];
  // Whoever keeps an ended opening keeps nothing of its listener.
  const openings: OpenMailbox[] = [];
  for (let round = 0; round < 1000; round++) {
    const session = { bytes: new Uint8Array(1000) };
    const box = boxes[round % 3]!;
    const opening = await store.open(box, () => session.bytes.fill(1));
    openings.push(opening);
    listeners.push(new WeakRef(session));
    if (round % 100 === 0) await addMessages(scene, [`${round}`]);
    opening.close();
  }
  t.equal(store.watchCount, 0);
  await collectGarbage();
  const kept = listeners.filter((listener) => listener.deref() !== undefined).length;
  t.ok(kept <= 1, `${kept} of 1000 are reachable; the last may still be on the stack`);
  t.equal(openings.length, 1000);
});

await t.test('a reader that rests in the middle pins no state of the file', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessages(
    scene,
    Array.from({ length: 30 }, (_, index) => `${index}`),
  );
  const uids = Uint32Array.from({ length: 30 }, (_, index) => index + 1);
  const [message] = await readSome(store, scene.inbox, uids);
  const messages = store.rows(scene.inbox, uids, new Set(['envelope']));
  const bytes = store.readBody(message!.bodyId, 0, 100);
  for await (const _ of messages) {
    for await (const _ of bytes) {
      await addMessages(scene, ['more']);
      const writer = new Database(join(dataDirectory, 'mail.db'), 'writer');
      const [isBusy, pages, checkpointed] = writer.row<[number, number, number]>(
        'PRAGMA wal_checkpoint(TRUNCATE)',
      )!;
      t.same([isBusy, pages, checkpointed], [0, 0, 0], 'the whole log went into the file');
      writer.close();
    }
  }
});

await t.test('readers do not wait for a write that is under way', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessages(scene, ['1']);
  const writer = new Database(join(dataDirectory, 'mail.db'), 'writer');
  writer.execute('BEGIN IMMEDIATE; UPDATE mailboxes SET message_count = 99');
  t.equal((await store.readStatus(scene.inbox)).messageCount, 1);
  t.equal((await readUids(store, scene.inbox)).length, 1);
  writer.execute('ROLLBACK');
  writer.close();
});

await t.test('a claim without new messages does not ask the writer', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const link = store.createLink();
  let askedCount = 0;
  const postMessage = link.port.postMessage.bind(link.port);
  link.port.postMessage = (message: unknown) => {
    askedCount++;
    postMessage(message);
  };
  const client = connectSqliteStore(link);
  t.same(await client.claimRecent(scene.inbox), { firstUid: 1, nextUid: 1 });
  t.equal(askedCount, 0);
  await addMessages(scene, ['1']);
  t.same(await client.claimRecent(scene.inbox), { firstUid: 1, nextUid: 2 });
  t.equal(askedCount, 1);
  await client.close();
});

await t.test('what is asked in one turn goes to the writer at once', async (t) => {
  const { store } = await makeSqliteStore(t);
  const { accountId } = await makeScene(store);
  const link = store.createLink();
  const sentCounts: number[] = [];
  const postMessage = link.port.postMessage.bind(link.port);
  link.port.postMessage = (requests: readonly unknown[]) => {
    sentCounts.push(requests.length);
    postMessage(requests);
  };
  const client = connectSqliteStore(link);
  const names = ['one', 'two', 'three'];
  await Promise.all(names.map((name) => client.createMailbox(accountId, name)));
  t.same(sentCounts, [3]);
  await client.createMailbox(accountId, 'four');
  t.same(sentCounts, [3, 1]);
  await t.rejects(client.createMailbox(accountId, (() => undefined) as unknown as string));
  await client.createMailbox(accountId, 'five');
  await client.close();
});

await t.test('a listener that throws costs nobody else anything', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessages(scene, ['1']);
  const link = store.createLink();
  const opener = new URL('../../../../store/sqlite/open.ts', import.meta.url).href;
  const source = `
    const { parentPort, workerData: { link, box } } = require('node:worker_threads');
    import(${JSON.stringify(opener)}).then(async ({ connectSqliteStore }) => {
      const store = connectSqliteStore(link);
      await store.open(box, () => { throw new Error('a fault'); });
      await store.open(box, () => parentPort.postMessage('told'));
      await store.storeFlags(box, Uint32Array.of(1), { mode: 'add', flags: ['k'] });
      parentPort.postMessage('answered');
    });
  `;
  const worker = new Worker(source, {
    eval: true,
    workerData: { link, box: { ...scene.inbox } },
    transferList: [link.port],
  });
  const messages: unknown[] = [];
  worker.on('message', (message) => messages.push(message));
  const errors: unknown[] = [];
  worker.on('error', (error) => errors.push(error));
  // Only then all messages have come.
  await new Promise((resolve) => worker.once('exit', resolve));
  t.same(messages, ['told', 'answered']);
  t.match(errors, [{ message: 'a fault' }], 'and it is not lost');
});

await t.test('if the writer dies, nothing waits for ever', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const { promise: failure, resolve: onFailure } = Promise.withResolvers<Error>();
  const store = await openSqliteStore({ dataDirectory, onFailure, collectIntervalMs: 0 });
  const scene = await makeScene(store);
  // The store does not keep a process running; a server has its sockets for that.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  // No client sends this; it stands for whatever ends a thread.
  store.createLink().port.postMessage(null, []);
  const pending = Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => addMessages(scene, [`${index}`])),
  );
  t.match(await failure, { name: 'TypeError' });
  await pending;
  await t.rejects(store.subscribe(scene.accountId, 'x'), /closed/);
  t.ok(await store.findAccount('alice'), 'reading goes on');
  await store.close();
  await openSqliteStore({ dataDirectory }).then((reopened) => reopened.close());
});
