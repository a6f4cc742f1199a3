import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Database } from '../../../store/sqlite/database.ts';
import { checkIntegrity } from '../../../store/sqlite/integrity.ts';
import type { PackedStates } from '../../../store/sqlite/states/packed-states.ts';
import { findPage, replaceStates } from '../../../store/sqlite/states/state-pages.ts';
import {
  addMessage,
  addMessages,
  makeScene,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory, makeSqliteStore } from '../../fixtures/sqlite-store.ts';

/** Changes the states of mailbox 1, which has two messages, with a page that is sound but for that. */
function changeStates(change: (states: PackedStates) => PackedStates) {
  return (database: Database): void => {
    const page = findPage(database, 1, 1)!;
    replaceStates(database, 1, page, change(page.states));
  };
}

/** What is broken, and what the check must say of it. */
const damages: Record<string, [damage: string | ((database: Database) => void), fault: RegExp]> = {
  'a changed byte': [
    "UPDATE chunks SET bytes = CAST(replace(bytes, 'one', 'eno') AS BLOB)",
    /^Body 1 is not the bytes/,
  ],
  'a changed byte of a compressed chunk': [
    `UPDATE chunks SET bytes = unhex(substr(hex(bytes), 1, 20) || 'A7' || substr(hex(bytes), 23))
       WHERE id = 2 * 65536`,
    /^Body 2 is not the bytes/,
  ],
  'a missing chunk': ['DELETE FROM chunks WHERE id = 2 * 65536 + 2', /^Body 2 is not the bytes/],
  'another length of a chunk': [
    'UPDATE chunks SET inflated_bytes = 65535 WHERE id = 2 * 65536',
    /^Body 2 is not the bytes/,
  ],
  'a cut chunk': [
    'UPDATE chunks SET bytes = substr(bytes, 1, 20) WHERE id = 2 * 65536',
    /^Body 2 is not the bytes/,
  ],
  'a wrong size': ['UPDATE bodies SET size_bytes = 5 WHERE id = 1', /has no whole body/],
  'a chunk too many': [
    "INSERT INTO chunks (id, bytes) VALUES (99 * 65536, x'00')",
    /belong to no body/,
  ],
  'a wrong reference count': [
    'UPDATE bodies SET reference_count = 7 WHERE id = 1',
    /^Body 1 has reference count 7, but 1 messages/,
  ],
  'a missing body': ['DELETE FROM bodies WHERE id = 1', /has no whole body/],
  'missing texts': ['DELETE FROM body_texts WHERE body_id = 1', /without its digest, its texts/],
  'another structure': [
    `UPDATE body_texts SET structure = replace(structure, 'plain', 'html') WHERE body_id = 1`,
    /^Body 1 has another structure than was read from it/,
  ],
  'another envelope': [
    `UPDATE body_texts SET envelope = replace(envelope, 'one', 'two') WHERE body_id = 1`,
    /^Body 1 has another structure than was read from it/,
  ],
  'another header length': [
    'UPDATE bodies SET header_bytes = 500 WHERE id = 2',
    /^Body 2 has another structure than was read from it/,
  ],
  'other header fields': [
    "UPDATE header_fields SET bytes = x'00' WHERE body_id = 1",
    /^Body 1 has other header fields apart from it/,
  ],
  'missing header fields': [
    'DELETE FROM header_fields WHERE body_id = 1',
    /^Body 1 has other header fields apart from it/,
  ],
  'other sort keys': [
    "UPDATE sort_keys SET base_subject = 'x' WHERE body_id = 1",
    /^Body 1 has other sort keys/,
  ],
  'missing sort keys': ['DELETE FROM sort_keys WHERE body_id = 2', /^Body 2 has other sort keys/],
  'header fields of no body': [
    "INSERT INTO header_fields VALUES (99, x'00')",
    /of header_fields refers to nothing/,
  ],
  'a wrong message count': [
    'UPDATE mailboxes SET message_count = 9 WHERE id = 1',
    /^Counters of mailbox 1/,
  ],
  'a wrong unseen count': [
    'UPDATE mailboxes SET unseen_count = 0 WHERE id = 1',
    /^Counters of mailbox 1/,
  ],
  'a wrong deleted count': [
    'UPDATE mailboxes SET deleted_count = 1 WHERE id = 2',
    /^Counters of mailbox 2/,
  ],
  'a wrong recent count': [
    'UPDATE mailboxes SET recent_count = 1 WHERE id = 1',
    /^Counters of mailbox 1/,
  ],
  'a wrong size sum': [
    'UPDATE mailboxes SET size_bytes = size_bytes + 1',
    /^Counters of mailbox 1/,
  ],
  'a UID from the future': ['UPDATE messages SET uid = 77 WHERE uid = 2', /is past a bound/],
  'a modseq from the future': [
    changeStates(({ modseqs, ...states }) => ({ ...states, modseqs: modseqs.with(1, 77) })),
    /^Message 2 of mailbox 1 has a modseq that is past a bound/,
  ],
  'a changed page of states': [
    "UPDATE state_pages SET states = CAST(substr(states, 1, 20) || x'2a' || substr(states, 22) AS BLOB)",
    /^State page 1 of mailbox 1 is not what was stored/,
  ],
  'a lost page of states': ['DELETE FROM state_pages', /^Message 1 of mailbox 1 has no state/],
  'a page of states with wrong counts': [
    'UPDATE state_pages SET unseen_count = unseen_count + 1',
    /^State page 1 of mailbox 1 counts otherwise/,
  ],
  'a page of states with another modseq': [
    'UPDATE state_pages SET lowest_modseq = 1',
    /^State page 1 of mailbox 1 counts otherwise/,
  ],
  'a page of states in another place': [
    'UPDATE state_pages SET first_uid = 2',
    /^State page 1 of mailbox 1 has UIDs that are not in its place/,
  ],
  'a state that is in two pages': [
    `INSERT INTO state_pages SELECT 99, mailbox_id, 2, lowest_modseq, highest_modseq, message_count,
       unseen_count, deleted_count, states FROM state_pages`,
    /^State page 1 of mailbox 1 has UIDs that are not in its place/,
  ],
  'UIDs of states that do not ascend': [
    changeStates(({ uids, ...states }) => ({ ...states, uids: uids.toReversed() })),
    /^State page 1 of mailbox 1 has UIDs that are not in its place/,
  ],
  'a state without a row': ['DELETE FROM messages WHERE uid = 2', /has a state and no row/],
  'another flag of a message': [
    changeStates((states) => ({ ...states, sets: [[8, 0, 0, '']] })),
    /^Counters of mailbox 1 differ from its states/,
  ],
  'an expunged UID in use': [
    'INSERT INTO expunged VALUES (1, 2, 2, NULL)',
    /^Expunged UID 2 of mailbox 1/,
  ],
  'an expunged range with a UID in use': [
    'UPDATE mailboxes SET uid_next = 9; INSERT INTO expunged VALUES (1, 2, 8, 2)',
    /^Expunged UID 8 of mailbox 1/,
  ],
  'an expunged UID from the future': [
    'INSERT INTO expunged VALUES (1, 2, 77, NULL)',
    /^Expunged UID 77/,
  ],
  'a wrong message count of an account': [
    'UPDATE accounts SET message_count = message_count + 1',
    /^Counters of account 1 differ from its mailboxes/,
  ],
  'a wrong size of an account': [
    'UPDATE accounts SET size_bytes = 0',
    /^Counters of account 1 differ from its mailboxes/,
  ],
  'a horizon in the future': [
    'UPDATE mailboxes SET expunged_horizon = 77 WHERE id = 1',
    /^Mailbox 1 has forgotten what was not expunged yet/,
  ],
  'a lost row': ['DELETE FROM messages WHERE uid = 1', /reference count 1, but 0 messages/],
  'an account without INBOX': [
    "UPDATE mailboxes SET name = 'x' WHERE name = 'INBOX'",
    /has no INBOX/,
  ],
  'a keyword that nobody knows': [
    changeStates((states) => ({ ...states, sets: [[0, 0, 2, '']] })),
    /^Message 1 of mailbox 1 has unknown keywords: 33$/,
  ],
  'keywords without a bit that nobody knows': [
    changeStates((states) => {
      const sets = [...states.sets, [0, 0, 0, '64,70'] as const];
      return { ...states, sets, flags: Uint16Array.of(0, 1) };
    }),
    /^Message 2 of mailbox 1 has unknown keywords: 64, 70$/,
  ],
  'a row that refers to nothing': [
    "INSERT INTO keywords VALUES (1, 99, 0, 'a', 'a')",
    /of keywords refers to nothing/,
  ],
};

await t.test('every kind of damage is found', async (t) => {
  const { store, dataDirectory } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessages(scene, ['one']);
  await addMessage(scene, Buffer.alloc(200_000, 'x'));
  await store.claimRecent(scene.inbox);
  await store.close();
  const copyFile = () => {
    const path = join(makeDataDirectory(t), 'mail.db');
    copyFileSync(join(dataDirectory, 'mail.db'), path);
    return path;
  };

  for (const [name, [damage, fault]] of Object.entries(damages)) {
    const path = copyFile();
    const database = new Database(path, 'writer');
    t.same(checkIntegrity(database).faults, [], `before ${name}`);
    database.execute('PRAGMA foreign_keys = OFF');
    if (typeof damage === 'string') database.execute(damage);
    else damage(database);
    database.close();
    const damaged = new Database(path, 'reader');
    const { faults } = checkIntegrity(damaged);
    t.ok(
      faults.some((line) => fault.test(line)),
      `${name}: ${faults.join('; ')}`,
    );
    damaged.close();
  }

  for (const tree of ['state_pages', 'messages', 'bodies']) {
    for (const damagedBytes of [100, 4096]) {
      const path = copyFile();
      damagePage(path, tree, damagedBytes);
      const damaged = new Database(path, 'reader');
      const { faults } = checkIntegrity(damaged);
      t.ok(
        faults.some((line) => line.startsWith('File: ')),
        `${damagedBytes} bytes of a page of ${tree}: ${faults.join('; ')}`,
      );
      damaged.close();
    }
  }
});

/** Zeros at the end of the first page of a tree. */
function damagePage(path: string, tree: string, damagedBytes: number): void {
  const reader = new Database(path, 'reader');
  const sql = 'SELECT rootpage FROM sqlite_schema WHERE name = ?';
  const [page] = reader.row<[number]>(sql, tree)!;
  reader.close();
  const file = readFileSync(path);
  file.fill(0, page * 4096 - damagedBytes, page * 4096);
  writeFileSync(path, file);
}
