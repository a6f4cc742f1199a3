import { join } from 'node:path';
import t from 'tap';
import { limits } from '../../../store/limits.ts';
import { Database } from '../../../store/sqlite/database.ts';
import {
  addMessage,
  addMessages,
  isSound,
  makeScene,
  readStates,
  readUids,
  refuses,
  requireMailbox,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

const count = (number: number) =>
  `WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ${number})`;

await t.test('mailboxes and subscriptions of an account', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const { accountId } = await makeScene(store);
  const writer = new Database(join(dataDirectory, 'mail.db'), 'writer');
  writer.execute(`INSERT INTO mailboxes (account_id, name, is_selectable, uid_validity)
    ${count(limits.maxMailboxes - 8)} SELECT ${accountId}, 'x' || n, 1, 1 FROM counter`);
  writer.execute(`INSERT INTO subscriptions
    ${count(limits.maxSubscriptions - 6)} SELECT ${accountId}, 'x' || n FROM counter`);
  writer.close();
  await store.createMailbox(accountId, 'one');
  await refuses(t, store.createMailbox(accountId, 'parent/child'), 'LIMIT');
  t.equal(await store.findMailbox(accountId, 'parent'), undefined, 'nor half of it');
  await store.createMailbox(accountId, 'two');
  await refuses(t, store.createMailbox(accountId, 'three'), 'LIMIT');
  await refuses(t, store.subscribe(accountId, 'one more'), 'LIMIT');
  t.equal((await store.listMailboxes(accountId)).length, limits.maxMailboxes);
});

await t.test('UIDs of a mailbox', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const archive = await requireMailbox(store, scene.accountId, 'Archive');
  await addMessages(scene, ['1', '2']);
  const writer = new Database(join(dataDirectory, 'mail.db'), 'writer');
  writer.execute(
    `UPDATE mailboxes SET uid_next = ${limits.maxUid - 1} WHERE id = ${archive.mailboxId}`,
  );
  writer.close();
  await refuses(t, store.copyMessages(scene.inbox, Uint32Array.of(1, 2), archive), 'LIMIT');
  const { uid } = await addMessage(scene, 'last\r\n', { box: archive });
  t.equal(uid, limits.maxUid - 1);
  await refuses(t, addMessage(scene, 'none left\r\n', { box: archive }), 'LIMIT');
  t.same([...(await readUids(store, archive))], [uid]);
  await isSound(t, store);
});

await t.test('keywords of a message', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const names = Array.from({ length: 500 }, (_, index) => `k${index}`);
  await addMessage(scene, 'one\r\n', { flags: names });
  await addMessage(scene, 'two\r\n', { flags: names.slice(100, 105) });
  const most = 64 + limits.maxMoreKeywords;
  const change = { mode: 'add', flags: [...names.slice(100), '\\Seen'] } as const;
  await store.storeFlags(scene.inbox, Uint32Array.of(1, 2), change);
  const [one, two] = await readStates(store, scene.inbox);
  t.same(one!.flags, ['\\Seen', ...names.slice(0, most)]);
  t.same(two!.flags, ['\\Seen', ...names.slice(100, 100 + limits.maxMoreKeywords)]);
  await isSound(t, store);
});
