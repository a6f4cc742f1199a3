import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import type { MailboxKey, MailStore } from '../../../store/mail-store.ts';
import { openSqliteStore } from '../../../store/open-sqlite-store.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { schemaVersion } from '../../../store/sqlite/migration.ts';
import { schemaSteps } from '../../../store/sqlite/schema.ts';
import {
  makeVersionOneDirectory,
  readVersionOneContent,
  type VersionOneMailbox,
} from '../../fixtures/data-directories/version-1.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';
import {
  addMessage,
  isSound,
  makeScene,
  readAll,
  readBytes,
  readChanges,
  readOpening,
} from '../../fixtures/mail-store-contract/store-steps.ts';

await t.test('the fixture is of version 1 and has every kind of row', (t) => {
  const database = new Database(join(makeVersionOneDirectory(t), 'mail.db'), 'reader');
  t.equal(schemaVersion(database), 1);
  const count = (source: string) => database.row<[number]>(`SELECT count(*) FROM ${source}`)![0];
  const counts = {
    'removed mailboxes': count('mailboxes WHERE account_id IS NULL'),
    'their messages': count(
      'messages WHERE mailbox_id IN (SELECT id FROM mailboxes WHERE account_id IS NULL)',
    ),
    'high keywords': count('messages WHERE keywords_high <> 0'),
    'staged bodies': count('bodies WHERE state = 0'),
    'dropped bodies': count('bodies WHERE state = 2'),
    'shared bodies': count('bodies WHERE reference_count > 1'),
    'bodies without messages': count('bodies WHERE state = 1 AND reference_count = 0'),
    'bodies of several chunks': count('chunks WHERE id % 65536 = 2'),
    'headers larger than a chunk': count('bodies WHERE header_bytes > 65536'),
    'empty bodies': count('bodies WHERE state = 1 AND size_bytes = 0'),
    expunged: count('expunged'),
    subscriptions: count('subscriptions'),
  };
  for (const [kind, found] of Object.entries(counts)) t.ok(found > 0, `${kind}: ${found}`);
  database.close();
  t.end();
});

await t.test('a data directory of version 1 has the same content for this code', async (t) => {
  const dataDirectory = makeVersionOneDirectory(t);
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  t.teardown(() => store.close());
  const versions = ['mail.db', 'mail-version-1.db'].map((name) => {
    const database = new Database(join(dataDirectory, name), 'reader');
    const version = schemaVersion(database);
    database.close();
    return version;
  });
  t.same(versions, [schemaSteps.length, 1], 'it is migrated, and the backup is as it was');
  const { accounts } = readVersionOneContent();
  t.same(
    (await store.listAccounts()).map(({ name }) => name),
    accounts.map(({ name }) => name),
  );
  for (const { name, subscriptions, mailboxes } of accounts) {
    const account = (await store.findAccount(name))!;
    t.same(account.credentials, {
      argon2id: `$argon2id$${name}`,
      scramSha256: `SCRAM-SHA-256$${name}`,
    });
    t.same(await store.listSubscriptions(account.id), subscriptions);
    const found = await store.listMailboxes(account.id);
    t.same(
      found.map((mailbox) => mailbox.name),
      mailboxes.map((mailbox) => mailbox.name),
    );
    for (const [index, expected] of mailboxes.entries()) {
      t.equal(found[index]!.isSelectable, expected.isSelectable);
      t.same(await readMailbox(store, found[index]!), expected, `${name}: ${expected.name}`);
    }
  }
  await store.collect();
  await isSound(t, store);
});

await t.test('header fields of an old message are as those of a new one', async (t) => {
  const store = await openSqliteStore({
    dataDirectory: makeVersionOneDirectory(t),
    collectIntervalMs: 0,
  });
  t.teardown(() => store.close());
  const [alice] = await store.listAccounts();
  const inbox = (await store.findMailbox(alice!.id, 'INBOX'))!;
  const fields = ['usualFields'] as const;
  const old = await readAll(store, inbox, fields);
  const fresh = await makeScene((await makeSqliteStore(t)).store);
  for (const { bodyId } of old) await addMessage(fresh, await readBytes(store, bodyId));
  const added = await readAll(fresh.store, fresh.inbox, fields);
  const texts = (rows: typeof old) =>
    rows.map(({ usualFields }) => usualFields && Buffer.from(usualFields).toString('latin1'));
  t.same(texts(old), texts(added));
  t.ok(texts(old).filter((text) => text === undefined).length > 1, 'some are not kept apart');
});

async function readMailbox(
  store: MailStore,
  box: MailboxKey & { readonly name: string; readonly isSelectable: boolean },
): Promise<VersionOneMailbox> {
  const { status, keywords } = await readOpening(store, box);
  const messages: VersionOneMailbox['messages'] = [];
  for (const row of await readAll(store, box, ['dates', 'envelope', 'bodyStructure'])) {
    const { bodyId, internalDate, envelope, bodyStructure, ...rest } = row;
    const sha256 = createHash('sha256')
      .update(await readBytes(store, bodyId))
      .digest('hex');
    const texts = {
      internalDate: internalDate!,
      envelope: envelope!,
      bodyStructure: bodyStructure!,
    };
    messages.push({ ...rest, ...texts, sha256 });
  }
  const { expungedUids } = await readChanges(store, box);
  const { name, isSelectable } = box;
  return { name, isSelectable, status, keywords, expungedUids, messages };
}
