// ClientHellos as no client should send them: cut anywhere, spread over any number of records, with other records in
// between, too long, malformed. Each is served, or refused by the right alert; none by a silent end.
import { once } from 'node:events';
import { connect as connectPlain, createServer, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import {
  captureNodeHello,
  editExtensions,
  splitIntoRecords,
  withExtension,
} from '../fixtures/captured-hello.ts';
import { answerToHello } from '../fixtures/raw-tls.ts';
import { startInMode, tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import { type TlsVersion, visitWithNode } from '../fixtures/tls-visit.ts';

const modes = ['stateful', 'tickets'] as const;
/** One classical key share, so that a hello has some 400 bytes. */
const short = { ecdhCurve: 'X25519:P-256' };
/** Connections that are tried at the same time. */
const atOnce = 16;
const refused = (number: number) => ({ kind: 'alert', level: 2, number });
const served = { kind: 'serverHello', isRetry: false };

/** A hello that comes back with a session, in one record. */
async function returningHello(port: number, version: TlsVersion): Promise<Buffer> {
  const { sessions } = await visitWithNode({ port, version, tls: short });
  const versions = { minVersion: version, maxVersion: version };
  return captureNodeHello({ ...versions, ...short, session: sessions.at(-1)! });
}

for (const mode of modes) {
  for (const version of tlsVersions) {
    await t.test(`a hello that is cut in two at any byte, ${mode}, ${version}`, async (t) => {
      const { port } = await startInMode(t, mode);
      const hello = await returningHello(port, version);
      const whole = await answerToHello(port, hello);
      t.match(whole, { ...served, ...(version === 'TLSv1.3' && { identity: 0 }) }, 'control');
      // Another place for the records with each place for the bytes.
      const check = async (at: number): Promise<void> => {
        const place = 5 + ((at * 7) % (hello.length - 6)) + 1;
        const records = [hello.subarray(5, place), hello.subarray(place)].map(inRecord);
        const bytes = at % 2 === 0 ? hello : Buffer.concat(records);
        const answer = await answerToHello(port, bytes.subarray(0, at), bytes.subarray(at));
        if (!isSame(answer, whole)) t.fail(`at ${at}, ${place}: ${JSON.stringify(answer)}`);
      };
      for (let at = 1; at < hello.length; at += atOnce) {
        const places = Array.from(
          { length: Math.min(atOnce, hello.length - at) },
          (_, i) => at + i,
        );
        await Promise.all(places.map(check));
      }
    });

    await t.test(`a handshake whose client cuts its records, ${mode}, ${version}`, async (t) => {
      const { port } = await startInMode(t, mode);
      const { sessions } = await visitWithNode({ port, version });
      let session = sessions.at(-1)!;
      for (const fragmentBytes of [1, 2, 3, 4, 5, 63, 64, 255, 1_000]) {
        const proxy = await startCuttingProxy(t, port, fragmentBytes);
        const full = await visitWithNode({ port: proxy, version });
        t.equal(full.isResumed, false);
        const visit = await visitWithNode({ port: proxy, version, session });
        t.equal(visit.isResumed, true, `in records of ${fragmentBytes} bytes`);
        session = visit.sessions.at(-1)!;
      }
    });
  }

  await t.test(`a hello of up to 128 KiB, ${mode}`, async (t) => {
    const { port } = await startInMode(t, mode);
    const hello = await captureNodeHello({ minVersion: 'TLSv1.3' });
    for (const bytes of [15_000, 16_384, 60_000]) {
      const long = withExtension(hello, 0xfafa, Buffer.alloc(bytes));
      t.match(await answerToHello(port, long), served, `an extension of ${bytes} bytes`);
    }
    const longest = withManySuites(withExtension(hello, 0xfafa, Buffer.alloc(60_000)), 32_700);
    t.ok(longest.length > 125_000, `${longest.length} bytes`);
    for (const fragmentBytes of [16_384, 1]) {
      const bytes = splitIntoRecords(longest, fragmentBytes);
      t.match(await answerToHello(port, bytes), served, `in records of ${fragmentBytes} bytes`);
      const half = bytes.length / 2;
      const parts = [bytes.subarray(0, half), bytes.subarray(half)];
      t.match(await answerToHello(port, ...parts), served, 'and in two parts');
    }
    const tooLong = Buffer.from([22, 3, 1, 0x40, 0, 1, 2, 1, 0x45]);
    t.same(await answerToHello(port, tooLong), refused(47), 'illegal_parameter past it');
    t.same(await answerToHello(port, tooLong, Buffer.alloc(200_000, 1)), refused(47));
  });
}

await t.test('records that break a rule', async (t) => {
  const { port } = await startInMode(t, 'stateful');
  const hello = await captureNodeHello({ minVersion: 'TLSv1.3', ...short });
  const changed = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(hello);
    bytes[at] = byte;
    return bytes;
  };
  /** Another record between the two that the hello is in. */
  const interrupted = (...record: readonly number[]): Buffer => {
    const parts = [hello.subarray(5, 200), hello.subarray(200)].map(inRecord);
    return Buffer.concat([parts[0]!, Buffer.from(record), parts[1]!]);
  };
  const closeNotify = [21, 3, 3, 0, 2, 1, 0];
  const cases: readonly (readonly [name: string, alert: number, bytes: Buffer])[] = [
    ['an alert first', 10, Buffer.concat([Buffer.from(closeNotify), hello])],
    ['change_cipher_spec first', 10, Buffer.concat([Buffer.from([20, 3, 3, 0, 1, 1]), hello])],
    ['application data first', 10, changed(0, 23)],
    ['a record of an unknown type first', 10, changed(0, 24)],
    ['a record of SSL 2', 70, changed(1, 2)],
    ['a record of TLS 2', 70, changed(1, 4)],
    [
      'a hello of SSL 2.0',
      70,
      Buffer.from('802e0103010015000000100100800200800300800400800500', 'hex'),
    ],
    ['an empty record first', 10, Buffer.concat([Buffer.from([22, 3, 1, 0, 0]), hello])],
    ['an empty record in between', 10, interrupted(22, 3, 3, 0, 0)],
    [
      'a record too long',
      22,
      Buffer.concat([Buffer.from([22, 3, 1, 0x40, 1]), Buffer.alloc(20_000)]),
    ],
    ['an alert in between', 10, interrupted(...closeNotify)],
    ['change_cipher_spec in between', 10, interrupted(20, 3, 3, 0, 1, 1)],
    ['application data in between', 10, interrupted(23, 3, 3, 0, 2, 7, 7)],
    ['a ServerHello', 10, changed(5, 2)],
    ['Finished', 10, changed(5, 20)],
    [
      'something behind it in its record',
      10,
      inRecord(Buffer.concat([hello.subarray(5), Buffer.from([20, 0, 0, 0])])),
    ],
  ];
  for (const [name, alert, bytes] of cases) {
    t.same(await answerToHello(port, bytes), refused(alert), name);
  }
  t.match(await answerToHello(port, changed(2, 0)), served, 'a minor version means nothing');
  t.match(await answerToHello(port, interrupted()), served, 'control');
});

await t.test('a content that is malformed', async (t) => {
  const { port } = await startInMode(t, 'stateful');
  const hello = await captureNodeHello({ minVersion: 'TLSv1.3', ...short });
  const both = await captureNodeHello({ ...short });
  const old = await captureNodeHello({ maxVersion: 'TLSv1.2' });
  const set = (bytes: Buffer, at: number, byte: number): Buffer => {
    const result = Buffer.from(bytes);
    result[at] = byte;
    return result;
  };
  const without = (type: number): Buffer =>
    editExtensions(hello, (all) => all.filter(([other]) => other !== type));
  const named = (...name: readonly number[]): Buffer =>
    withExtension(hello, 0, Buffer.from([0, name.length + 3, 0, 0, name.length, ...name]));
  const cases: readonly (readonly [name: string, alert: number, bytes: Buffer])[] = [
    ['a session id of 33 bytes', 50, set(hello, 43, 33)],
    ['cipher suites beyond the end', 50, set(hello, 76, 255)],
    ['an odd number of bytes of cipher suites', 50, set(hello, 77, hello[77]! ^ 1)],
    ['nothing but a version', 50, inRecord(Buffer.from([1, 0, 0, 2, 3, 3]))],
    ['no content', 50, inRecord(Buffer.from([1, 0, 0, 0]))],
    ['the version of SSL 2', 70, set(hello, 9, 2)],
    ['the version of SSL 3', 40, set(hello, 10, 0)],
    ['TLS 1.1 alone', 70, set(old, 10, 2)],
    ['versions that nobody knows', 70, withExtension(hello, 43, Buffer.from([2, 3, 9]))],
    ['versions beyond their end', 70, withExtension(hello, 43, Buffer.from([9, 3, 4]))],
    ['no groups', 109, without(10)],
    ['no key shares', 109, without(51)],
    ['no signature algorithms', 109, without(13)],
    ['groups beyond their end', 50, withExtension(hello, 10, Buffer.from([0, 9, 0]))],
    ['key shares beyond their end', 50, withExtension(hello, 51, Buffer.from([0, 9, 0]))],
    ['an extension twice', 47, editExtensions(hello, (all) => [...all, all[0]!])],
    ['a list of names that is broken', 50, withExtension(hello, 0, Buffer.from([0, 9, 0]))],
    ['a name with a NUL', 112, named(0x61, 0, 0x62)],
    [
      'a name of 256 bytes',
      112,
      withExtension(
        hello,
        0,
        Buffer.concat([Buffer.from([1, 3, 0, 1, 0]), Buffer.alloc(256, 'a')]),
      ),
    ],
  ];
  for (const [name, alert, bytes] of cases) {
    t.same(await answerToHello(port, bytes), refused(alert), name);
  }
  t.match(await answerToHello(port, both), served, 'control');
  t.match(await answerToHello(port, named(0x61, 0x20, 0x62)), served, 'no name of a host: as none');
});

/** A handshake record around this fragment. */
function inRecord(fragment: Buffer): Buffer {
  if (fragment.length === 0) return fragment;
  const header = Buffer.from([22, 3, 1, fragment.length >> 8, fragment.length & 0xff]);
  return Buffer.concat([header, fragment]);
}

function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The same hello with so many more cipher suites before its own; to be split into records. */
function withManySuites(records: Buffer, count: number): Buffer {
  const fragments: Buffer[] = [];
  for (let at = 0; at < records.length;) {
    const end = at + 5 + records.readUInt16BE(at + 3);
    fragments.push(records.subarray(at + 5, end));
    at = end;
  }
  const message = Buffer.concat(fragments);
  const start = 39 + message[38]!;
  const suites = Buffer.alloc(2 * count, 0xfa);
  const header = Buffer.alloc(2);
  header.writeUInt16BE(message.readUInt16BE(start) + suites.length);
  const result = Buffer.concat([
    Buffer.alloc(5),
    message.subarray(0, start),
    header,
    suites,
    message.subarray(start + 2),
  ]);
  result.writeUIntBE(result.length - 9, 6, 3);
  return result;
}

/** A proxy that sends the first record of each client in records of so many bytes. */
async function startCuttingProxy(t: Test, port: number, fragmentBytes: number): Promise<number> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connectPlain({ port, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    let isFirst = true;
    client.on('data', (chunk: Buffer) => {
      server.write(isFirst ? splitIntoRecords(chunk, fragmentBytes) : chunk);
      isFirst = false;
    });
    server.pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return (proxy.address() as AddressInfo).port;
}
