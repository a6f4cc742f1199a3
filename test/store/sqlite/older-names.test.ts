import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { MailStore } from '../../../store/mail-store.ts';
import {
  addMessage,
  isSound,
  makeScene,
  readAll,
  refuses,
  type Scene,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

const newNames = ['Plain', 'Plain/Child', 'Plain/Child/x'];
const oldNames = ['a*b', 'a*b/50%', 'a*b/50%/x'];

/** A scene with mailboxes whose names have wildcards, as older versions took them. */
async function makeOlderScene(t: Test): Promise<Scene> {
  const fixture = await makeSqliteStore(t);
  const { accountId } = await makeScene(fixture.store);
  await fixture.store.createMailbox(accountId, newNames[2]!);
  await fixture.store.subscribe(accountId, newNames[1]!);
  const database = new DatabaseSync(join(fixture.dataDirectory, 'mail.db'));
  for (const table of ['mailboxes', 'subscriptions']) {
    const rename = database.prepare(`UPDATE ${table} SET name = ? WHERE name = ?`);
    for (const [index, name] of newNames.entries()) rename.run(oldNames[index]!, name);
  }
  database.close();
  const store = await fixture.reopen();
  const inbox = (await store.findMailbox(accountId, 'INBOX'))!;
  return { store, accountId, inbox };
}

async function namesOf(store: MailStore, accountId: number): Promise<string[]> {
  const first = new Set(['INBOX', 'Archive', 'Drafts', 'Junk', 'Sent', 'Trash']);
  const names = (await store.listMailboxes(accountId)).map(({ name }) => name);
  return names.filter((name) => !first.has(name));
}

await t.test('a mailbox with a name that could not be made today is used as before', async (t) => {
  const scene = await makeOlderScene(t);
  const { store, accountId } = scene;
  t.same(await namesOf(store, accountId), oldNames);
  t.ok((await store.listSubscriptions(accountId)).includes('a*b/50%'));
  const box = (await store.findMailbox(accountId, 'a*b/50%'))!;
  t.match(box, { isSelectable: true, hasChildren: true });
  await addMessage(scene, 'A: b\r\n', { box });
  await store.copyMessages(box, Uint32Array.of(1), box);
  t.equal((await readAll(store, box)).length, 2);
  await refuses(t, store.createMailbox(accountId, 'a*b'), 'ALREADYEXISTS');
  await refuses(t, store.createMailbox(accountId, 'a*b/new'), 'CANNOT');
  await refuses(t, store.renameMailbox(accountId, 'Sent', 'a*b'), 'ALREADYEXISTS');
  await store.unsubscribe(accountId, 'a*b/50%');
  await store.subscribe(accountId, 'a*b/50%');
  await refuses(t, store.subscribe(accountId, 'a*b/nowhere'), 'CANNOT');
  await isSound(t, store);
});

await t.test('it is renamed, and deleted, with what is below it', async (t) => {
  const { store, accountId } = await makeOlderScene(t);
  await store.renameMailbox(accountId, 'a*b', 'a');
  t.same(await namesOf(store, accountId), ['a', 'a/50%', 'a/50%/x']);
  await store.renameMailbox(accountId, 'a/50%', 'half');
  t.same(await namesOf(store, accountId), ['a', 'half', 'half/x']);
  await store.renameMailbox(accountId, 'half', 'a/half');
  t.same(await namesOf(store, accountId), ['a', 'a/half', 'a/half/x']);
  await isSound(t, store);
});

await t.test('a parent stays as a level, and can be made again', async (t) => {
  const { store, accountId } = await makeOlderScene(t);
  await store.deleteMailbox(accountId, 'a*b');
  t.match(await store.findMailbox(accountId, 'a*b'), { isSelectable: false, hasChildren: true });
  await store.createMailbox(accountId, 'a*b');
  t.match(await store.findMailbox(accountId, 'a*b'), { isSelectable: true });
  for (const name of oldNames.toReversed()) await store.deleteMailbox(accountId, name);
  t.same(await namesOf(store, accountId), []);
  await refuses(t, store.createMailbox(accountId, 'a*b'), 'CANNOT');
  await isSound(t, store);
});
