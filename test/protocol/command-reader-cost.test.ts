import t from 'tap';
import {
  idLimitsBeforeLogin,
  limitsAfterLogin,
  limitsBeforeLogin,
  type ReaderLimits,
} from '../../protocol/limits.ts';
import { makeReader } from '../fixtures/read-events.ts';
import { commandsWithPour } from '../fixtures/streaming-command.ts';

/** Bytes that were searched, copied, and allocated for what is gathered. */
const cost = { searched: 0, copied: 0, allocated: 0, largest: 0 };

/** Buffers that count what is done with them. */
const countingPrototype = Object.create(Buffer.prototype, {
  indexOf: {
    value(this: Buffer, byte: number) {
      const at = Buffer.prototype.indexOf.call(this, byte);
      cost.searched += at < 0 ? this.length : at + 1;
      return at;
    },
  },
  subarray: {
    value(this: Buffer, start?: number, end?: number) {
      return counted(Buffer.prototype.subarray.call(this, start, end));
    },
  },
}) as object;

function counted(chunk: Buffer): Buffer {
  return Object.setPrototypeOf(chunk, countingPrototype) as Buffer;
}

const allocUnsafeSlow = Buffer.allocUnsafeSlow.bind(Buffer);
Buffer.allocUnsafeSlow = (size) => {
  cost.allocated += size;
  cost.largest = Math.max(cost.largest, size);
  const buffer = allocUnsafeSlow(size);
  Object.defineProperty(buffer, 'set', {
    value: (bytes: Uint8Array, offset?: number) => {
      cost.copied += bytes.length;
      Uint8Array.prototype.set.call(buffer, bytes, offset);
    },
  });
  return buffer;
};
t.teardown(() => {
  Buffer.allocUnsafeSlow = allocUnsafeSlow;
});

/** What it costs to read a text in chunks of a size, and how many bytes never came out as pending. */
function measure(text: string, chunkBytes: number, isAuthenticated = true): typeof cost {
  const bytes = Buffer.from(text, 'latin1');
  Object.assign(cost, { searched: 0, copied: 0, allocated: 0, largest: 0 });
  const reader = makeReader({ isAuthenticated, commands: commandsWithPour });
  for (let at = 0; at < text.length; at += chunkBytes) {
    reader.push(counted(bytes.subarray(at, at + chunkBytes)));
    while (reader.next());
    if (reader.pendingBytes > 0) throw new Error('The reader left bytes behind');
  }
  return { ...cost };
}

const inputs = {
  'a long line': `a LOGIN b ${'x'.repeat(60_000)}\r\n`,
  'a line that is refused and dropped': `a LOGIN b ${'x'.repeat(500_000)}\r\n`,
  'a literal': `a LOGIN b {60000+}\r\n${'x'.repeat(60_000)}\r\n`,
  'many literals': `a SEARCH ${`TO {400+}\r\n${'x'.repeat(400)} `.repeat(100)}ALL\r\n`,
  'a long ID before login': `a ID ("${'x'.repeat(35_000)}\r\n`,
  'several messages': `a POUR b {100000+}\r\n${'x'.repeat(100_000)}${` ADD ${'y'.repeat(60_000)} {1000+}\r\n${'x'.repeat(1000)}`.repeat(4)}\r\n`,
  'a message': `a APPEND b {300000+}\r\n${'x'.repeat(300_000)}\r\n`,
  'many commands': 'a NOOP\r\n'.repeat(10_000),
  'many line feeds': '\n'.repeat(10_000),
};

await t.test('the cost is linear, one byte at a time as well', (t) => {
  for (const [name, text] of Object.entries(inputs)) {
    for (const chunkBytes of [1, 2, 100, 65_536]) {
      const { searched, copied, allocated } = measure(
        text,
        chunkBytes,
        !name.includes('before login'),
      );
      const label = `${name} in chunks of ${chunkBytes}`;
      // The chunk in which a line gets too long is searched once more, to drop it
      t.ok(
        searched <= text.length + chunkBytes,
        `${label}: searched ${searched} of ${text.length}`,
      );
      t.ok(copied <= 3 * text.length, `${label}: copied ${copied} of ${text.length}`);
      // A command costs at least the smallest room that there is
      const most = 4 * text.length + (name === 'many commands' ? 256 * 10_000 : 1024);
      t.ok(allocated <= most, `${label}: allocated ${allocated} of ${text.length}`);
    }
  }
  t.end();
});

await t.test('whole lines and messages are not copied', (t) => {
  t.equal(measure(inputs['many commands'], 8).allocated, 0);
  t.equal(measure(inputs['a message'], 65_536).allocated, 0);
  t.end();
});

await t.test('a reader holds no more than its bounds, whatever comes', (t) => {
  // Room doubles, so there may be as much again
  const bound = (limits: ReaderLimits) => 2 * (limits.lineBytes + limits.commandLiteralBytes);
  for (const begin of [
    'x',
    'a LOGIN "',
    'a LOGIN {60000+}\r\n',
    'a LOGIN {4000}\r\n',
    'a FOO {60000+}\r\n',
    'a APPEND b {1000000+}\r\n',
    'a POUR b {1+}\r\ny ADD ',
    `a POUR b {1+}\r\ny ${'ADD {60000+}\r\n'.padEnd(60_000)}`,
    'a ID ("',
    `a ID (${`{4000+}\r\n${'x'.repeat(4000)} `.repeat(200)}`,
    `a SEARCH ${`TO {4000+}\r\n${'x'.repeat(4000)} `.repeat(200)}`,
    `a SEARCH ${`TO {60000+}\r\n${'x'.repeat(60_000)} `.repeat(20)}`,
    `a SEARCH ${'TO {0+}\r\n '.repeat(200)}`,
    `a SEARCH ${`${'(ALL '.repeat(1000)}{0+}\r\n `.repeat(40)}`,
  ]) {
    const text = begin + 'y'.repeat(300_000);
    for (const [isAuthenticated, limits] of [
      [true, limitsAfterLogin],
      [false, begin.startsWith('a ID') ? idLimitsBeforeLogin : limitsBeforeLogin],
    ] as const) {
      const { largest } = measure(text, 1000, isAuthenticated);
      t.ok(largest <= bound(limits), `${largest} bytes for ${JSON.stringify(begin.slice(0, 30))}`);
    }
  }
  t.end();
});

await t.test('what is announced and not sent costs nothing', (t) => {
  const { largest } = measure('a LOGIN {65536+}\r\n', 100);
  t.ok(largest <= 256, `${largest} bytes`);
  t.end();
});
