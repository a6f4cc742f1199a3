import {
  constants,
  createDeflateRaw,
  deflateRawSync,
  inflateRawSync,
  type ZlibOptions,
} from 'node:zlib';
import t from 'tap';
import { InflateError, Inflater } from '../../../../server/net/compression/inflater.ts';
import { inflatedPieceBytes, windowBytes } from '../../../../server/net/compression/limits.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const { Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH, Z_NO_FLUSH, Z_BLOCK } = constants;
const longestMatch = 258;
const random = new SeededRandom(1);

function randomBytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** Of text, of noise, or of one thing again and again. */
function randomText(length: number): Buffer {
  const kind = random.below(3);
  if (kind === 0) return randomBytes(length);
  if (kind === 1) return Buffer.alloc(length, 'ab');
  let text = '';
  while (text.length < length)
    text += `* ${random.below(999)} FETCH (UID ${random.below(99)} FLAGS (\\Seen))\r\n`;
  return Buffer.from(text.slice(0, length));
}

/** Zlib's own stream, flushed as a client likes. */
function startDeflate(options: ZlibOptions) {
  const stream = createDeflateRaw(options);
  let deflated: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => deflated.push(chunk));
  const take = (): Buffer => {
    const taken = Buffer.concat(deflated);
    deflated = [];
    return taken;
  };
  return {
    write: async (bytes: Buffer, flush: number): Promise<Buffer> => {
      stream.write(bytes);
      await new Promise<void>((resolve) => stream.flush(flush, () => setImmediate(resolve)));
      return take();
    },
    end: async (): Promise<Buffer> => {
      await new Promise((resolve) => stream.once('end', resolve).end());
      return take();
    },
  };
}

function readAll(inflater: Inflater): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = inflater.next(); piece !== undefined; piece = inflater.next())
    pieces.push(piece);
  return Buffer.concat(pieces);
}

function inflate(bytes: Buffer): Buffer {
  const inflater = new Inflater();
  inflater.push(bytes);
  return readAll(inflater);
}

await t.test('what zlib deflates is read, however it is flushed and cut', async (t) => {
  for (let round = 0; round < 60; round++) {
    const options = {
      level: random.below(10),
      strategy: random.below(5),
      memLevel: 1 + random.below(9),
      windowBits: 9 + random.below(7),
    };
    const deflate = startDeflate(options);
    const inflater = new Inflater();
    const sent: Buffer[] = [];
    const read: Buffer[] = [];
    const give = (bytes: Buffer): void => {
      for (let at = 0; at < bytes.length;) {
        const count = random.below(3) === 0 ? 1 : 1 + random.below(20_000);
        inflater.push(bytes.subarray(at, at + count));
        at += count;
        // Sometimes more comes before anybody reads.
        if (random.below(8) > 0) read.push(readAll(inflater));
      }
      read.push(readAll(inflater));
    };
    for (let count = 0; count < 6; count++) {
      const text = randomText(
        random.below(4) === 0 ? random.below(100_000) : 1 + random.below(300),
      );
      const flush = [Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH, Z_NO_FLUSH, Z_BLOCK][
        random.below(5)
      ]!;
      sent.push(text);
      give(await deflate.write(text, flush));
      if (flush === Z_NO_FLUSH || flush === Z_BLOCK) continue;
      const isWhole = Buffer.concat(read).equals(Buffer.concat(sent));
      if (!isWhole) t.fail(`all that was flushed, ${JSON.stringify({ round, flush, ...options })}`);
    }
    t.equal(inflater.hasEnded, false);
    give(await deflate.end());
    t.ok(Buffer.concat(read).equals(Buffer.concat(sent)), JSON.stringify(options));
    t.equal(inflater.hasEnded, true);
  }
});

await t.test('what is broken is refused as zlib refuses it', (t) => {
  const whole = deflateRawSync(randomText(20_000), { finishFlush: Z_SYNC_FLUSH });
  let refusedCount = 0;
  for (let round = 0; round < 600; round++) {
    const bytes = round % 2 === 0 ? Buffer.from(whole) : randomBytes(1 + random.below(300));
    if (round % 2 === 0) bytes[random.below(bytes.length)] = random.below(256);
    let expected: Buffer | undefined;
    try {
      expected = inflateRawSync(bytes, { finishFlush: Z_SYNC_FLUSH });
    } catch {
      refusedCount += 1;
    }
    const told = `${round}: ${bytes.toString('hex').slice(0, 80)}`;
    if (expected === undefined) t.throws(() => inflate(bytes), InflateError, told);
    else t.ok(inflate(bytes).equals(expected), told);
  }
  t.ok(refusedCount > 200, `${refusedCount} were broken`);
  t.end();
});

await t.test('each fault is told', (t) => {
  for (const [hex, reason] of [
    ['07', 'there is no block of type 3'],
    ['010100ffff', 'a stored block has two sizes'],
    ['e5028000', 'a code is no code'],
    ['fc00', 'a block has too many codes'],
    ['0202', 'it refers to what has not been'],
    ['04009204', 'a code is no code'],
    ['04001200000000', 'the codes of a block cannot be read'],
    ['1b03000000', 'there is no such length'],
  ] as const) {
    const error = t.throws(() => inflate(Buffer.from(`${hex}000000`, 'hex')), InflateError, hex);
    t.match(error, { message: `Cannot inflate what was sent: ${reason}` }, hex);
  }
  t.end();
});

await t.test('a bomb becomes pieces of a bounded size', (t) => {
  const bomb = deflateRawSync(Buffer.alloc(20_000_000), { finishFlush: Z_SYNC_FLUSH });
  const inflater = new Inflater();
  inflater.push(bomb);
  let totalBytes = 0;
  for (let piece = inflater.next(); piece !== undefined; piece = inflater.next()) {
    totalBytes += piece.length;
    if (piece.length > inflatedPieceBytes + longestMatch) t.fail(`${piece.length} bytes`);
    if (inflater.heldBytes > windowBytes + bomb.length + 16) t.fail('more is held');
  }
  t.equal(totalBytes, 20_000_000);
  t.end();
});

await t.test('what is held is what was said, up to the window', async (t) => {
  for (const flush of [Z_SYNC_FLUSH, Z_PARTIAL_FLUSH]) {
    const deflate = startDeflate({});
    const inflater = new Inflater();
    t.equal(inflater.heldBytes, 0);
    inflater.push(await deflate.write(Buffer.from('a1 NOOP\r\n'), flush));
    t.equal(readAll(inflater).toString(), 'a1 NOOP\r\n');
    t.ok(inflater.heldBytes <= 1024 + 16, `${inflater.heldBytes} of a command`);
    inflater.push(await deflate.write(randomBytes(100_000), flush));
    t.equal(readAll(inflater).length, 100_000);
    t.ok(inflater.heldBytes <= windowBytes + 16, `${inflater.heldBytes} of much`);
  }
});

await t.test('behind the end nothing is read', (t) => {
  const inflater = new Inflater();
  inflater.push(Buffer.concat([deflateRawSync('bye'), Buffer.from('a NOOP\r\n')]));
  t.equal(readAll(inflater).toString(), 'bye');
  inflater.push(Buffer.from('b NOOP\r\n'));
  t.equal(inflater.next(), undefined);
  t.equal(inflater.hasEnded, true);
  t.end();
});
