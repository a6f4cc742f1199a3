// What an APPEND costs the writer: each statement is some microseconds for which all other changes wait.
import t, { type Test } from 'tap';
import type { Database } from '../../../../store/sqlite/database.ts';
import { SqliteMessageDraft } from '../../../../store/sqlite/bodies/message-draft.ts';
import type { WriterClient } from '../../../../store/sqlite/writer/writer.ts';
import { plainMessage } from '../../../fixtures/plain-message.ts';
import { makeGroups } from '../../../fixtures/write-groups.ts';

/** What a draft asks the writer for. */
async function requestOf(message: Uint8Array, mailboxId = 1): Promise<unknown> {
  let asked: unknown;
  const request = async (_operation: string, argument: unknown) => {
    asked = argument;
    return [{}];
  };
  const draft = new SqliteMessageDraft({ request } as unknown as WriterClient);
  await draft.write(message);
  const box = { accountId: 1, mailboxId };
  await draft.addTo(box, { flags: [], internalDate: { epochMs: 0, zoneMinutes: 0 } });
  return asked;
}

/** The statements from now on: the first words of each, but for those of the pages of states. */
function watchStatements(database: Database) {
  const statements: string[] = [];
  const ofStates: string[] = [];
  for (const name of ['run', 'row', 'rows', 'insert', 'execute'] as const) {
    const method: (sql: string, ...rest: never[]) => unknown = database[name].bind(database);
    Object.defineProperty(database, name, {
      value: (sql: string, ...rest: never[]) => {
        if (sql.includes('state_pages')) ofStates.push(sql);
        else statements.push(/^\w+(?: (?:INTO|OR REPLACE INTO|id FROM))?(?: \w+)?/.exec(sql)![0]);
        return method(sql, ...rest);
      },
    });
  }
  return { statements, ofStates };
}

const ofMessage = [
  'SELECT id FROM bodies',
  'INSERT INTO bodies',
  'INSERT INTO chunks',
  'INSERT INTO body_texts',
  'INSERT INTO header_fields',
  'INSERT OR REPLACE INTO sort_keys',
  'UPDATE mailboxes',
  'INSERT INTO messages',
];
/** What is in the last page, and what is from now on. */
const ofStatesOfMessage = 2;

/** A writer of a store that has some messages: a page of states that is begun, or widened, takes a few statements more. */
async function startWithMessages(t: Test) {
  const started = makeGroups(t);
  started.askAccount('alice');
  for (let number = 0; number < 10; number++) {
    started.ask('addMessage', await requestOf(plainMessage(`before ${number}`)));
  }
  started.commit.runNext();
  return started;
}

await t.test('an APPEND takes so many statements', async (t) => {
  const { commit, database, groups, ask } = await startWithMessages(t);
  ask('addMessage', await requestOf(plainMessage('one')));
  const { statements, ofStates } = watchStatements(database);
  commit.runNext();
  t.match(groups.at(-1), { answers: [{ value: [{ uid: 11 }] }] });
  t.same(statements, ['BEGIN IMMEDIATE', ...ofMessage, 'COMMIT']);
  t.equal(ofStates.length, ofStatesOfMessage);
});

await t.test('several in a group take no others', async (t) => {
  const { commit, database, groups, ask } = await startWithMessages(t);
  for (const subject of ['one', 'two']) {
    ask('addMessage', await requestOf(plainMessage(subject)));
  }
  const { statements, ofStates } = watchStatements(database);
  commit.runNext();
  t.match(groups.at(-1), { answers: [{ value: [{ uid: 11 }] }, { value: [{ uid: 12 }] }] });
  t.same(statements, ['BEGIN IMMEDIATE', ...ofMessage, ...ofMessage, 'COMMIT']);
  t.equal(ofStates.length, 2 * ofStatesOfMessage);
});

await t.test('one that is refused is taken out of its group, and leaves nothing', async (t) => {
  const { commit, database, groups, ask, askAccount } = makeGroups(t);
  askAccount('alice');
  commit.runNext();
  ask('addMessage', await requestOf(plainMessage('one')));
  ask('addMessage', await requestOf(plainMessage('two'), 99));
  ask('addMessage', await requestOf(plainMessage('three')));
  const before = groups.length;
  commit.runNext();
  t.match(groups.slice(before), [
    {
      answers: [
        { value: [{ uid: 1, modseq: 2 }] },
        { failure: { code: 'NONEXISTENT' } },
        { value: [{ uid: 2, modseq: 3 }] },
      ],
    },
  ]);
  t.same(database.row('SELECT count(*) FROM bodies'), [2]);
  ask('addMessage', await requestOf(plainMessage('four'), 99));
  commit.runNext();
  t.match(groups.at(-1), { answers: [{ failure: { code: 'NONEXISTENT' } }] });
  t.same(database.row('SELECT count(*) FROM bodies'), [2]);
});
