import { join } from 'node:path';
import t, { type Test } from 'tap';
import { StoreError } from '../../../../store/mail-store.ts';
import { Database } from '../../../../store/sqlite/database.ts';
import { createSchema } from '../../../../store/sqlite/schema/migration.ts';
import { WriteContext } from '../../../../store/sqlite/writer/write-context.ts';
import { insertMessages } from '../../../fixtures/message-rows.ts';
import { makeDataDirectory } from '../../../fixtures/sqlite-store.ts';
import { makeGroups } from '../../../fixtures/write-groups.ts';

const refusal = new StoreError('CANNOT', 'No');

/** A context in a transaction, with the mailboxes of one account. */
function makeContext(t: Test) {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  createSchema(database);
  database.execute(`
    INSERT INTO accounts (id, name, name_key, argon2id, scram_sha256) VALUES (1, 'a', 'a', '', '');
    INSERT INTO mailboxes (id, account_id, name, is_selectable, uid_validity, highest_modseq)
      VALUES (1, 1, 'x', 1, 1, 10), (2, 1, 'y', 1, 1, 10), (3, 1, 'z', 1, 1, 10)`);
  database.execute('BEGIN IMMEDIATE');
  const context = new WriteContext(database, { nowMs: 0, clientId: 1, stagings: new Map() });
  const highestModseqs = () =>
    database.rows<[number]>('SELECT highest_modseq FROM mailboxes ORDER BY id').flat();
  return { context, database, highestModseqs };
}

await t.test('a part that fails leaves nothing, in the file and in the context', (t) => {
  const { context, highestModseqs } = makeContext(t);
  const statesOf = (uid: number) => () => ({
    uids: Uint32Array.of(uid),
    modseqs: Float64Array.of(11),
    flags: Uint32Array.of(0),
    flagSets: [[]],
  });
  context.takeModseq(2);
  context.noteChanged(2, 1, statesOf(7));
  context.noteExpunged(2, Uint32Array.of(3));
  context.takeModseq(3);
  context.noteInAccount(1, { kind: 'subscribed', name: 'before' });
  t.throws(
    () =>
      context.apart(() => {
        context.takeModseq(1);
        context.noteChanged(1, 1, statesOf(8));
        context.noteExpunged(2, Uint32Array.of(4));
        context.noteChanged(2, 1000, () => undefined);
        context.noteChanged(3, 1, statesOf(9));
        context.noteGone(3);
        context.noteInAccount(1, { kind: 'subscribed', name: 'within' });
        throw refusal;
      }),
    refusal,
  );
  t.equal(context.knownModseq(1), undefined);
  t.same(highestModseqs(), [10, 11, 11]);
  t.equal(
    context.apart(() => context.takeModseq(1)),
    11,
    'the next part takes it anew',
  );
  t.same(highestModseqs(), [11, 11, 11]);
  const told = context.readEvents().map(({ event }) => {
    if (event.kind !== 'changed' || !('messages' in event)) return event;
    return { modseq: event.modseq, uids: event.messages.uids, expungedUids: event.expungedUids };
  });
  const [modseq, none] = [11, new Uint32Array()];
  t.same(told, [
    { kind: 'subscribed', name: 'before' },
    { modseq, uids: Uint32Array.of(7), expungedUids: Uint32Array.of(3) },
    { kind: 'changed', mailboxId: 2, modseq, isFlagsOnly: false },
    { modseq, uids: none, expungedUids: none },
    { kind: 'changed', mailboxId: 3, modseq, isFlagsOnly: true },
    { modseq, uids: none, expungedUids: none },
    { kind: 'changed', mailboxId: 1, modseq, isFlagsOnly: true },
  ]);
  t.end();
});

await t.test('parts have no parts, and one that works keeps what it did', (t) => {
  const { context, database, highestModseqs } = makeContext(t);
  t.throws(() => context.apart(() => context.apart(() => 1)), /has no parts/);
  context.apart(() => context.takeModseq(1));
  t.throws(
    () =>
      context.apart(() => {
        database.execute('ROLLBACK');
        throw refusal;
      }),
    refusal,
    'also without a transaction',
  );
  t.same(highestModseqs(), [10, 10, 10]);
  t.end();
});

await t.test('a message that one of its mailboxes cannot take is no change of that one', (t) => {
  const { database, commit, groups, ask, askAccount } = makeGroups(t);
  askAccount('alice');
  commit.runNext();
  const boxOf = (mailboxId: number) => ({ accountId: 1, mailboxId });
  database.execute(`INSERT INTO bodies (id, state, sha256, size_bytes, header_bytes, reference_count)
    VALUES (1, 1, x'01', 0, 0, 3)`);
  insertMessages(database, 1, Uint32Array.of(1, 2), { modseqs: Float64Array.of(2, 2) });
  database.execute(`
    UPDATE mailboxes SET uid_next = 3, highest_modseq = 2, message_count = 2, unseen_count = 2,
      recent_count = 2, size_bytes = 2 WHERE id = 1;
    UPDATE state_pages SET states = zeroblob(length(states)) WHERE mailbox_id = 1`);
  const internalDate = { epochMs: 0, zoneMinutes: 0 };
  const targets = [1, 2].map((id) => ({ box: boxOf(id), flags: [], internalDate }));
  ask('addMessage', { targets, content: { sha256: Uint8Array.of(1), sizeBytes: 0 } });
  groups.length = 0;
  commit.runNext();
  t.match(groups[0]!.answers, [
    { value: { 0: { failure: { code: 'CORRUPTION' } }, 1: { uid: 1 } } },
  ]);
  t.same(
    groups[0]!.events.map(({ mailboxId }) => mailboxId),
    [2],
  );
  t.same(database.row('SELECT highest_modseq, uid_next FROM mailboxes WHERE id = 1'), [2, 3]);
  t.end();
});
