import t from 'tap';
import { OutputBuffer } from '../../protocol/output-buffer.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

function makeBuffer(chunkBytes: number) {
  const written: (string | Uint8Array)[] = [];
  return {
    output: new OutputBuffer({ write: (data) => void written.push(data) }, chunkBytes),
    written,
  };
}

function textOf(written: readonly (string | Uint8Array)[]): string {
  return written.map((data) => Buffer.from(data as string, 'latin1').toString('latin1')).join('');
}

await t.test('text and bytes come out in their order, however much there is', (t) => {
  for (const chunkBytes of [10, 1000, 16_384]) {
    const { output, written } = makeBuffer(chunkBytes);
    const random = new SeededRandom(chunkBytes);
    let expected = '';
    for (let count = 0; count < 500; count++) {
      const bytes = random.bytes(random.below(random.chance(0.1) ? 100_000 : 3_000));
      const text = bytes.toString('latin1');
      expected += text;
      if (random.chance(0.3)) output.addPiece(text);
      else if (random.chance(0.5)) output.add(text);
      else output.addBytes(bytes);
      if (random.chance(0.02)) output.flush();
    }
    output.flush();
    t.ok(textOf(written) === expected, `chunks of ${chunkBytes} bytes`);
  }
  t.end();
});

await t.test('bytes are gathered with the text around them, up to a bound', (t) => {
  const { output, written } = makeBuffer(16_384);
  for (let count = 0; count < 100; count++) {
    output.add('* 1 FETCH {6000}');
    output.addBytes(Buffer.alloc(6000, 'x'));
  }
  output.flush();
  const sizes = written.map(({ length }) => length);
  t.same(sizes, [...Array<number>(9).fill(11 * 6016), 6016], 'all but the last fill a block');
  t.ok(
    written.every((data) => data instanceof Uint8Array && data.buffer.byteLength === data.length),
  );
  t.end();
});

await t.test('pieces of a text are gathered as bytes are, and go as bytes', (t) => {
  const { output, written } = makeBuffer(1_000);
  const text = 'x'.repeat(500);
  output.addPiece(text.slice(0, 5));
  output.flush();
  for (let count = 0; count < 9; count++) {
    output.add('x');
    output.addPiece(text);
  }
  output.add('y'.repeat(1_000));
  output.flush();
  output.add('z');
  output.flush();
  t.same(
    written.map((data) => (typeof data === 'string' ? data : data.length)),
    [5, 8 * 501, 501 + 1_000, 'z'],
  );
  t.end();
});

await t.test('what came since the mark is taken back, as long as none of it has left', (t) => {
  const { output, written } = makeBuffer(10_000);
  output.add('a');
  output.addBytes(Buffer.alloc(2000, 'b'));
  output.add('c');
  output.mark();
  output.add('d');
  output.addBytes(Buffer.alloc(2000, 'e'));
  output.addBytes(Buffer.alloc(2000, 'f'));
  output.add('g');
  t.ok(output.takeBack());
  output.add('h');
  output.mark();
  output.add('i');
  t.ok(output.takeBack());
  output.flush();
  t.equal(textOf(written), `a${'b'.repeat(2000)}ch`);
  output.mark();
  output.addBytes(Buffer.alloc(30_000, 'j'));
  t.notOk(output.takeBack(), 'it went as it was');
  output.mark();
  for (let count = 0; count < 5; count++) output.addBytes(Buffer.alloc(10_000, 'k'));
  t.notOk(output.takeBack(), 'a block went');
  t.equal(textOf(written).length, 2003 + 30_000 + 40_000);
  t.end();
});
