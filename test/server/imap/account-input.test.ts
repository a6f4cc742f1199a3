import t from 'tap';
import { AccountInput, type InputHolder } from '../../../server/imap/account-input.ts';

const kibibyte = 1024;
const limits = {
  accountInputBytes: 100 * kibibyte,
  threadInputBytes: 200 * kibibyte,
  accountMailBytes: 30 * kibibyte,
  threadMailBytes: 60 * kibibyte,
};

function makeScene() {
  const input = new AccountInput(limits);
  const ended: string[] = [];
  const holder = (name: string): InputHolder => ({ endForInput: () => void ended.push(name) });
  return { input, ended, holder };
}

await t.test('what most commands need does not count', async (t) => {
  const { input, holder } = makeScene();
  const one = holder('one');
  input.hold(one, 1, 8 * kibibyte);
  t.equal(input.bytes, 0);
  input.hold(one, 1, 8 * kibibyte + 1);
  t.equal(input.bytes, 8 * kibibyte + 1);
  input.hold(one, 1, 0);
  t.equal(input.bytes, 0);
  input.release(one);
  t.equal(input.bytes, 0);
});

await t.test('an account at its bound loses who has sent nothing for longest', async (t) => {
  const { input, ended, holder } = makeScene();
  const [one, two, three, other] = ['one', 'two', 'three', 'other'].map(holder);
  input.hold(other!, 2, 90 * kibibyte);
  input.hold(one!, 1, 40 * kibibyte);
  input.hold(two!, 1, 40 * kibibyte);
  input.hold(one!, 1, 41 * kibibyte);
  t.same(ended, []);
  input.hold(three!, 1, 40 * kibibyte);
  t.same(ended, ['two']);
  t.equal(input.bytes, 171 * kibibyte);
  input.hold(three!, 1, 101 * kibibyte);
  t.same(ended, ['two', 'one', 'three'], 'also if it is by its own last bytes');
  t.equal(input.bytes, 90 * kibibyte);
});

await t.test('at the bound of the thread the account loses that holds most', async (t) => {
  const { input, ended, holder } = makeScene();
  input.hold(holder('small'), 1, 20 * kibibyte);
  input.hold(holder('first large'), 2, 45 * kibibyte);
  input.hold(holder('second large'), 2, 45 * kibibyte);
  input.hold(holder('middle'), 3, 80 * kibibyte);
  t.same(ended, []);
  input.hold(holder('late'), 4, 20 * kibibyte);
  t.same(ended, ['first large']);
  t.equal(input.bytes, 165 * kibibyte);
});

await t.test('mail waits in memory while there is room for it', async (t) => {
  const { input, holder } = makeScene();
  const one = holder('one');
  t.ok(input.hasRoomForMail(1));
  input.hold(one, 1, 31 * kibibyte);
  t.notOk(input.hasRoomForMail(1));
  t.ok(input.hasRoomForMail(2), 'of another account');
  input.hold(holder('two'), 2, 30 * kibibyte);
  t.notOk(input.hasRoomForMail(3), 'but for all together');
  input.release(one);
  t.ok(input.hasRoomForMail(1));
});
