import t from 'tap';
import { defaultServiceLimits, uncountedStrangerBytes } from '../../../server/imap/limits.ts';
import { StrangerInput } from '../../../tls/index.ts';
import { admissionLimits } from '../../../tls/limits.ts';

const kibibyte = 1024;

/** Room for 100 KiB, strangers by name, and who was ended so far. */
function makeScene() {
  const input = new StrangerInput({
    maxBytes: 100 * kibibyte,
    uncountedBytes: uncountedStrangerBytes,
  });
  const ended: string[] = [];
  const makeStranger = (name: string, remoteAddress?: string) => ({
    remoteAddress,
    endForInput: () => void ended.push(name),
  });
  return { input, ended, makeStranger };
}

await t.test('whoever holds most of all groups loses what it has held for longest', (t) => {
  const { input, ended, makeStranger } = makeScene();
  const honest = makeStranger('honest', '192.0.2.7');
  input.hold(honest, 30 * kibibyte);
  const crowd = Array.from({ length: 9 }, (_, index) => makeStranger(`${index}`, '192.0.2.8'));
  for (const stranger of crowd) input.hold(stranger, 10 * kibibyte);
  t.same(ended, ['0', '1'], 'not the one that holds most, and is here for longest');
  t.equal(input.bytes, 100 * kibibyte);
  input.hold(crowd[2]!, 11 * kibibyte);
  t.same(ended, ['0', '1', '2'], 'also if it is the one that sends');
  t.end();
});

await t.test('addresses of one IPv6 network are one group', (t) => {
  const { input, ended, makeStranger } = makeScene();
  input.hold(makeStranger('single', '192.0.2.7'), 40 * kibibyte);
  for (const end of [1, 2, 3]) {
    input.hold(makeStranger(`${end}`, `2001:db8::${end}`), 25 * kibibyte);
  }
  t.same(ended, ['1']);
  t.end();
});

await t.test('what a LOGIN needs does not count', (t) => {
  const { input, ended, makeStranger } = makeScene();
  for (let count = 0; count < 1_000; count++) {
    input.hold(makeStranger('short', '192.0.2.8'), uncountedStrangerBytes);
  }
  t.equal(input.bytes, 0);
  input.hold(makeStranger('long', '192.0.2.8'), uncountedStrangerBytes + 1);
  t.equal(input.bytes, uncountedStrangerBytes + 1);
  t.same(ended, []);
  t.end();
});

await t.test('who has finished, logged in or gone counts no more', (t) => {
  const { input, ended, makeStranger } = makeScene();
  const [first, second] = [makeStranger('first'), makeStranger('second')];
  input.hold(first, 60 * kibibyte);
  input.hold(first, 0);
  t.equal(input.bytes, 0);
  input.hold(first, 60 * kibibyte);
  input.hold(second, 30 * kibibyte);
  input.release(first);
  input.release(first);
  t.equal(input.bytes, 30 * kibibyte);
  input.hold(second, 90 * kibibyte);
  t.same(ended, []);
  input.hold(first, 20 * kibibyte);
  t.same(ended, ['second'], 'its time begins anew');
  t.end();
});

await t.test('all strangers together hold far less than they could', (t) => {
  const uncounted = admissionLimits.connectionsBeforeLogin * uncountedStrangerBytes;
  t.equal(uncounted + defaultServiceLimits.strangerInputBytes, 48 * kibibyte * kibibyte);
  t.end();
});
