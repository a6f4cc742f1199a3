import t from 'tap';
import { SeenMessages } from '../../../server/import/seen-messages.ts';

await t.test('equal messages are numbered, for each mailbox and each run', (t) => {
  const seen = new SeenMessages();
  const numbers = [
    ['box', 'a'],
    ['box', 'b'],
    ['box', 'a'],
    ['other', 'a'],
    ['box', 'a'],
  ].map(([mailbox, sha256]) => seen.count(mailbox!, sha256!));
  t.same(numbers, [1, 1, 2, 1, 3]);
  seen.close();
  const next = new SeenMessages();
  t.equal(next.count('box', 'a'), 1);
  next.close();
  t.end();
});
