// Clients that offer sessions in ways that they should not, or that we do not take: sessions that do not prove themselves,
// that are not known, several of them, early data. Each gets its right answer, with sessions in the cache and in tickets.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  captureNodeHello,
  editExtensions,
  withExtension,
  withLength,
} from '../fixtures/captured-hello.ts';
import { skipWithout } from '../fixtures/clients.ts';
import { converse, isOpensslReused } from '../fixtures/converse.ts';
import {
  allowEarlyData,
  answerToHello,
  answerToSecondHello,
  offerSessions,
  type PskSession,
  readPskSession,
} from '../fixtures/raw-tls.ts';
import { startInMode } from '../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';

const tls13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;
const modes = ['stateful', 'tickets'] as const;
/** A hello that comes back with a session, and the session. */
async function comeBack(
  port: number,
): Promise<{ hello: Buffer; session: Buffer; psk: PskSession }> {
  const { sessions } = await visitWithNode({ port, version: 'TLSv1.3' });
  const session = sessions.at(-1)!;
  return {
    hello: await captureNodeHello({ ...tls13, session }),
    session,
    psk: readPskSession(session),
  };
}

const taken = (identity: number | undefined) => ({ kind: 'serverHello', identity, isRetry: false });
const refused = (number: number) => ({ kind: 'alert', level: 2, number });
/** Of another key than the one that it was sealed or kept with. */
const forged = (psk: PskSession): PskSession => ({ ...psk, key: Buffer.alloc(psk.key.length, 7) });
const unknown = (psk: PskSession): PskSession => ({
  ...psk,
  identity: Buffer.alloc(psk.identity.length, 7),
});

/** Asked for by these names, with a key share that makes the server ask for a second hello. */
async function offerAfterRetry(t: Test, mode: 'stateful' | 'tickets') {
  const { port } = await startInMode(t, mode);
  const sessionFor = async (servername: string): Promise<PskSession> => {
    const tls = { servername, ecdhCurve: 'X448:P-256' };
    const { sessions } = await visitWithNode({ port, version: 'TLSv1.3', tls });
    return readPskSession(sessions.at(-1)!);
  };
  const helloOf = (ecdhCurve: string): Promise<Buffer> =>
    captureNodeHello({ ...tls13, servername: 'a.test', ecdhCurve });
  const first = await helloOf('X448:P-256');
  let shares: Uint8Array = Buffer.alloc(0);
  editExtensions(await helloOf('P-256'), (all) => {
    shares = all.find(([type]) => type === 51)![1];
    return all;
  });
  const second = withExtension(first, 51, shares);
  return {
    own: await sessionFor('a.test'),
    other: await sessionFor('b.test'),
    /** What the server answers if the two hellos, both for a.test, offer these. */
    offer(inFirst: readonly PskSession[], inSecond: readonly PskSession[]) {
      const hello = inFirst.length === 0 ? first : offerSessions(first, inFirst);
      return answerToSecondHello(port, hello, (retry) =>
        offerSessions(second, inSecond, { hello, retry }),
      );
    },
  };
}

for (const mode of modes) {
  await t.test(`sessions in a second hello, ${mode}`, async (t) => {
    const { own, other, offer } = await offerAfterRetry(t, mode);
    t.match(await offer([own], [own]), taken(0), 'control: the same as in the first');
    t.match(await offer([own], [other]), taken(undefined), 'one of another server name');
    t.match(await offer([own], [other, own]), taken(1), 'behind which its own is taken');
    t.match(await offer([], [own]), taken(undefined), 'one that the first did not offer');
    t.match(await offer([other], [own]), taken(undefined), 'nor did this');
  });

  await t.test(`versions that we do not know, ${mode}`, async (t) => {
    const { port } = await startInMode(t, mode);
    const tls = { servername: 'b.test' };
    const { sessions } = await visitWithNode({ port, version: 'TLSv1.3', tls });
    const other = readPskSession(sessions.at(-1)!);
    const mine = await visitWithNode({
      port,
      version: 'TLSv1.2',
      tls: { servername: 'a.test' },
    });
    const { identity: ticket } = readPskSession(mine.sessions.at(-1)!);
    const hello = await captureNodeHello({ ...tls13, servername: 'a.test' });
    const versions = [...Array<number>(100).fill(0x7a7a), 0x0304];
    const list = Buffer.concat(
      versions.map((version) => Buffer.from([version >> 8, version & 255])),
    );
    const many = withExtension(hello, 43, withLength(list, 1));
    // So that it looks like TLS 1.2 to whoever does not read all versions.
    const both = offerSessions(withExtension(many, 35, ticket), [other]);
    t.match(await answerToHello(port, both), taken(undefined), 'no session of another name');
    const { sessions: own } = await visitWithNode({
      port,
      version: 'TLSv1.3',
      tls: { servername: 'a.test' },
    });
    const offering = offerSessions(many, [readPskSession(own.at(-1)!)]);
    t.match(await answerToHello(port, offering), taken(0), 'its own');
  });

  await t.test(`identities and binders, ${mode}`, async (t) => {
    const { port } = await startInMode(t, mode);
    const { hello, psk } = await comeBack(port);
    const fresh = await captureNodeHello(tls13);
    const offer = (...sessions: PskSession[]) =>
      answerToHello(port, offerSessions(fresh, sessions));
    t.match(await answerToHello(port, hello), taken(0), 'control');
    t.match(await offer(psk), taken(0), 'control, with a binder of our own');
    for (const at of [1, 10, 30]) {
      const changed = Buffer.from(hello);
      changed[changed.length - at]! ^= 1;
      t.same(await answerToHello(port, changed), refused(51), 'decrypt_error for a wrong binder');
    }
    t.same(await offer(forged(psk)), refused(51), 'and for the binder of another key');

    t.match(await offer(unknown(psk)), taken(undefined), 'unknown: a full handshake');
    const damaged = Buffer.from(psk.identity);
    damaged[damaged.length - 1]! ^= 1;
    t.match(await offer({ ...psk, identity: damaged }), taken(undefined), 'damaged: the same');
    for (const length of [1, 31, 33, 5_000, 60_000]) {
      const long = { ...psk, identity: Buffer.alloc(length, 7) };
      t.match(await offer(long), taken(undefined), `of ${length} bytes`);
    }

    t.match(await offer(psk, unknown(psk)), taken(0), 'the first of several');
    t.match(await offer(psk, forged(unknown(psk))), taken(0), 'whatever the others are');
    // Of the cache only the first is looked up: OpenSSL takes one session, and checks it by the first binder.
    const second = mode === 'tickets' ? 1 : undefined;
    t.match(await offer(unknown(psk), psk), taken(second), 'the second');
    const many = Array<PskSession>(30).fill(unknown(psk));
    t.equal((await offer(...many, psk)).kind, 'serverHello', 'behind many that are unknown');
  });

  await t.test(`a hello whose PSK is out of order, ${mode}`, async (t) => {
    const { port } = await startInMode(t, mode);
    const { hello } = await comeBack(port);
    const isPsk = ([type]: readonly [number, Uint8Array]): boolean => type === 41;
    const cases: [string, number, Buffer][] = [
      [
        'not last: illegal_parameter',
        47,
        editExtensions(hello, (all) => [...all.filter(isPsk), ...all.filter((one) => !isPsk(one))]),
      ],
      ['twice', 47, editExtensions(hello, (all) => [...all, ...all.filter(isPsk)])],
      [
        'without binders: decode_error',
        50,
        editExtensions(hello, (all) =>
          all.map(([type, content]) => [
            type,
            type === 41 ? content.subarray(0, 2 + content[0]! * 256 + content[1]!) : content,
          ]),
        ),
      ],
      [
        'without its modes: missing_extension',
        109,
        editExtensions(hello, (all) => all.filter(([type]) => type !== 45)),
      ],
    ];
    for (const [name, alert, bytes] of cases) {
      t.same(await answerToHello(port, bytes), refused(alert), name);
    }
  });

  await t.test(`a session of TLS 1.3 in a hello of TLS 1.2, ${mode}`, async (t) => {
    const { port } = await startInMode(t, mode);
    const { psk } = await comeBack(port);
    const tls12 = await captureNodeHello({ maxVersion: 'TLSv1.2' });
    const asTicket = withExtension(tls12, 35, psk.identity);
    t.match(await answerToHello(port, asTicket), taken(undefined), 'as a ticket');
    const asId = Buffer.concat([
      tls12.subarray(0, 43),
      Buffer.from([32]),
      Buffer.alloc(32),
      tls12.subarray(44),
    ]);
    asId.set(psk.identity.subarray(0, 32), 44);
    asId.writeUInt16BE(asId.length - 5, 3);
    asId.writeUIntBE(asId.length - 9, 6, 3);
    const answer = await answerToHello(port, asId);
    t.equal(answer.kind, 'serverHello', 'as an id');
    if (answer.kind !== 'serverHello') return;
    t.notOk(answer.sessionId.equals(psk.identity.subarray(0, 32)), 'which is not taken up');
  });

  await t.test(`early data, ${mode}`, { skip: skipWithout('openssl') }, async (t) => {
    const { port, events } = await startInMode(t, mode);
    const directory = t.testdir({});
    const sessionFile = join(directory, 'session.pem');
    const earlyFile = join(directory, 'early');
    for (const [name, bytes, groups] of [
      ['a few early bytes', 20, 'X25519'],
      ['as many as a record takes', 14_000, 'X25519'],
      ['with a second hello', 20, 'X448:P-256'],
    ] as const) {
      writeFileSync(earlyFile, 'e NOOP\r\n'.repeat(Math.ceil(bytes / 8)));
      for (const isKnown of [true, false]) {
        await visitWithEarlyData({ port, sessionFile, groups });
        const session = readFileSync(sessionFile);
        writeFileSync(sessionFile, changeSession(session, isKnown));
        events.length = 0;
        const output = await visitWithEarlyData({ port, sessionFile, groups, earlyFile });
        const what = `${name}, ${isKnown ? 'of a known' : 'of an unknown'} session`;
        t.match(output, /Early data was rejected/, what);
        // A second hello is one of those for which sessions come as tickets.
        t.equal(isOpensslReused(output), isKnown, 'the handshake is what it would have been');
        t.notMatch(output, /e NOOP/, 'no early byte is taken for data');
        t.match(
          events.filter(({ kind }) => kind !== 'lookup'),
          [{ kind: 'handshake', outcome: isKnown ? 'resumed' : 'full' }],
        );
      }
    }
  });
}

/** One visit with `openssl s_client`, until it has read the greeting and a line that comes back. */
function visitWithEarlyData(options: {
  readonly port: number;
  readonly sessionFile: string;
  readonly groups: string;
  /** Absent: it has no session yet. */
  readonly earlyFile?: string;
}): Promise<string> {
  const { port, sessionFile, groups, earlyFile } = options;
  const sessionOptions =
    earlyFile === undefined
      ? ['-sess_out', sessionFile]
      : ['-sess_in', sessionFile, '-early_data', earlyFile];
  return converse(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3', '-groups', groups, ...sessionOptions],
    {
      input: 'still there\n',
      isDone: (told) => told.includes('hello') && told.includes('still there'),
      leave: (client) => client.stdin?.end('Q\n'),
    },
  );
}

/** A session in PEM that the client believes to allow early data; unknown to the server unless it is known. */
function changeSession(pem: Buffer, isKnown: boolean): string {
  const der = Buffer.from(pem.toString().replaceAll(/-----.*-----|\s/g, ''), 'base64');
  const session = allowEarlyData(der, 16_000);
  if (!isKnown) {
    const { identity } = readPskSession(session);
    const place = session.indexOf(identity);
    session.fill(7, place, place + identity.length);
  }
  const lines = session.toString('base64').replaceAll(/(.{64})(?!$)/g, '$1\n');
  const name = 'SSL SESSION PARAMETERS';
  return `-----BEGIN ${name}-----\n${lines}\n-----END ${name}-----\n`;
}
