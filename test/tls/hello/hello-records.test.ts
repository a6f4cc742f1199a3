import t from 'tap';
import { parseHelloBody } from '../../../tls/hello/client-hello.ts';
import { HelloRecords } from '../../../tls/hello/hello-records.ts';
import { tlsLimits } from '../../../tls/limits.ts';
import {
  captureNodeHello,
  splitIntoRecords,
  withExtension,
} from '../../fixtures/captured-hello.ts';

const hello = await captureNodeHello({ minVersion: 'TLSv1.3', servername: 'mail.example.org' });
const message = hello.subarray(5);
const early = Buffer.from([20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 7, 7]);

/** A hello whose message has as many bytes as it may have, in one record after the other. */
function longestHello(): Buffer {
  // Cipher suites and extensions have two bytes for their lengths, and compression methods one.
  const vectors = [Buffer.alloc(32), Buffer.alloc(65_534), Buffer.alloc(255)];
  const padding = Buffer.alloc(65_535, 0);
  padding.writeUInt16BE(0xfafa, 0);
  padding.writeUInt16BE(65_531, 2);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32),
    Buffer.from([32]),
    vectors[0]!,
    Buffer.from([0xff, 0xfe]),
    vectors[1]!,
    Buffer.from([255]),
    vectors[2]!,
    Buffer.from([0xff, 0xff]),
    padding,
  ]);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(0x0100_0000 + body.length);
  return Buffer.concat([Buffer.alloc(5), header, body]);
}

/** The contents of handshake records, and what follows them. */
function unframe(bytes: Buffer): { fragments: Buffer[]; rest: Buffer } {
  const fragments: Buffer[] = [];
  let at = 0;
  while (bytes[at] === 22) {
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    fragments.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return { fragments, rest: bytes.subarray(at) };
}

/** Pushes chunks; the last of them must complete it. */
function gather(chunks: readonly Buffer[]): HelloRecords {
  const records = new HelloRecords();
  for (const [index, chunk] of chunks.entries()) {
    const result = records.push(chunk);
    const expected = index === chunks.length - 1 ? 'complete' : 'incomplete';
    if (result !== expected) throw new Error(`Chunk ${index} is ${JSON.stringify(result)}`);
  }
  return records;
}

function isWhole(records: HelloRecords, rest: Buffer): boolean {
  const input = unframe(Buffer.concat(records.takeInput()));
  return (
    Buffer.compare(records.body, message.subarray(4)) === 0 &&
    Buffer.concat(input.fragments).equals(message) &&
    input.rest.equals(rest)
  );
}

void t.test('a hello that is cut in two at any byte, in records of any length', async (t) => {
  for (const fragmentBytes of [16_384, 700, 4, 3, 1]) {
    const bytes = splitIntoRecords(hello, fragmentBytes);
    let count = 0;
    // Short records are many bytes; 13 steps through all places in them.
    for (let at = 1; at < bytes.length; at += fragmentBytes < 100 ? 13 : 1) {
      const chunks = [bytes.subarray(0, at), Buffer.concat([bytes.subarray(at), early])];
      if (!isWhole(gather(chunks), early)) t.fail(`at ${at}, in records of ${fragmentBytes} bytes`);
      count += 1;
    }
    t.ok(count > 200, `${count} cuts, in records of ${fragmentBytes} bytes`);
  }
});

void t.test('a hello that comes byte by byte', async (t) => {
  for (const fragmentBytes of [16_384, 700, 1]) {
    const bytes = splitIntoRecords(hello, fragmentBytes);
    const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
    t.ok(isWhole(gather(chunks), Buffer.alloc(0)), `in records of ${fragmentBytes} bytes`);
  }
});

void t.test('a hello in one piece is not copied', async (t) => {
  const bytes = Buffer.concat([hello, early]);
  const input = gather([bytes]).takeInput();
  t.equal(input.length, 1);
  t.equal(input[0], bytes);
});

void t.test('a hello in many records is given on in as few as it needs', async (t) => {
  const long = withExtension(hello, 0xfafa, Buffer.alloc(40_000));
  const { fragments } = unframe(long);
  const whole = Buffer.concat([Buffer.alloc(5), ...fragments]);
  const input = gather([splitIntoRecords(whole, 1)]).takeInput();
  const lengths = unframe(Buffer.concat(input)).fragments.map(({ length }) => length);
  t.same(lengths, [16_384, 16_384, whole.length - 5 - 2 * 16_384 - 1, 1]);
});

void t.test('what is behind the hello in its last record stays there', async (t) => {
  const bytes = splitIntoRecords(hello, 1_000);
  const last = 5 + 1_000;
  bytes.writeUInt16BE(bytes.readUInt16BE(last + 3) + 3, last + 3);
  const input = gather([Buffer.concat([bytes, Buffer.from([9])])]).takeInput();
  const given = Buffer.concat(input);
  t.equal(given.length, bytes.length + 1, 'also if it has not come');
  t.ok(given.equals(Buffer.concat([bytes, Buffer.from([9])])));
});

void t.test('the longest hello, in records of one byte', async (t) => {
  const long = longestHello();
  t.equal(long.length - 9, tlsLimits.helloBytes);
  const bytes = splitIntoRecords(long, 1);
  const records = new HelloRecords();
  const sizes = new Set<number>();
  let result: unknown;
  for (let at = 0; at < bytes.length; at++) {
    result = records.push(bytes.subarray(at, at + 1));
    const messageBytes = Math.ceil((at + 1) / 6);
    if (records.heldBytes > 512 + 2 * messageBytes) t.fail(`${records.heldBytes} bytes at ${at}`);
    sizes.add(records.heldBytes);
  }
  t.equal(result, 'complete');
  t.ok(
    sizes.size <= 12,
    `${sizes.size} buffers, each twice as long, so that a byte is copied twice`,
  );
  t.equal(records.heldBytes, tlsLimits.helloBytes + 4);
  t.ok(parseHelloBody(records.body) !== undefined);
});

void t.test('a hello that announces much holds no more than has come', async (t) => {
  const records = new HelloRecords();
  const announced = splitIntoRecords(longestHello(), 16_384);
  t.equal(records.push(announced.subarray(0, 100)), 'incomplete');
  t.equal(records.heldBytes, 512);
  t.equal(records.push(announced.subarray(100, 20_000)), 'incomplete');
  t.ok(records.heldBytes < 40_000, `${records.heldBytes} bytes`);
});

void t.test('records that break a rule get its alert', async (t) => {
  const header = (type: number, major: number, length: number): Buffer =>
    Buffer.from([type, major, 1, length >> 8, length & 0xff]);
  // The first bytes of a hello, in a record of their own.
  const begun = Buffer.concat([header(22, 3, 4), Buffer.from([1, 1, 0, 0])]);
  const cases: readonly (readonly [string, Buffer, number | undefined])[] = [
    ['the longest', header(22, 3, 16_384), undefined],
    ['one byte more: record_overflow', header(22, 3, 16_385), 22],
    ['an empty one: unexpected_message', header(22, 3, 0), 10],
    ['no handshake: unexpected_message', header(23, 3, 1), 10],
    ['another version: protocol_version', header(22, 2, 1), 70],
  ];
  for (const [name, record, alert] of cases) {
    const wanted = alert === undefined ? 'incomplete' : { kind: 'malformed', alert };
    t.same(new HelloRecords().push(Buffer.concat([begun, record])), wanted, name);
  }
  t.same(new HelloRecords().push(header(22, 3, 16_385)), { kind: 'malformed', alert: 22 });
});
