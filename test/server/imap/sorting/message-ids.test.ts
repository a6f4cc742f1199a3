import { createHash } from 'node:crypto';
import t from 'tap';
import { MessageIds } from '../../../../server/imap/sorting/message-ids.ts';

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

await t.test('each hash has a number of its own, from 1 up', (t) => {
  const ids = new MessageIds();
  const count = 5000;
  const first = Array.from({ length: count }, (_, index) => ids.numberOf(hashOf(`${index}`), 0));
  t.same(
    first,
    Array.from({ length: count }, (_, index) => index + 1),
  );
  const again = Array.from({ length: count }, (_, index) => ids.numberOf(hashOf(`${index}`), 0));
  t.same(again, first);
  t.equal(ids.count, count);
  t.ok(ids.sizeBytes < 64 * count, `${ids.sizeBytes}`);
  t.end();
});

await t.test('hashes that differ in one half only are others', (t) => {
  const ids = new MessageIds();
  const hashes = ['00000000ffffffff', 'ffffffffffffffff', 'ffffffff00000000', '0000000000000000'];
  t.same([...ids.numbersOf(hashes.join(''))], [1, 2, 3, 4]);
  t.same([...ids.numbersOf(hashes.toReversed().join(''))], [4, 3, 2, 1]);
  t.same([...ids.numbersOf('')], []);
  t.end();
});
