import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { Database } from '../../../store/sqlite/database.ts';
import { connectSqliteStore } from '../../../store/sqlite/open.ts';
import {
  addMessage,
  addMessages,
  isSound,
  makeScene,
  readAll,
  requireMailbox,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

await t.test('two clients see and hear what the other does', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const second = connectSqliteStore(store.createLink());
  const heard: number[] = [];
  await second.open(scene.inbox, (event) => {
    if (event.kind === 'changed') heard.push(event.modseq);
  });
  await addMessages(scene, ['1']);
  await addMessages({ ...scene, store: second }, ['2']);
  t.same(heard, [2, 3]);
  t.equal((await readAll(second, scene.inbox)).length, 2);
  t.throws(() => second.createLink(), /opened/);
  await second.close();
  await t.rejects(second.createMailbox(scene.accountId, 'late'), /closed/);
  await addMessages(scene, ['3']);
  t.same(heard, [2, 3]);
});

await t.test('only a client that watches the mailbox gets a message', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const archive = await requireMailbox(store, scene.accountId, 'Archive');
  const link = store.createLink();
  const second = connectSqliteStore(link);
  const ended = await second.open(scene.inbox, () => undefined);
  ended.close();
  const messages: unknown[] = [];
  link.port.on('message', (message) => messages.push(message));
  await addMessages(scene, ['1', '2']);
  // An answer comes behind everything that was posted before it.
  const barrier = () => second.subscribe(scene.accountId, 'x');
  await barrier();
  t.equal(messages.length, 1, 'the answer alone');
  const { close } = await second.open(archive, () => undefined);
  await addMessages(scene, ['3']);
  await addMessages(scene, ['4'], { box: archive });
  await barrier();
  t.match(messages.slice(1), [{ events: [{ mailboxId: archive.mailboxId }] }, { events: [] }]);
  t.equal(messages.length, 3);
  close();
  await addMessages(scene, ['5'], { box: archive });
  await barrier();
  t.equal(messages.length, 4, 'the answer alone again');
  await second.close();
});

await t.test('a client in another thread', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const link = store.createLink();
  const module = new URL('../../../store/sqlite/open.ts', import.meta.url).href;
  const program = `
    import { workerData, parentPort } from 'node:worker_threads';
    const { connectSqliteStore } = await import(workerData.module);
    const store = connectSqliteStore(workerData.link);
    const draft = store.beginMessage();
    await draft.write(Buffer.alloc(600_000, 'x'));
    const internalDate = { epochMs: 0, zoneMinutes: 0 };
    const added = await draft.addTo(workerData.box, { flags: [], internalDate });
    parentPort.postMessage({ added, status: await store.readStatus(workerData.box) });
    await store.close();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    workerData: { link, module, accountId: scene.accountId, box: scene.inbox },
    transferList: [link.port],
  });
  const end = once(worker, 'exit');
  const [message] = (await once(worker, 'message')) as [unknown];
  t.match(message, { added: { uid: 1, modseq: 2 }, status: { messageCount: 1 } });
  await end;
  await addMessages(scene, ['2']);
  t.equal((await store.readStatus(scene.inbox)).messageCount, 2);
});

await t.test('what a client has staged goes with it', async (t) => {
  const { store, advance, dataDirectory } = await makeSqliteStore(t);
  await makeScene(store);
  const second = connectSqliteStore(store.createLink());
  const draft = second.beginMessage();
  await draft.write(Buffer.alloc(1_000_000, 'x'));
  await isSound(t, store);
  await second.close();
  // The end of the port reaches the writer on its own way.
  const database = new Database(join(dataDirectory, 'mail.db'), 'reader');
  const countChunks = () => database.row<[number]>('SELECT count(*) FROM chunks')![0];
  for (let round = 0; round < 1000 && countChunks() > 0; round++) await advance(0);
  t.equal(countChunks(), 0);
  await isSound(t, store);
  database.close();
});

await t.test(
  'what was asked for before the end is done, what comes after is refused',
  async (t) => {
    const { store, reopen } = await makeSqliteStore(t);
    const scene = await makeScene(store);
    const added = Array.from({ length: 20 }, (_, index) => addMessage(scene, `${index}\r\n`));
    // The drafts ask in a later turn of the microtask queue.
    await Promise.resolve();
    const closed = store.close();
    t.equal(store.close(), closed, 'closing twice is closing once');
    await closed;
    const outcomes = await Promise.allSettled(added);
    await t.rejects(store.subscribe(scene.accountId, 'x'), /closed/);
    const reopened = await reopen();
    const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
    t.equal((await reopened.readStatus(scene.inbox)).messageCount, done);
  },
);
