import t from 'tap';
import { MessageTally } from '../../../server/import/message-tally.ts';
import { readAll, sha256 } from './read-all.ts';

async function* again() {
  yield Buffer.from('read again');
}

await t.test('a small message stays in memory and can be read twice', async (t) => {
  const tally = new MessageTally();
  tally.add(Buffer.from('ab'));
  tally.add(Buffer.alloc(0));
  tally.add(Buffer.from('c'));
  const message = tally.finish(again);
  t.equal(message.sizeBytes, 3);
  t.equal(message.sha256, sha256(Buffer.from('abc')));
  t.equal((await readAll(message.read())).toString(), 'abc');
  t.equal((await readAll(message.read())).toString(), 'abc');
});

await t.test('a large one is read again from where it came', async (t) => {
  const tally = new MessageTally();
  const chunk = Buffer.alloc(40_000, 'x');
  tally.add(chunk);
  tally.add(chunk);
  const message = tally.finish(again);
  t.equal(message.sizeBytes, 80_000);
  t.equal((await readAll(message.read())).toString(), 'read again');
});

await t.test('an empty message', async (t) => {
  const message = new MessageTally().finish(again);
  t.equal(message.sizeBytes, 0);
  t.equal((await readAll(message.read())).length, 0);
});
