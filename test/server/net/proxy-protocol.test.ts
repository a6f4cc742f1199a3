import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket, SocketAddress } from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import {
  AddressRanges,
  parseProxyHeader,
  ProxyHeaderError,
  readProxyHeader,
} from '../../../server/net/proxy-protocol.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';

function text(line: string): Buffer {
  return Buffer.from(line, 'latin1');
}

/** A header of version 2. */
function binary(versionAndCommand: number, family: number, body: Uint8Array): Buffer {
  const fixed = Buffer.alloc(4);
  fixed[0] = versionAndCommand;
  fixed[1] = family;
  fixed.writeUInt16BE(body.length, 2);
  return Buffer.concat([text(signature), fixed, body]);
}

const ipv4Body = Uint8Array.of(192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 3, 225);
const ipv6Body = Buffer.from(
  '20010db800000000000000000000000720010db8000000000000000000000001303903e1',
  'hex',
);

const headers: readonly (readonly [name: string, bytes: Buffer, address: string | undefined])[] = [
  ['TCP4', text('PROXY TCP4 192.0.2.7 198.51.100.1 12345 993\r\n'), '192.0.2.7'],
  ['TCP6', text('PROXY TCP6 2001:db8::7 2001:db8::1 12345 993\r\n'), '2001:db8::7'],
  ['UNKNOWN', text('PROXY UNKNOWN\r\n'), undefined],
  ['UNKNOWN with more', text(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`), undefined],
  ['binary IPv4', binary(0x21, 0x11, ipv4Body), '192.0.2.7'],
  ['binary IPv6', binary(0x21, 0x21, ipv6Body), '2001:db8::7'],
  [
    'binary with extensions',
    binary(0x21, 0x11, Buffer.concat([ipv4Body, Buffer.alloc(500)])),
    '192.0.2.7',
  ],
  ['LOCAL', binary(0x20, 0x00, new Uint8Array(0)), undefined],
  ['LOCAL with addresses', binary(0x20, 0x11, ipv4Body), undefined],
  ['unspecified family', binary(0x21, 0x00, new Uint8Array(9)), undefined],
  ['a UNIX socket', binary(0x21, 0x31, new Uint8Array(216)), undefined],
];

await t.test('each kind of header, however much stands behind it', (t) => {
  for (const [name, bytes, address] of headers) {
    const expected = { kind: 'header', header: { address, sizeBytes: bytes.length } };
    t.strictSame(parseProxyHeader(bytes), expected, name);
    const more = Buffer.concat([bytes, text('a LOGIN b c\r\n')]);
    t.strictSame(parseProxyHeader(more), expected, `${name}, and more`);
  }
  t.end();
});

await t.test('a header that is not whole is incomplete, at every byte', (t) => {
  for (const [name, bytes] of headers) {
    const kinds = new Set<string>();
    for (let end = 0; end < bytes.length; end++) {
      kinds.add(parseProxyHeader(bytes.subarray(0, end)).kind);
    }
    t.strictSame([...kinds], ['incomplete'], name);
  }
  t.end();
});

await t.test('what is none, or breaks a bound', (t) => {
  const cases: readonly (readonly [bytes: Buffer, reason: RegExp])[] = [
    [text('a'), /there is none/],
    [text('\r\n\r\n\0\r\nQUIZ'), /there is none/],
    [text('PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n'), /protocol/],
    [text('PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n'), /two addresses/],
    [text('PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n'), /two addresses/],
    [text('PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n'), /two addresses/],
    [text('PROXY TCP4 ::1 ::1 1 2\r\n'), /two addresses/],
    [text('PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n'), /two addresses/],
    [text('PROXY TCP6 fe80::1%lo ::1 1 2\r\n'), /two addresses/],
    [text('PROXY TCP6 ::1 fe80::1%lo 1 2\r\n'), /two addresses/],
    [text('PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'), /two addresses/],
    [text('PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n'), /two addresses/],
    [text(`PROXY UNKNOWN ${'f'.repeat(93)}`), /longer than 107/],
    [binary(0x11, 0x11, ipv4Body), /version is 1/],
    [binary(0x22, 0x11, ipv4Body), /command is 2/],
    [binary(0x21, 0x41, ipv4Body), /address family/],
    [binary(0x21, 0x13, ipv4Body), /address family/],
    [binary(0x21, 0x11, ipv4Body.subarray(1)), /too short/],
    [binary(0x21, 0x21, ipv4Body), /too short/],
    [binary(0x21, 0x11, new Uint8Array(5_000)).subarray(0, 16), /longer than 4096/],
  ];
  for (const [bytes, reason] of cases) {
    t.match(parseProxyHeader(bytes), { kind: 'malformed', reason }, JSON.stringify(String(bytes)));
  }
  t.end();
});

await t.test('any address comes out as it went in', (t) => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
      const body = Buffer.concat([
        Uint8Array.from(address.split('.').map(Number)),
        Uint8Array.of(127, 0, 0, 1, port >> 8, port & 255, 0, 1),
      ]);
      t.match(parseProxyHeader(binary(0x21, 0x11, body)), { header: { address } });
      const line = text(`PROXY TCP4 ${address} 127.0.0.1 ${port} 1\r\n`);
      t.match(parseProxyHeader(line), { header: { address } });
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const body = Buffer.concat([bytes, Buffer.alloc(20)]);
      const result = parseProxyHeader(binary(0x21, 0x21, body));
      const text = Buffer.from(bytes)
        .toString('hex')
        .replaceAll(/(.{4})(?!$)/g, '$1:');
      const { address } = new SocketAddress({ address: text, family: 'ipv6' });
      t.match(result, { kind: 'header', header: { address } });
    }),
    { numRuns: 50 },
  );
  t.end();
});

await t.test('no bytes throw, and no header is longer than its bounds', (t) => {
  const starts = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', signature, `${signature}\x21\x11`);
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
      const result = parseProxyHeader(Buffer.concat([text(start), rest]));
      if (result.kind === 'header') t.ok(result.header.sizeBytes <= start.length + rest.length);
    }),
    { numRuns: 500 },
  );
  t.end();
});

async function makePair(t: Test): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    far.destroy();
    near.destroy();
    server.close();
  });
  far.on('error', () => {});
  near.on('error', () => {});
  far.setNoDelay(true);
  return { near, far };
}

await t.test(
  'the header is read from a socket, and what stands behind it stays there',
  async (t) => {
    for (const [name, bytes, address] of headers) {
      const { near, far } = await makePair(t);
      const read = readProxyHeader(near, 10_000);
      const all = Buffer.concat([bytes, text('rest')]);
      for (let at = 0; at < all.length; at += 7) {
        far.write(all.subarray(at, at + 7));
        await new Promise((resolve) => setImmediate(resolve));
      }
      t.match(await read, { address }, name);
      t.equal(near.listenerCount('readable'), 0);
      far.end();
      t.equal(String(Buffer.concat((await near.toArray()) as Buffer[])), 'rest', name);
    }
  },
);

await t.test('a header that never ends is not waited for', async (t) => {
  const { near, far } = await makePair(t);
  far.write('PROXY TC');
  await t.rejects(readProxyHeader(near, 20), new ProxyHeaderError('it does not come in time'));
  const second = await makePair(t);
  second.far.end('PROXY TC');
  t.equal(await readProxyHeader(second.near, 10_000), undefined);
  const third = await makePair(t);
  third.far.resetAndDestroy();
  t.equal(await readProxyHeader(third.near, 10_000), undefined);
  t.equal(await readProxyHeader(third.near, 10_000), undefined, 'also if it is gone already');
});

await t.test('ranges of addresses', (t) => {
  const ranges = new AddressRanges(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1']);
  for (const address of ['10.1.2.3', '192.0.2.7', '::ffff:10.1.2.3', 'fd12::1', '::1']) {
    t.equal(ranges.includes(address), true, address);
  }
  for (const address of [
    '11.0.0.1',
    '192.0.2.8',
    '::ffff:11.0.0.1',
    'fe80::1%lo',
    '::2',
    '',
    'x',
  ]) {
    t.equal(ranges.includes(address), false, address);
  }
  t.end();
});
