import t, { type Test } from 'tap';
import { testFlags } from '../../fixtures/mail-store-contract/flags.ts';
import { testLargeChanges } from '../../fixtures/mail-store-contract/large-changes.ts';
import { testRename } from '../../fixtures/mail-store-contract/rename.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

const inSlices = (t: Test) => makeSqliteStore(t, { stepMessages: 200, sliceMs: 0 });
const inSmallSlices = (t: Test) => makeSqliteStore(t, { stepMessages: 1, sliceMs: 0 });

await t.test('large changes', (t) => testLargeChanges(t, inSlices));
await t.test('flags', (t) => testFlags(t, inSlices));
await t.test('rename', (t) => testRename(t, inSmallSlices));
