import t from 'tap';
import { chunkOverheadBytes } from '../../protocol/limits.ts';
import { ByteBuffer, ByteQueue } from '../../protocol/queue.ts';
import { collectGarbage } from '../fixtures/collect-garbage.ts';

await t.test('gives bytes back in order, across chunks, as views', (t) => {
  const queue = new ByteQueue();
  const first = Buffer.from('abc');
  queue.push(first);
  queue.push(new Uint8Array());
  queue.push(new Uint8Array([100, 101]));
  t.equal(queue.length, 5);
  t.equal(queue.peek()?.toString(), 'abc');
  t.equal(queue.take(2)?.toString(), 'ab');
  t.equal(queue.take(9)?.toString(), 'c');
  t.equal(queue.peek()?.buffer.byteLength, 2, 'a chunk that is no Buffer is not copied');
  queue.consume(1);
  t.equal(queue.length, 1);
  t.equal(queue.take(1)?.toString(), 'e');
  t.equal(queue.take(1), undefined);
  t.equal(queue.peek(), undefined);
  t.equal(queue.length, 0);
  t.end();
});

await t.test('clear says how much it dropped', (t) => {
  const queue = new ByteQueue();
  queue.push(Buffer.from('abc'));
  queue.push(Buffer.from('de'));
  queue.consume(2);
  t.equal(queue.clear(), 3);
  t.equal(queue.length, 0);
  queue.push(Buffer.from('x'));
  t.equal(queue.take(5)?.toString(), 'x');
  t.end();
});

await t.test('keeps the order of thousands of chunks', (t) => {
  const queue = new ByteQueue();
  let pushed = 0;
  let taken = 0;
  let isOrdered = true;
  for (let round = 0; round < 40; round++) {
    for (let count = 0; count < 100; count++) queue.push(Buffer.from([pushed++ & 0xff]));
    for (let count = 0; count < 90; count++) {
      isOrdered &&= queue.take(1)?.[0] === (taken++ & 0xff);
    }
  }
  while (queue.length > 0) isOrdered &&= queue.take(1)?.[0] === (taken++ & 0xff);
  t.ok(isOrdered);
  t.equal(taken, pushed);
  t.end();
});

await t.test('lets a chunk go when its last byte is consumed', async (t) => {
  const queue = new ByteQueue();
  const consumed = new WeakRef(pushChunk(queue));
  const waiting = new WeakRef(pushChunk(queue));
  queue.consume(1000);
  await collectGarbage();
  t.equal(consumed.deref(), undefined, 'a consumed chunk is garbage');
  t.ok(waiting.deref(), 'one that waits is not');
  t.equal(queue.length, 1000);
});

await t.test('counts the memory of whole chunks, and what each costs', (t) => {
  const queue = new ByteQueue();
  t.equal(queue.heldBytes, 0);
  queue.push(Buffer.alloc(1000));
  queue.push(Buffer.alloc(1));
  const [large, small] = [1000 + chunkOverheadBytes, 1 + chunkOverheadBytes];
  t.equal(queue.heldBytes, large + small);
  queue.consume(999);
  t.equal(queue.heldBytes, large + small, 'a chunk is kept for its last byte');
  queue.consume(1);
  t.equal(queue.heldBytes, small);
  t.equal(queue.take(5)?.length, 1);
  t.equal(queue.heldBytes, 0);
  queue.consume(0);
  t.equal(queue.heldBytes, 0, 'nothing is nothing');
  queue.push(Buffer.alloc(7));
  queue.clear();
  t.equal(queue.heldBytes, 0);
  t.end();
});

function pushChunk(queue: ByteQueue): Buffer {
  const chunk = Buffer.alloc(1000);
  queue.push(chunk);
  return chunk;
}

await t.test('a buffer appends', (t) => {
  const buffer = new ByteBuffer();
  t.equal(buffer.length, 0);
  t.equal(buffer.roomBytes, 0);
  t.equal(buffer.view().length, 0);
  let expected = '';
  for (const piece of ['', 'a', 'bc', 'x'.repeat(300), 'y'.repeat(5000), 'z']) {
    buffer.append(Buffer.from(piece));
    expected += piece;
    t.equal(buffer.length, expected.length);
    t.ok(buffer.roomBytes >= expected.length);
    t.equal(buffer.view().toString(), expected);
  }
  t.end();
});

await t.test('clearing a buffer leaves a view its bytes', (t) => {
  const buffer = new ByteBuffer();
  buffer.append(Buffer.from('abc'));
  const view = buffer.view();
  buffer.clear();
  t.equal(buffer.roomBytes, 0);
  buffer.append(Buffer.from('xyz'));
  t.equal(view.toString(), 'abc');
  t.equal(buffer.view().toString(), 'xyz');
  t.end();
});
