import t from 'tap';
import { PlainWindow } from '../../../../server/net/compression/plain-window.ts';
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
