import { join } from 'node:path';
import * as fc from 'fast-check';
import t from 'tap';
import { SegmentSessionCache } from '../../../tls/index.ts';
import {
  type ClientHello,
  offeredProtocol,
  parseClientHello,
} from '../../../tls/hello/client-hello.ts';
import { tlsLimits } from '../../../tls/limits.ts';
import {
  captureNodeHello,
  captureOpensslHello,
  editExtensions,
  prependPskIdentity,
  splitIntoRecords,
  withExtension,
  withLength,
} from '../../fixtures/captured-hello.ts';
import { skipWithout } from '../../fixtures/clients.ts';
import { lifetimeMs, startAcceptorServer } from '../../fixtures/tls-acceptor-server.ts';
import { visitWithNode, visitWithOpenssl } from '../../fixtures/tls-visit.ts';

const versions = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/** A hello of a client that comes back with a TLS 1.3 session. */
async function captureReturningHello(): Promise<{ hello: Buffer; ids: readonly Uint8Array[] }> {
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const ids: Uint8Array[] = [];
  const server = await startAcceptorServer({
    cache,
    onConnection: ({ socket, sessionIds }) => {
      socket.write('hello\r\n');
      socket.on('close', () => ids.push(...sessionIds)).resume();
    },
  });
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  await server.stop();
  await cache.close();
  const session = sessions.at(-1)!;
  return { hello: await captureNodeHello({ ...versions, session }), ids };
}

function parsed(bytes: Uint8Array): ClientHello {
  const result = parseClientHello(bytes);
  if (result.kind !== 'hello') throw new Error(`It is ${result.kind}`);
  return result.hello;
}

const returning = await captureReturningHello();
const nodeHello = await captureNodeHello({
  ...versions,
  servername: 'mail.example.org',
});

void t.test('the hello of Node in TLS 1.3', async (t) => {
  const hello = parsed(nodeHello);
  t.equal(hello.legacySessionId.length, 32);
  t.equal(hello.serverName, 'mail.example.org');
  t.same(hello.supportedVersions, [0x0304]);
  t.same(hello.pskIdentities, []);
  t.ok(hello.keyShareGroups.includes(0x001d), 'X25519');
  t.ok(hello.hasExtendedMasterSecret);
  t.ok(nodeHello.length > 1_400, 'a post-quantum key share makes it longer than a segment');
});

void t.test('the hello of Node that comes back in TLS 1.3', async (t) => {
  const { pskIdentities, serverName } = parsed(returning.hello);
  t.equal(pskIdentities.length, 1);
  t.equal(serverName, undefined);
  t.ok(
    returning.ids.some((id) => Buffer.compare(id, pskIdentities[0]!) === 0),
    'the identity is the id of a session that the server issued',
  );
  const unknown = Buffer.alloc(32, 1);
  const two = parsed(prependPskIdentity(returning.hello, unknown)).pskIdentities;
  t.same(
    two.map((id) => Buffer.from(id).toString('hex')),
    [unknown.toString('hex'), Buffer.from(pskIdentities[0]!).toString('hex')],
  );
});

void t.test('the hello of Node in TLS 1.2', async (t) => {
  const hello = parsed(await captureNodeHello({ maxVersion: 'TLSv1.2' }));
  t.same(hello.supportedVersions, [0x0303]);
  t.equal(hello.legacySessionId.length, 0);
  t.same(hello.sessionTicket, new Uint8Array(0), 'it would take a ticket');
  t.same(hello.keyShareGroups, []);
  t.ok(hello.hasExtendedMasterSecret);
});

void t.test('the best protocol that is offered', async (t) => {
  const hello = parsed(nodeHello);
  const best = (...supportedVersions: number[]) => offeredProtocol({ ...hello, supportedVersions });
  t.equal(best(0x7a7a, 0x0303, 0x0304, 0x0301), 'TLSv1.3', 'what nobody knows is passed over');
  t.equal(best(0x0303), 'TLSv1.2');
  t.equal(best(0x0302), 'TLSv1.1');
  t.equal(best(0x0301), 'TLSv1');
  t.equal(best(0x0300), 'unknown');
  t.equal(best(), 'unknown');
});

void t.test('all versions count, and none from 1.3 on without their extension', async (t) => {
  const list = Buffer.alloc(2 * 127, 0x7a);
  list.writeUInt16BE(0x0304, list.length - 2);
  t.equal(offeredProtocol(parsed(withExtension(nodeHello, 43, withLength(list, 1)))), 'TLSv1.3');
  const without = editExtensions(nodeHello, (all) => all.filter(([type]) => type !== 43));
  for (const legacy of [0x0303, 0x0304, 0x0305]) {
    without.writeUInt16BE(legacy, 9);
    t.same(parsed(without).supportedVersions, [0x0303], 'RFC 8446, section 4.2.1');
  }
});

void t.test('the hellos of openssl s_client', { skip: skipWithout('openssl') }, async (t) => {
  const both = parsed(await captureOpensslHello([]));
  t.same(both.supportedVersions.slice(0, 2), [0x0304, 0x0303]);
  const plain = parsed(await captureOpensslHello(['-tls1_3', '-no_middlebox']));
  t.equal(plain.legacySessionId.length, 0);
  const named = parsed(await captureOpensslHello(['-servername', 'a.example']));
  t.equal(named.serverName, 'a.example');
  const groups = parsed(await captureOpensslHello(['-tls1_3', '-groups', 'P-521:P-256']));
  t.same(groups.keyShareGroups, [0x0019]);
  const noTicket = parsed(await captureOpensslHello(['-tls1_2', '-no_ticket']));
  t.equal(noTicket.sessionTicket, undefined);

  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const server = await startAcceptorServer({ cache });
  const sessionFile = join(t.testdir({}), 'session');
  await visitWithOpenssl({
    port: server.port,
    version: 'TLSv1.2',
    sessionFile,
    isReturning: false,
  });
  await server.stop();
  await cache.close();
  const returning = parsed(await captureOpensslHello(['-tls1_2', '-sess_in', sessionFile]));
  t.equal(returning.legacySessionId.length, 32);
});

void t.test('a hello that is cut at any byte is incomplete', async (t) => {
  for (const fragmentBytes of [16_384, 1_000, 64]) {
    const bytes = splitIntoRecords(returning.hello, fragmentBytes);
    for (let end = 0; end < bytes.length; end++) {
      const { kind } = parseClientHello(bytes.subarray(0, end));
      if (kind === 'incomplete') continue;
      t.fail(`${end} of ${bytes.length} bytes are ${kind}`);
      break;
    }
    t.same(parsed(bytes), parsed(returning.hello), `in records of ${fragmentBytes} bytes`);
    const more = Buffer.concat([bytes, Buffer.from('more')]);
    t.same(parsed(more), parsed(returning.hello), 'whatever follows it');
  }
});

void t.test('what is no TLS is known by its first bytes', async (t) => {
  const fault = (text: string) => parseClientHello(Buffer.from(text, 'latin1'));
  for (const text of ['a', 'a1 LOGIN alice secret\r\n', 'GET / HTTP/1.1', '\r\n', ' ']) {
    const expected = { kind: 'notTls', alert: 10, isClearText: true };
    t.same(fault(text), expected, JSON.stringify(text));
  }
  for (const [text, alert] of [
    ['\0', 10],
    ['\x03\0\0', 10],
    ['\x15\x03\x01\0\x02\x01\0', 10],
    ['\x14\x03\x03\0\x01\x01', 10],
    ['\x17\x03\x03\0\x01\x01', 10],
    ['\x80\x2e\x01\x03\x01', 70],
    ['\x16\x02', 70],
    ['\x16\x04', 70],
  ] as const) {
    t.same(fault(text), { kind: 'notTls', alert, isClearText: false }, JSON.stringify(text));
  }
  const serverHello = Buffer.from(nodeHello);
  serverHello[5] = 2;
  t.match(parseClientHello(serverHello), { kind: 'notTls', alert: 10 }, 'a ServerHello');
});

void t.test('a hello over the bound is too large as soon as that is known', async (t) => {
  const header = Buffer.from([22, 3, 1, 0x40, 0, 1, 2, 1, 0x44]);
  t.equal(header.readUIntBE(6, 3), 131_396, 'as long as OpenSSL takes it');
  t.same(parseClientHello(header), { kind: 'incomplete' });
  header[8] = 0x45;
  t.same(parseClientHello(header), { kind: 'tooLarge', alert: 47 });
  t.same(parseClientHello(header.subarray(0, 8)), { kind: 'incomplete' });
  const bodyBytes = nodeHello.length - 9;
  t.equal(parseClientHello(nodeHello, bodyBytes).kind, 'hello', 'at the bound');
  t.same(parseClientHello(nodeHello, bodyBytes - 1), { kind: 'tooLarge', alert: 47 });
});

void t.test('a hello whose records break a rule is malformed', async (t) => {
  const malformed = (alert: number) => ({ kind: 'malformed', alert });
  t.same(parseClientHello(Buffer.from([22, 3, 1, 0, 0])), malformed(10), 'an empty record');
  t.same(parseClientHello(Buffer.from([22, 3, 1, 0x40, 1])), malformed(22), 'a record too long');
  const records = splitIntoRecords(nodeHello, 100);
  for (const type of [20, 21, 23, 24, 0x41]) {
    records[105] = type;
    t.same(parseClientHello(records), malformed(10), `a record of type ${type} in between`);
  }
  records[105] = 22;
  records[106] = 2;
  t.same(parseClientHello(records), malformed(70), 'a record of another major version');
});

void t.test('a hello whose inside is broken is malformed', async (t) => {
  for (const [position, byte] of [
    [43, 33],
    [43, 255],
    [76, 255],
  ] as const) {
    const broken = Buffer.from(nodeHello);
    broken[position] = byte;
    t.same(parseClientHello(broken), { kind: 'malformed', alert: 50 }, `byte ${position}`);
  }
  const twice = (type: number) =>
    editExtensions(nodeHello, (extensions) => [
      [type, Buffer.alloc(0)],
      ...extensions,
      [type, Buffer.alloc(0)],
    ]);
  t.equal(parseClientHello(twice(35)).kind, 'malformed', 'an extension twice');
  t.equal(parseClientHello(twice(0xfafa)).kind, 'hello', 'one that is not read');
  for (const type of [0, 43, 51]) {
    const broken = withExtension(nodeHello, type, Buffer.from([9, 9, 0]));
    t.equal(parseClientHello(broken).kind, 'malformed', `extension ${type}`);
  }
});

void t.test('looks at the first few of a list only', async (t) => {
  const identity = Buffer.from([0, 1, 7, 0, 0, 0, 0]);
  const list = Buffer.concat(Array.from({ length: 9_000 }, () => identity));
  const many = withExtension(nodeHello, 41, withLength(list, 2));
  t.equal(parsed(many).pskIdentities.length, tlsLimits.helloListItems);
});

void t.test('takes the name of a host, and ignores what can be none', async (t) => {
  const nameOf = (name: string): string | undefined => {
    const entry = [Buffer.alloc(1), withLength(Buffer.from(name, 'latin1'), 2)];
    return parsed(withExtension(nodeHello, 0, withLength(Buffer.concat(entry), 2))).serverName;
  };
  const longest = `${'a.'.repeat(126)}abc`;
  for (const name of ['Mail.Example.ORG', 'a-b.c_d.e9-x', '_x._y', 'xn--bcher-kva.', longest]) {
    t.equal(nameOf(name), name);
  }
  t.equal(nameOf('a'.repeat(63)), 'a'.repeat(63), 'the longest label');
  for (const name of [
    '',
    '.',
    '-a',
    'a-',
    'a..b',
    '.a',
    'a..',
    'a b',
    'a/b',
    'a\0',
    'b\xfccher',
    '[::1]',
    '*.a',
    `${longest}d`,
    'a'.repeat(64),
  ]) {
    t.equal(nameOf(name), undefined, JSON.stringify(name));
  }
});

void t.test('keeps nothing of the bytes that it was read from', async (t) => {
  const bytes = Buffer.from(returning.hello);
  const { legacySessionId, pskIdentities, sessionTicket } = parsed(bytes);
  const kept = [legacySessionId, ...pskIdentities, sessionTicket ?? new Uint8Array(0)];
  for (const { buffer } of kept) t.not(buffer, bytes.buffer);
});

void t.test('never throws, whatever the bytes are', async (t) => {
  const kinds = ['incomplete', 'notTls', 'tooLarge', 'malformed', 'hello'];
  const check = (bytes: Uint8Array): boolean => {
    const result = parseClientHello(bytes);
    return kinds.includes(result.kind);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600, size: 'max' }), check), { numRuns: 2_000 });
  const inHandshake = fc.uint8Array({ maxLength: 600, size: 'max' }).map((body) => {
    const message = [1, 0, body.length >> 8, body.length & 0xff, ...body];
    return Uint8Array.from([22, 3, 1, message.length >> 8, message.length & 0xff, ...message]);
  });
  fc.assert(fc.property(inHandshake, check), { numRuns: 2_000 });
  t.pass('for random bytes');
});

void t.test('never throws on mutations of real hellos', async (t) => {
  const hellos = [nodeHello, returning.hello, splitIntoRecords(returning.hello, 50)];
  const mutation = fc.record({
    position: fc.nat({ max: 2_000 }),
    kind: fc.constantFrom('set', 'insert', 'remove', 'cut'),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat({ max: 255 })),
  });
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(...hellos),
      fc.array(mutation, { minLength: 1, maxLength: 8 }),
      (hello, mutations) => {
        const bytes = [...hello];
        for (const { position, kind, byte } of mutations) {
          const at = position % Math.max(1, bytes.length);
          if (kind === 'set') bytes[at] = byte;
          else if (kind === 'insert') bytes.splice(at, 0, byte);
          else if (kind === 'remove') bytes.splice(at, 1);
          else if (byte === 0) bytes.length = at;
        }
        seen.add(parseClientHello(Uint8Array.from(bytes)).kind);
      },
    ),
    { numRuns: 3_000 },
  );
  t.same([...seen].toSorted(), ['hello', 'incomplete', 'malformed', 'notTls', 'tooLarge']);
});
