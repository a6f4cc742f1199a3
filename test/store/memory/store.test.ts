import t from 'tap';
import { testMailStore } from '../../fixtures/mail-store-contract.ts';
import { makeMemoryStore } from '../../fixtures/memory-store.ts';

await t.test('MemoryMailStore keeps the contract', (t) =>
  testMailStore(t, {
    make: makeMemoryStore,
    makeDurable: { lacks: 'what is in memory ends with the store' },
    makeShared: { lacks: 'one thread has the store' },
  }),
);
