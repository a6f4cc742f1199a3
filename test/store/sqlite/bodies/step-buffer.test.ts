import t from 'tap';
import { limits } from '../../../../store/limits.ts';
import { StepBuffer } from '../../../../store/sqlite/bodies/message-draft.ts';

await t.test('a small message moves in one buffer', (t) => {
  const buffer = new StepBuffer();
  for (let index = 0; index < 100; index++) t.equal(buffer.write(Buffer.alloc(1000, index)), 1000);
  t.notOk(buffer.hasStep);
  const { chunks, transfer } = buffer.takeRest();
  t.same(
    chunks.map(({ length }) => length),
    [limits.chunkBytes, 100_000 - limits.chunkBytes],
  );
  t.equal(transfer.length, 1);
  const expected = Buffer.concat(
    Array.from({ length: 100 }, (_, index) => Buffer.alloc(1000, index)),
  );
  t.ok(Buffer.concat(chunks).equals(expected));
  t.same(buffer.takeRest().chunks, [], 'nothing is left');
  t.end();
});

await t.test('a large one goes through two shared buffers by turns', (t) => {
  const buffer = new StepBuffer();
  const bytes = Buffer.from(
    Array.from({ length: 5 * limits.stageBytes + 77 }, (_, index) => index % 253),
  );
  const taken: Buffer[] = [];
  const memories: unknown[] = [];
  let position = 0;
  while (position < bytes.length) {
    position += buffer.write(bytes.subarray(position, position + 50_000));
    if (!buffer.hasStep) continue;
    const step = buffer.takeStep();
    taken.push(Buffer.concat(step.chunks));
    memories.push(step.chunks[0]!.buffer);
    t.equal(step.transfer.length, memories.length === 1 ? 1 : 0, 'only the first one moves');
    t.equal(taken.at(-1)!.length, limits.stageBytes);
  }
  const rest = buffer.takeRest();
  taken.push(Buffer.concat(rest.chunks));
  t.ok(Buffer.concat(taken).equals(bytes));
  t.equal(new Set([...memories, rest.chunks[0]!.buffer]).size, 3, 'the first, and the two');
  t.end();
});

await t.test('it takes no more than it has room for', (t) => {
  const buffer = new StepBuffer();
  const room = limits.stageBytes + limits.chunkBytes;
  t.equal(buffer.write(Buffer.alloc(10_000_000)), room);
  t.equal(buffer.write(Buffer.alloc(1)), 0);
  t.ok(buffer.hasStep);
  t.equal(buffer.takeStep().chunks.length, limits.stageBytes / limits.chunkBytes);
  t.equal(buffer.write(Buffer.alloc(10_000_000)), limits.stageBytes);
  t.end();
});
