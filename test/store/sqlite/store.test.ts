import t from 'tap';
import { testMailStore } from '../../fixtures/mail-store-contract.ts';
import { makeSqliteStore as make } from '../../fixtures/sqlite-store.ts';

await t.test('SqliteMailStore keeps the contract', (t) =>
  testMailStore(t, { make, makeDurable: make, makeShared: make }),
);
