import { join } from 'node:path';
import t from 'tap';
import { Database, type SqlValue } from '../../../store/sqlite/database.ts';
import { findMailbox, readStatus } from '../../../store/sqlite/mailboxes.ts';
import { addMessages, makeScene } from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

class CountingDatabase extends Database {
  statementCount = 0;

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as in Database
  override row<T extends readonly SqlValue[]>(sql: string, ...values: (string | number)[]) {
    this.statementCount += 1;
    return super.row<T>(sql, ...values);
  }
}

await t.test('a mailbox is found by one statement, and its counters by another', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await store.createMailbox(scene.accountId, 'a/b');
  await store.createMailbox(scene.accountId, 'a-c');
  await store.createMailbox(scene.accountId, 'a0');
  await addMessages(scene, ['one'], { flags: ['keyword'] });
  const database = new CountingDatabase(join(dataDirectory, 'mail.db'), 'reader');
  t.teardown(() => database.close());
  for (const [name, hasChildren] of [
    ['INBOX', false],
    ['a', true],
    ['a/b', false],
    ['a-c', false],
    ['a0', false],
  ] as const) {
    database.statementCount = 0;
    const mailbox = findMailbox(database, scene.accountId, name)!;
    t.match(mailbox, { name, hasChildren });
    const { messageCount, canAddKeywords } = readStatus(database, mailbox, { keywordRoom: true });
    t.same([messageCount, canAddKeywords], [name === 'INBOX' ? 1 : 0, true]);
    t.equal(database.statementCount, 2);
  }
});
