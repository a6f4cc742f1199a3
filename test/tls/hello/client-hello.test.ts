import { join } from 'node:path';
import * as fc from 'fast-check';
import t from 'tap';
import { type ClientHello, parseClientHello, SegmentSessionCache } from '../../../tls/index.ts';
import { offeredProtocol } from '../../../tls/hello/client-hello.ts';
import { tlsLimits } from '../../../tls/limits.ts';
import {
  captureNodeHello,
  captureOpensslHello,
  prependPskIdentity,
  splitIntoRecords,
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
  ALPNProtocols: ['imap', 'x'],
});

void t.test('the hello of Node in TLS 1.3', async (t) => {
  const hello = parsed(nodeHello);
  t.equal(hello.legacySessionId.length, 32);
  t.equal(hello.serverName, 'mail.example.org');
  t.same(hello.alpn, ['imap', 'x']);
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

void t.test('the hellos of openssl s_client', { skip: skipWithout('openssl') }, async (t) => {
  const both = parsed(await captureOpensslHello([]));
  t.same(both.supportedVersions.slice(0, 2), [0x0304, 0x0303]);
  const plain = parsed(await captureOpensslHello(['-tls1_3', '-no_middlebox']));
  t.equal(plain.legacySessionId.length, 0);
  const named = parsed(await captureOpensslHello(['-servername', 'a.example', '-alpn', 'imap']));
  t.equal(named.serverName, 'a.example');
  t.same(named.alpn, ['imap']);
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

void t.test(
  'a hello that is cut at any byte is incomplete, and says how much it needs',
  async (t) => {
    for (const fragmentBytes of [16_384, 1_000, 64]) {
      const bytes = splitIntoRecords(returning.hello, fragmentBytes);
      for (let end = 0; end < bytes.length; end++) {
        const result = parseClientHello(bytes.subarray(0, end));
        if (result.kind !== 'incomplete') {
          t.fail(`${end} of ${bytes.length} bytes are ${result.kind}`);
          break;
        }
        if (result.neededBytes <= end || result.neededBytes > bytes.length) {
          t.fail(`${end} of ${bytes.length} bytes need ${result.neededBytes}`);
          break;
        }
      }
      t.same(parsed(bytes), parsed(returning.hello), `in records of ${fragmentBytes} bytes`);
      const more = Buffer.concat([bytes, Buffer.from('more')]);
      t.same(parsed(more), parsed(returning.hello), 'whatever follows it');
    }
  },
);

void t.test('with fewer bytes than are needed the answer is the same', async (t) => {
  const bytes = splitIntoRecords(returning.hello, 100);
  let end = 0;
  let rounds = 0;
  for (; ; rounds++) {
    const result = parseClientHello(bytes.subarray(0, end));
    if (result.kind !== 'incomplete') break;
    for (let less = end; less < result.neededBytes; less += 13) {
      if (parseClientHello(bytes.subarray(0, less)).kind !== 'incomplete') t.fail(`at ${less}`);
    }
    end = result.neededBytes;
  }
  t.equal(end, bytes.length);
  // The first answers are the headers; each later one leaves out no more than the headers that lie between.
  t.ok(rounds <= 6, `${rounds} rounds`);
});

void t.test('what is no TLS is known by its first bytes', async (t) => {
  for (const text of [
    'a',
    'a1 LOGIN alice secret\r\n',
    '\0',
    '\x80\x2e\x01\x03\x01',
    'GET / HTTP/1.1',
  ]) {
    t.same(parseClientHello(Buffer.from(text, 'latin1')), { kind: 'notTls' }, JSON.stringify(text));
  }
  t.same(parseClientHello(Buffer.from([22, 2])), { kind: 'notTls' }, 'another major version');
  t.same(parseClientHello(Buffer.from([21, 3, 1, 0, 2, 1, 0])), { kind: 'notTls' }, 'an alert');
  const serverHello = Buffer.from(nodeHello);
  serverHello[5] = 2;
  t.same(parseClientHello(serverHello), { kind: 'notTls' }, 'a ServerHello');
});

void t.test('a hello over the bound is too large as soon as that is known', async (t) => {
  const header = Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x40, 0]);
  t.same(parseClientHello(header), { kind: 'tooLarge' });
  t.same(parseClientHello(header.subarray(0, 7)), { kind: 'incomplete', neededBytes: 9 });
  t.same(parseClientHello(nodeHello, nodeHello.length).kind, 'hello', 'at the bound');
  t.same(parseClientHello(nodeHello, nodeHello.length - 1), { kind: 'tooLarge' });
  const drops = splitIntoRecords(nodeHello, 1);
  const { helloRecords } = tlsLimits;
  t.equal(parseClientHello(drops.subarray(0, 6 * helloRecords)).kind, 'incomplete');
  t.equal(parseClientHello(drops).kind, 'tooLarge', 'in too many records');
});

void t.test('a hello whose inside is broken is malformed', async (t) => {
  for (const [position, byte] of [
    [43, 33],
    [43, 255],
    [76, 255],
  ] as const) {
    const broken = Buffer.from(nodeHello);
    broken[position] = byte;
    t.same(parseClientHello(broken), { kind: 'malformed' }, `byte ${position}`);
  }
  t.same(parseClientHello(Buffer.from([22, 3, 1, 0, 0])), { kind: 'malformed' }, 'an empty record');
  const interrupted = splitIntoRecords(nodeHello, 100);
  interrupted[105] = 21;
  t.same(parseClientHello(interrupted), { kind: 'malformed' }, 'another record in between');
});

void t.test('never throws, whatever the bytes are', async (t) => {
  const kinds = ['incomplete', 'notTls', 'tooLarge', 'malformed', 'hello'];
  const check = (bytes: Uint8Array): boolean => {
    const result = parseClientHello(bytes);
    if (result.kind === 'incomplete' && result.neededBytes <= bytes.length) return false;
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
