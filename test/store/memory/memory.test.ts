import t from 'tap';
import type { MailStore } from '../../../store/mail-store.ts';
import type { MailboxEvent } from '../../../store/mailbox-changes.ts';
import { MemoryMailStore } from '../../../store/memory/store.ts';
import { collectGarbage } from '../../fixtures/collect-garbage.ts';
import {
  addMessage,
  addMessages,
  makeScene,
  readAll,
  readBytes,
  requireMailbox,
  type Scene,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeMemoryStore } from '../../fixtures/memory-store.ts';

const minuteMs = 60_000;
const megabyte = 1_000_000;
const messageCount = 20;

await t.test('a change is made in a later turn, told, and then answered', async (t) => {
  const { store } = await makeMemoryStore(t);
  const { inbox } = await sceneWith(store, ['1']);
  const order: string[] = [];
  await store.open(inbox, () => order.push('told'));
  const uids = Uint32Array.of(1);
  const changing = store.storeFlags(inbox, uids, { mode: 'add', flags: ['k'] });
  order.push('asked');
  queueMicrotask(() => order.push('later in the same turn'));
  await changing;
  order.push('answered');
  t.same(order, ['asked', 'later in the same turn', 'told', 'answered']);
});

await t.test('closing makes the changes that were asked for, and refuses others', async (t) => {
  const { store } = await makeMemoryStore(t);
  const { inbox } = await sceneWith(store, ['1']);
  const events: MailboxEvent[] = [];
  await store.open(inbox, (event) => events.push(event));
  const uids = Uint32Array.of(1);
  const changing = store.storeFlags(inbox, uids, { mode: 'add', flags: ['k'] });
  await store.close();
  t.match(await changing, { modseq: 3 });
  t.equal(events.length, 1);
  const late = store.storeFlags(inbox, uids, { mode: 'add', flags: ['l'] });
  await t.rejects(late, /closed/);
});

await t.test(
  'bodies go with the next change after their time, or with the collector',
  async (t) => {
    for (const isCollected of [false, true]) {
      let nowMs = 1_700_000_000_000;
      const store = new MemoryMailStore({ clock: () => nowMs, collectIntervalMs: 0 });
      t.teardown(() => store.close());
      const scene = await sceneWith(store, ['gone']);
      const [message] = await readAll(store, scene.inbox);
      await expungeAll(scene);
      nowMs += 10 * minuteMs - 1;
      await addMessages(scene, ['other']);
      t.ok(await readBytes(store, message!.bodyId), 'a moment before');
      nowMs += 1;
      if (isCollected) store.collect();
      else await addMessages(scene, ['another']);
      await t.rejects(readBytes(store, message!.bodyId), { code: 'NONEXISTENT' });
    }
  },
);

await t.test('memory is given back when mail, mailboxes and accounts go', async (t) => {
  for (const [what, remove] of Object.entries<(scene: Scene) => Promise<unknown>>({
    messages: expungeAll,
    mailbox: ({ store, accountId }) => store.deleteMailbox(accountId, 'Archive'),
    account: ({ store }) => store.removeAccount('alice'),
  })) {
    const { store, advance } = await makeMemoryStore(t);
    const scene = await makeScene(store);
    const inbox = await requireMailbox(store, scene.accountId, 'Archive');
    const before = await bufferBytes();
    for (let number = 1; number <= messageCount; number++) {
      await addMessage({ ...scene, inbox }, Buffer.alloc(megabyte, number));
    }
    const held = (await bufferBytes()) - before;
    t.ok(held >= messageCount * megabyte, `${held} bytes for ${messageCount} messages`);
    await remove({ ...scene, inbox });
    await advance(10 * minuteMs);
    const left = (await bufferBytes()) - before;
    t.ok(left < megabyte, `${left} bytes are left without the ${what}`);
  }
});

/** Bytes of all buffers of this thread that can be reached. */
async function bufferBytes(): Promise<number> {
  await collectGarbage();
  // A collection frees what the one before has found.
  await collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

async function sceneWith(store: MailStore, subjects: readonly string[]): Promise<Scene> {
  const scene = await makeScene(store);
  await addMessages(scene, subjects);
  return scene;
}

async function expungeAll({ store, inbox }: Scene): Promise<void> {
  const all = Uint32Array.from({ length: messageCount }, (_, index) => index + 1);
  await store.storeFlags(inbox, all, { mode: 'add', flags: ['\\Deleted'] });
  await store.expungeMessages(inbox, undefined);
}
