import t from 'tap';
import { PlainWindow } from '../../../../server/net/compression/plain-window.ts';
import { minPackedBytes, windowBytes } from '../../../../server/net/compression/limits.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const maxBytes = 4096;

function textOf(window: PlainWindow): Buffer {
  const text = Buffer.alloc(window.length);
  window.copyTo(text);
  return text;
}

await t.test('it keeps the end of what was added', (t) => {
  const random = new SeededRandom(1);
  const window = new PlainWindow(maxBytes);
  let all = Buffer.alloc(0);
  for (let count = 0; count < 500; count++) {
    const length = random.below(count % 20 === 0 ? 3 * maxBytes : 300);
    const bytes = Buffer.from(Array.from({ length }, () => random.below(256)));
    window.append(bytes);
    all = Buffer.concat([all, bytes]).subarray(-maxBytes);
    if (!textOf(window).equals(all)) t.fail(`after ${count}`);
  }
  t.equal(window.length, maxBytes);
  t.equal(window.heldBytes, maxBytes);
  t.end();
});

await t.test('it takes as much memory as it needs, up to its bound', (t) => {
  const window = new PlainWindow(maxBytes);
  t.equal(window.heldBytes, 0);
  window.append(Buffer.alloc(10));
  t.equal(window.heldBytes, 1024);
  window.append(Buffer.alloc(1014));
  t.equal(window.heldBytes, 1024);
  window.append(Buffer.alloc(1));
  t.equal(window.heldBytes, 2048);
  window.append(Buffer.alloc(100_000));
  t.equal(window.heldBytes, maxBytes);
  t.end();
});

await t.test('packed it takes less, and gives the same', (t) => {
  const random = new SeededRandom(2);
  let all = '';
  const window = new PlainWindow(windowBytes);
  for (let count = 0; count < 300; count++) {
    const text = `a${count} FETCH ${random.below(9999)} FLAGS\r\n`.repeat(1 + random.below(40));
    window.append(Buffer.from(text));
    all = (all + text).slice(-windowBytes);
    window.pack();
    const isPacked = all.length >= minPackedBytes;
    if (!window.isPacked || window.length !== all.length) t.fail(`after ${count}`);
    if (isPacked && window.heldBytes > all.length / 2) t.fail(`${window.heldBytes}: ${count}`);
    // Sometimes it is read, sometimes more is added to what is packed.
    if (random.chance(0.5) && textOf(window).toString() !== all) t.fail(`after ${count}`);
  }
  t.equal(textOf(window).toString(), all);
  t.equal(window.heldBytes, windowBytes, 'in use it takes what it took');
  t.equal(window.isPacked, false);
  t.end();
});

await t.test(
  'a window of hexadecimal digits takes little more than half when it is packed',
  (t) => {
    const window = new PlainWindow(windowBytes);
    window.append(Buffer.from(new SeededRandom(3).bytes(20_000).toString('hex')));
    window.pack();
    t.ok(window.heldBytes < 18 * 1024, `${window.heldBytes} bytes`);
    t.end();
  },
);

await t.test('what cannot be packed stays as it is', (t) => {
  const window = new PlainWindow(windowBytes);
  const noise = new SeededRandom(4).bytes(windowBytes);
  window.append(noise);
  t.equal(window.isPacked, false);
  window.pack();
  t.equal(window.isPacked, true, 'and it is not tried again');
  t.equal(window.heldBytes, windowBytes);
  t.ok(textOf(window).equals(noise));
  window.append(Buffer.alloc(windowBytes));
  window.pack();
  t.ok(window.heldBytes < 1024, 'but when something else is said');
  t.end();
});
