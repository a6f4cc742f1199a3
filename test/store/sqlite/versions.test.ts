import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { mimeLimits } from '../../../protocol/mime/limits.ts';
import type { MailboxKey, MailStore } from '../../../store/mail-store.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { compactStep, makeCompactStep } from '../../../store/sqlite/schema/compact-step.ts';
import { migrate, schemaVersion } from '../../../store/sqlite/schema/migration.ts';
import { type SchemaStep, schemaSteps } from '../../../store/sqlite/schema/schema.ts';
import {
  makeStatePagesStep,
  statePagesStep,
} from '../../../store/sqlite/schema/state-pages-step.ts';
import {
  type KeptVersion,
  makeVersionDirectory,
  readVersionContent,
  type VersionMailbox,
} from '../../fixtures/data-directories/versions.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';
import {
  addMessage,
  isSound,
  makeScene,
  readAll,
  readBytes,
  readChanges,
  readOpening,
  refuses,
  type MessageState,
  type StoredMessage,
} from '../../fixtures/mail-store-contract/store-steps.ts';

const versions: readonly KeptVersion[] = [1, 2, 11];
/** Those before texts were compressed. */
const oldVersions = [1, 2] as const;

/** What a store tells of a message itself. */
const derivedColumns = [
  'internalDate',
  'emailId',
  'threadId',
  'sortKeys',
  'envelope',
  'bodyStructure',
  'structure',
  'usualFields',
  'header',
] as const;

for (const version of oldVersions) {
  await t.test(`the fixture is of version ${version} and has every kind of row`, (t) => {
    const database = new Database(join(makeVersionDirectory(t, version), 'mail.db'), 'reader');
    t.equal(schemaVersion(database), version);
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
      'header fields': version === 1 ? 1 : count('header_fields'),
    };
    for (const [kind, found] of Object.entries(counts)) t.ok(found > 0, `${kind}: ${found}`);
    database.close();
    t.end();
  });
}

await t.test('the fixture is of version 11 and has every kind of state', (t) => {
  const database = new Database(join(makeVersionDirectory(t, 11), 'mail.db'), 'reader');
  t.equal(schemaVersion(database), 11);
  const count = (source: string) => database.row<[number]>(`SELECT count(*) FROM ${source}`)![0];
  const unpublished =
    'JOIN unpublished_copies u USING (mailbox_id) JOIN mailboxes x ON x.id = mailbox_id';
  const counts = {
    'messages of removed mailboxes': count(
      'messages WHERE mailbox_id IN (SELECT id FROM mailboxes WHERE account_id IS NULL)',
    ),
    'mailboxes with several pages': count(
      '(SELECT 1 FROM messages GROUP BY mailbox_id HAVING count(*) > 1024)',
    ),
    'high keywords': count('messages WHERE keywords_high <> 0'),
    'keywords without a bit': count("messages WHERE keywords_more LIKE '%,%'"),
    'with \\Deleted': count('messages WHERE system_flags & 4 <> 0'),
    'expunged UIDs': count('expunged WHERE first_uid IS NULL'),
    'expunged ranges': count('expunged WHERE first_uid IS NOT NULL'),
    'copies that are not done': count(`messages ${unpublished} WHERE uid >= x.uid_next`),
    'messages beside them': count(`messages ${unpublished} WHERE uid < x.uid_next`),
  };
  for (const [kind, found] of Object.entries(counts)) t.ok(found > 0, `${kind}: ${found}`);
  database.close();
  t.end();
});

for (const version of versions) {
  await t.test(`a data directory of version ${version} has the same content now`, async (t) => {
    const dataDirectory = makeVersionDirectory(t, version);
    const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    t.teardown(() => store.close());
    t.equal(versionOf(dataDirectory, 'mail.db'), schemaSteps.length);
    if (version < schemaSteps.length)
      t.equal(versionOf(dataDirectory, `mail-version-${version}.db`), version, 'the backup');
    await hasContent(t, store, version);
    await store.collect();
    await isSound(t, store);
  });

  await t.test(`special uses of version ${version} are kept`, async (t) => {
    const dataDirectory = makeVersionDirectory(t, version);
    const before = new Database(join(dataDirectory, 'mail.db'), 'reader');
    const kept = before.rows<[number, string]>(
      'SELECT id, special_use FROM mailboxes WHERE special_use IS NOT NULL ORDER BY id',
    );
    before.close();
    t.ok(kept.length > 0, 'it has some');
    const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    t.teardown(() => store.close());
    const accounts = await store.listAccounts();
    const listed = await Promise.all(accounts.map(({ id }) => store.listMailboxes(id)));
    const now = listed.flat().filter(({ specialUses }) => specialUses.length > 0);
    t.same(
      now.map(({ mailboxId, specialUses }) => [mailboxId, ...specialUses]).toSorted(byNumber),
      kept,
    );
  });

  await t.test(`a message of version ${version} is as if it had come now`, async (t) => {
    const dataDirectory = makeVersionDirectory(t, version);
    const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    t.teardown(() => store.close());
    // Today's walker reads some otherwise than that of the version.
    await store.collect();
    const [alice] = await store.listAccounts();
    const inbox = (await store.findMailbox(alice!.id, 'INBOX'))!;
    const old = await readAll(store, inbox, derivedColumns);
    const fresh = await makeScene((await makeSqliteStore(t)).store);
    for (const { bodyId, internalDate } of old) {
      await addMessage(fresh, await readBytes(store, bodyId), internalDate);
    }
    const added = await readAll(fresh.store, fresh.inbox, derivedColumns);
    t.same(old.map(contentOf), added.map(contentOf));
    t.ok(old.filter(({ usualFields }) => usualFields === undefined).length > 1, 'too many fields');
  });
}

/** What does not depend on where the message is. */
function contentOf(message: StoredMessage & MessageState): Partial<StoredMessage> {
  const { uid: _uid, bodyId: _bodyId, modseq: _modseq, flags: _flags, ...content } = message;
  return content;
}

/** By the remainder of the body's id: texts are lost, or cut off, or other than they were. */
const damageToTexts = `
  DELETE FROM body_texts WHERE body_id % 3 = 0;
  UPDATE body_texts SET structure = substr(structure, 1, 20) WHERE body_id % 3 = 1;
  UPDATE body_texts SET structure = '{}' WHERE body_id % 3 = 2`;

for (const version of oldVersions) {
  await t.test(`texts of version ${version} that are damaged are read again`, async (t) => {
    const [whole, damaged] = [makeVersionDirectory(t, version), makeVersionDirectory(t, version)];
    change(damaged, (database) => database.execute(damageToTexts));
    const wholeStore = await openSqliteStore({ dataDirectory: whole, collectIntervalMs: 0 });
    t.teardown(() => wholeStore.close());
    // Today's walker reads some otherwise than that of the version; here it has read all.
    await wholeStore.collect();
    const store = await openSqliteStore({ dataDirectory: damaged, collectIntervalMs: 0 });
    t.teardown(() => store.close());
    for (const { id } of await store.listAccounts()) {
      for (const mailbox of await store.listMailboxes(id)) {
        const fields = ['envelope', 'bodyStructure', 'structure'] as const;
        const expected = await readAll(wholeStore, mailbox, fields);
        t.same(await readAll(store, mailbox, fields), expected, mailbox.name);
      }
    }
    await store.collect();
    await isSound(t, store);
  });
}

await t.test('a message stays without texts if they cannot be read again', async (t) => {
  const dataDirectory = makeVersionDirectory(t, 2);
  const large = Buffer.from(`Subject: large\r\n\r\n${'It has many lines.\r\n'.repeat(20_000)}`);
  const addresses = 'a@b,'.repeat(mimeLimits.addressCount + 1);
  const excessive = Buffer.from(`To: ${addresses}\r\n\r\n`);
  const bodies = [large, excessive, Buffer.from('Subject: other bytes than those of its digest')];
  change(dataDirectory, (database) => {
    for (const [index, bytes] of bodies.entries()) addOldBody(database, 1000 + index, bytes);
    database.run("UPDATE bodies SET sha256 = x'00' WHERE id = 1002");
  });
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  t.teardown(() => store.close());
  await hasContent(t, store, 2);
  const database = new Database(join(dataDirectory, 'mail.db'), 'reader');
  const rows = database.rows<[number]>('SELECT body_id FROM body_texts WHERE body_id >= 1000');
  database.close();
  t.same(rows, [[1000]]);
  t.ok((await readBytes(store, 1000)).equals(large));
  t.ok((await readBytes(store, 1001)).equals(excessive));
  await refuses(t, readBytes(store, 1002), 'CORRUPTION');
});

/** Changes the file of a data directory. */
function change(dataDirectory: string, work: (database: Database) => void): void {
  const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
  work(database);
  database.close();
}

/** Adds a body without texts to a file of version 1 or 2. */
function addOldBody(database: Database, id: number, bytes: Uint8Array): void {
  database.run(
    `INSERT INTO bodies
       (id, state, sha256, size_bytes, header_bytes, reference_count, unreferenced_at)
     VALUES (?, 1, ?, ?, ?, 0, 0)`,
    id,
    createHash('sha256').update(bytes).digest(),
    bytes.length,
    Math.min(bytes.length, 18),
  );
  for (let number = 0; number * 65_536 < bytes.length; number++) {
    const chunk = bytes.subarray(number * 65_536, (number + 1) * 65_536);
    database.run('INSERT INTO chunks (id, octets) VALUES (?, ?)', id * 65_536 + number, chunk);
  }
}

await t.test('a step of compression that is ended goes on where it was', async (t) => {
  const stepIndex = schemaSteps.indexOf(compactStep);
  const small = makeCompactStep({ bodies: 3, bytes: 100_000 });
  const steps = [...schemaSteps.slice(0, stepIndex), small];
  for (const version of oldVersions) {
    const complete = await migrateWithEnds(t, { version, steps, endEvery: Infinity });
    const ended = await migrateWithEnds(t, { version, steps, endEvery: 4 });
    t.ok(ended.endCount > 3, `${ended.endCount} ends`);
    t.equal(complete.endCount, 0);
    // Not chunks: where pages end differs, and so where a chunk has a second row.
    for (const table of ['body_texts', 'bodies']) {
      const sql = `SELECT * FROM ${table} ORDER BY 1`;
      t.strictSame(ended.database.rows(sql), complete.database.rows(sql), table);
    }
    const left = "SELECT name FROM sqlite_schema WHERE name LIKE 'old_%' OR name = 'migration'";
    t.same(ended.database.rows(left), []);
    ended.database.close();
    const store = await openSqliteStore({
      dataDirectory: ended.dataDirectory,
      collectIntervalMs: 0,
    });
    t.teardown(() => store.close());
    await hasContent(t, store, version);
    await store.collect();
    await isSound(t, store);
  }
});

await t.test('a step that packs states, and is ended, goes on where it was', async (t) => {
  const stepIndex = schemaSteps.indexOf(statePagesStep);
  const steps = [...schemaSteps.slice(0, stepIndex), makeStatePagesStep(1)];
  for (const version of versions) {
    const complete = await migrateWithEnds(t, { version, steps, endEvery: Infinity });
    const ended = await migrateWithEnds(t, { version, steps, endEvery: 2 });
    t.ok(ended.endCount > 3, `${ended.endCount} ends`);
    for (const table of ['state_pages', 'messages']) {
      const sql = `SELECT * FROM ${table} ORDER BY 1, 2`;
      t.strictSame(ended.database.rows(sql), complete.database.rows(sql), table);
    }
    const left = "SELECT name FROM sqlite_schema WHERE name LIKE 'old_%' OR name = 'migration'";
    t.same(ended.database.rows(left), []);
    ended.database.close();
    complete.database.close();
    const { dataDirectory } = ended;
    const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    t.teardown(() => store.close());
    await hasContent(t, store, version);
    await store.collect();
    await isSound(t, store);
  }
});

/** Migrates, and ends the process at every so many transactions: what it does is what a crash leaves. */
async function migrateWithEnds(
  t: Test,
  options: { version: KeptVersion; steps: readonly SchemaStep[]; endEvery: number },
): Promise<{ dataDirectory: string; database: Database; endCount: number }> {
  const { version, steps, endEvery } = options;
  const dataDirectory = makeVersionDirectory(t, version);
  let endCount = 0;
  // Ends: each round goes on behind the last.
  for (;;) {
    const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
    let progressCount = 0;
    try {
      await migrate(database, {
        steps,
        onEvent: ({ kind }) => {
          if (kind === 'progress' && ++progressCount % endEvery === 0) throw new Error('Ended');
        },
      });
      return { dataDirectory, database, endCount };
    } catch (error) {
      database.close();
      if (!(error instanceof Error) || error.message !== 'Ended') throw error;
      endCount++;
    }
  }
}

function versionOf(dataDirectory: string, name: string): number {
  const database = new Database(join(dataDirectory, name), 'reader');
  try {
    return schemaVersion(database);
  } finally {
    database.close();
  }
}

/** The store has what the fixture's own code read from it. */
async function hasContent(t: Test, store: MailStore, version: KeptVersion): Promise<void> {
  const { accounts } = readVersionContent(version);
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
    const messages = mailboxes.flatMap((mailbox) => mailbox.messages);
    const inbox = (await store.findMailbox(account.id, 'INBOX'))!;
    for (const { savedSeconds } of await readAll(store, inbox, ['savedDate'])) {
      const expected = version < 11 ? NaN : 1_700_000_000;
      if (!Object.is(savedSeconds, expected)) t.fail(`saved at ${savedSeconds}`);
    }
    t.same(await store.readUsage(account.id), {
      messageCount: messages.length,
      sizeBytes: messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    });
    const found = await store.listMailboxes(account.id);
    t.same(
      found.map((mailbox) => mailbox.name),
      mailboxes.map((mailbox) => mailbox.name),
    );
    for (const [index, expected] of mailboxes.entries()) {
      t.equal(found[index]!.isSelectable, expected.isSelectable);
      const read = await readMailbox(store, found[index]!, version);
      t.same(read, withoutOwnEnvelopes(expected), `${name}: ${expected.name}`);
    }
  }
}

/** Since version 2 a structure does not have the envelope of the message itself, which is read by itself. */
function withoutOwnEnvelopes(mailbox: VersionMailbox): VersionMailbox {
  const messages = mailbox.messages.map((message) => {
    if (message.structure === undefined) return message;
    const { envelope: _, ...structure } = message.structure;
    return { ...message, structure };
  });
  return { ...mailbox, messages };
}

async function readMailbox(
  store: MailStore,
  box: MailboxKey & { readonly name: string; readonly isSelectable: boolean },
  version: KeptVersion,
): Promise<VersionMailbox> {
  const { status, keywords } = await readOpening(store, box);
  const { canAddKeywords: _, ...counters } = status;
  const messages: VersionMailbox['messages'] = [];
  const fields = ['internalDate', 'envelope', 'bodyStructure'] as const;
  const more = version === 1 ? [] : (['structure', 'usualFields'] as const);
  for (const row of await readAll(store, box, [...fields, ...more])) {
    const { bodyId, internalDate, envelope, bodyStructure, usualFields, headerBytes, ...rest } =
      row;
    const bytes = await readBytes(store, bodyId);
    messages.push({
      ...rest,
      internalDate: internalDate!,
      envelope: envelope!,
      bodyStructure: bodyStructure!,
      ...(headerBytes !== undefined && { headerBytes }),
      ...(usualFields && { usualFields: toText(usualFields) }),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  }
  const { expungedUids } = await readChanges(store, box);
  const { name, isSelectable } = box;
  return { name, isSelectable, status: counters, keywords, expungedUids, messages };
}

function toText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('latin1');
}

function byNumber([a]: unknown[], [b]: unknown[]): number {
  return Number(a) - Number(b);
}
