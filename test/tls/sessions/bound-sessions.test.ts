// A session belongs to all that it was judged by: offered under anything else it gets a full handshake, no alert.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import {
  type ClientCertificatePolicy,
  makeSelfSignedCertificate,
  RandomTicketKeys,
  SegmentSessionCache,
} from '../../../tls/index.ts';
import { sharedLimits } from '../../../tls/limits.ts';
import { alice, authority, stranger } from '../../fixtures/certificate-setting.ts';
import { rsaCredential } from '../../fixtures/rsa-credential.ts';
import {
  type AcceptorServer,
  type AcceptorServerOptions,
  lifetimeMs,
  startAcceptorServer,
  testCredential,
  tlsVersions,
} from '../../fixtures/tls-acceptor-server.ts';
import { type TlsVersion, visitWithNode } from '../../fixtures/tls-visit.ts';

type Kind = 'stateful' | 'tickets';
type Port = 'tls' | 'starttls';

interface Way {
  readonly kind: Kind;
  readonly version: TlsVersion;
  readonly port: Port;
}

/** What a session is made under, or offered under. */
interface Judgement {
  readonly server?: AcceptorServerOptions;
  readonly client?: ConnectionOptions;
}

interface Change {
  readonly one: Judgement;
  readonly other: Judgement;
  readonly kinds: readonly Kind[];
}

const kinds: readonly Kind[] = ['stateful', 'tickets'];
const ports: readonly Port[] = ['tls', 'starttls'];
const ways: readonly Way[] = kinds.flatMap((kind) =>
  tlsVersions.flatMap((version) => ports.map((port) => ({ kind, version, port }))),
);

/** Reads one line, as a server does before STARTTLS, and agrees. */
async function agreeToStartTls(socket: Socket): Promise<void> {
  await once(socket, 'readable');
  socket.read();
  socket.write('OK\r\n');
}

async function startTls(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write('STARTTLS\r\n');
  await once(socket, 'data');
  return socket;
}

/** Two servers with one cache and the same ticket keys, which differ in what they judge by. */
async function startTwo(t: Test, { kind, port }: Way, { one, other }: Change) {
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  const start = ({ server }: Judgement): Promise<AcceptorServer> =>
    startAcceptorServer({
      resumption:
        kind === 'tickets' ? { kind, ticketKeys } : { kind: 'stateful', cache, ticketKeys },
      ...(port === 'starttls' && { beforeTls: agreeToStartTls }),
      ...server,
    });
  const servers = [await start(one), await start(other)] as const;
  t.teardown(async () => {
    for (const server of servers) await server.stop();
    ticketKeys.close();
    await cache.close();
  });
  return servers;
}

async function visit(
  { port, events }: AcceptorServer,
  way: Way,
  { client }: Judgement,
  session?: Buffer,
) {
  const { version } = way;
  const socket = way.port === 'starttls' ? { socket: await startTls(port) } : {};
  const tls = { servername: 'localhost', ...client };
  const result = await visitWithNode({ port, version, session, tls, ...socket });
  return {
    isResumed: result.isResumed,
    session: unbound(result.sessions.at(-1)),
    hasFailed: events.some(({ kind }) => kind === 'failure'),
    isOffered: events.some(({ kind }) => kind === 'lookup'),
  };
}

/** The session without the server name that Node wraps it in, so that the client offers it under another too. */
function unbound(session: Buffer | undefined): Buffer | undefined {
  const prefix = '\0nodejs:tls:session:1\0';
  if (!session?.subarray(0, prefix.length).equals(Buffer.from(prefix))) return session;
  return session.subarray(prefix.length + 2 + session.readUInt16BE(prefix.length));
}

function asking(servername: string): Judgement {
  return { client: { servername } };
}

function trusting(policy: Partial<ClientCertificatePolicy>): Judgement {
  const clientCertificates = { ca: authority.cert, isRequired: false, ...policy };
  return { server: { clientCertificates }, client: { cert: alice.cert, key: alice.key } };
}

const credential = await testCredential();
const unrevoked = await authority.revoke([]);
const revoked = await authority.revoke([await authority.issue()]);
const legacyCipher = 'AES128-SHA:@SECLEVEL=0';

const changes: Readonly<Record<string, Change>> = {
  'server name': { one: asking('one.test'), other: asking('two.test'), kinds },
  'server name that is none': { one: asking('one.test'), other: asking(''), kinds },
  'server name where there was none': {
    one: asking(''),
    other: asking('one.test'),
    kinds,
  },
  policy: {
    one: {
      server: { policy: 'legacy', credentials: [rsaCredential()] },
      client: { ciphers: `TLS_AES_128_GCM_SHA256:${legacyCipher}` },
    },
    other: {
      server: { policy: 'intermediate', credentials: [rsaCredential()] },
      client: {
        ciphers: `TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256:${legacyCipher}`,
      },
    },
    kinds,
  },
  certificate: {
    one: { server: { credentials: [credential] } },
    other: {
      server: {
        credentials: [
          { name: 'another', ...(await makeSelfSignedCertificate({ hostNames: ['localhost'] })) },
        ],
      },
    },
    kinds,
  },
  authority: {
    one: trusting({}),
    other: trusting({ ca: `${authority.cert}\n${stranger.cert}` }),
    kinds: ['stateful'],
  },
  'revocation list': {
    one: trusting({ crl: unrevoked }),
    other: trusting({ crl: revoked }),
    kinds: ['stateful'],
  },
  'revocation list where there was none': {
    one: trusting({}),
    other: trusting({ crl: unrevoked }),
    kinds: ['stateful'],
  },
  'mode of client certificates': {
    one: trusting({ isRequired: false }),
    other: trusting({ isRequired: true }),
    kinds: ['stateful'],
  },
  'asking for client certificates': { one: {}, other: trusting({}), kinds },
};

for (const [name, change] of Object.entries(changes)) {
  void t.test(`another ${name}`, async (t) => {
    for (const way of ways.filter(({ kind }) => change.kinds.includes(kind))) {
      const { one, other } = change;
      const [first, second] = await startTwo(t, way, change);
      const made = await visit(first, way, one);
      const { session } = made;
      const told = Object.values(way).join(', ');
      // Who comes with a ticket asks for no session.
      const wanted = { isResumed: false, hasFailed: false, isOffered: way.kind === 'stateful' };
      t.match(await visit(second, way, other, session), wanted, told);
      t.equal((await visit(first, way, one, session)).isResumed, true, `${told}, the same`);
    }
  });
}

void t.test('a name is the same in other letters', async (t) => {
  const change: Change = { one: asking('Mail.Example.TEST'), other: {}, kinds };
  for (const way of ways) {
    const [server] = await startTwo(t, way, change);
    const { session } = await visit(server, way, change.one);
    const { isResumed } = await visit(server, way, asking('mail.eXample.test'), session);
    t.equal(isResumed, true, Object.values(way).join(', '));
  }
});

void t.test('a client without a name keeps its own sessions', async (t) => {
  for (const way of ways) {
    const [server] = await startTwo(t, way, { one: {}, other: {}, kinds });
    const { session } = await visit(server, way, asking(''));
    const { isResumed } = await visit(server, way, asking(''), session);
    t.equal(isResumed, true, Object.values(way).join(', '));
  }
});

void t.test('the largest sessions without a certificate are found by all workers', async (t) => {
  class MeasuringCache extends SegmentSessionCache {
    readonly sizes: number[] = [];

    override put(
      ...given: Parameters<SegmentSessionCache['put']>
    ): ReturnType<SegmentSessionCache['put']> {
      this.sizes.push(given[1].length);
      return super.put(...given);
    }
  }
  const cache = new MeasuringCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const server = await startAcceptorServer({ cache });
  t.teardown(async () => {
    await server.stop();
    await cache.close();
  });
  const longest = asking(`${'a'.repeat(31)}.${'b'.repeat(32)}`);
  const ciphers = 'TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384';
  const client = { ...longest.client, ciphers };
  for (const version of tlsVersions) {
    const way: Way = { kind: 'stateful', version, port: 'tls' };
    const { session } = await visit(server, way, { client });
    const { isResumed } = await visit(server, way, { client }, session);
    t.equal(isResumed, true, version);
  }
  // One of TLS 1.2; two of TLS 1.3, and the one that knows its predecessor.
  t.equal(cache.sizes.length, 4);
  // What ALPN adds, a lifetime of seven days, and time after 2038.
  const mayCome = 8 + 1 + 1;
  t.ok(
    Math.max(...cache.sizes) + mayCome <= sharedLimits.recentSessionBytes,
    `sizes ${cache.sizes.join(', ')}`,
  );
});
