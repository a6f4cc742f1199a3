import t from 'tap';
import { ImportJournal, ImportRunningError } from '../../../server/import/import-journal.ts';

const message = (sha256: string, fromUid = 1) => ({ sha256, sizeBytes: 10, fromUid });

await t.test('the n-th of equal messages is known where n were imported', async (t) => {
  const directory = t.testdir();
  const first = new ImportJournal(directory);
  t.equal(first.isImported('box', 'a'), false);
  t.equal(first.isImported('box', 'a'), false);
  first.advance('box', [], [message('a'), message('a'), message('b')]);
  first.advance('box', [message('a'), message('a')], []);
  t.equal(first.isImported('box', 'a'), false, 'a third one is new');
  first.close();

  const second = new ImportJournal(directory);
  t.equal(second.isImported('box', 'a'), true);
  t.equal(second.isImported('box', 'a'), true);
  t.equal(second.isImported('box', 'a'), false);
  t.equal(second.isImported('box', 'b'), false, 'was begun and never added');
  t.equal(second.isImported('other', 'a'), false, 'each mailbox by itself');
  second.close();
});

await t.test('what was begun is known to the next one', async (t) => {
  const directory = t.testdir();
  const first = new ImportJournal(directory);
  first.advance('box', [], [message('a', 5), message('b', 5)]);
  first.advance('other', [], [message('c', 9)]);
  first.close();
  const second = new ImportJournal(directory);
  t.strictSame(
    second.pending('box').map((row) => ({ ...row })),
    [message('a', 5), message('b', 5)],
  );
  second.advance('box', [message('a')], []);
  t.strictSame(second.pending('box'), []);
  t.equal(second.pending('other').length, 1);
  t.equal(second.isImported('box', 'a'), true);
  second.close();
});

await t.test('one import at a time', async (t) => {
  const directory = t.testdir();
  const first = new ImportJournal(directory);
  t.throws(() => new ImportJournal(directory), ImportRunningError);
  first.close();
  new ImportJournal(directory).close();
});
