// Whose ticket is sealed and opened: the hook is not told it.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import {
  hasTicketHook,
  makeSelfSignedCertificate,
  RandomTicketKeys,
  ReplicatedTicketKeys,
  SegmentSessionCache,
  type TlsAcceptorOptions,
} from '../../../tls/index.ts';
import { makeTicketKey } from '../../../tls/tickets/ticket-keys.ts';
import { breakResumption } from '../../fixtures/broken-resumption.ts';
import {
  type AcceptorServer,
  lifetimeMs,
  startInMode,
  tlsVersions,
} from '../../fixtures/tls-acceptor-server.ts';
import { type Visit, visitWithNode } from '../../fixtures/tls-visit.ts';

t.setTimeout(120_000);
const certificate = makeSelfSignedCertificate({ hostNames: ['a.test', 'b.test', '*.wild.test'] });
const retry: ConnectionOptions = { ecdhCurve: 'X448:P-256' };

async function start(t: Test, options: Partial<TlsAcceptorOptions> = {}): Promise<AcceptorServer> {
  const credentials = [{ name: 'test', ...(await certificate) }];
  return startInMode(t, 'tickets', { credentials, ...options });
}

/** A session as OpenSSL writes it, which Node's client offers under any name. */
const withoutName = (session: Buffer | undefined): Buffer | undefined => {
  const prefix = '\0nodejs:tls:session:1\0';
  if (session?.subarray(0, prefix.length).toString('latin1') !== prefix) return session;
  return session.subarray(prefix.length + 2 + session.readUInt16BE(prefix.length));
};

async function visit(
  { port }: { readonly port: number },
  version: (typeof tlsVersions)[number],
  servername: string | undefined,
  session?: Buffer,
  tls: ConnectionOptions = {},
): Promise<Visit> {
  return visitWithNode({
    port,
    version,
    session: withoutName(session),
    tls: { ...tls, ...(servername !== undefined && { servername }) },
  });
}

void t.test('this Node has the hook', async (t) => t.equal(hasTicketHook(), true));

const clients: readonly (readonly [string, (typeof tlsVersions)[number], ConnectionOptions])[] = [
  ['TLS 1.2', 'TLSv1.2', {}],
  ['TLS 1.3', 'TLSv1.3', {}],
  ['TLS 1.3 with a HelloRetryRequest', 'TLSv1.3', retry],
];

for (const ticketKeyMode of ['native', 'per_key'] as const) {
  for (const [name, version, tls] of clients) {
    void t.test(
      `no ticket is opened under another server name, ${name}, ${ticketKeyMode}`,
      async (t) => {
        const server = await start(t, { ticketKeyMode });
        const names = [
          undefined,
          'a.test',
          'b.test',
          ...(ticketKeyMode === 'native' ? ['any.wild.test', 'invented.test'] : []),
        ];
        for (const first of names) {
          const { sessions } = await visit(server, version, first, undefined, tls);
          const session = sessions.at(-1);
          for (const second of names) {
            const { isResumed, sessions } = await visit(server, version, second, session, tls);
            t.equal(isResumed, first === second, `${first} under ${second}`);
            const next = await visit(server, version, second, sessions.at(-1), tls);
            t.equal(next.isResumed, true, 'then it has a ticket for that name');
          }
        }
        t.same(
          server.events.filter(({ kind }) => kind === 'failure'),
          [],
          'nor does that fail',
        );
      },
    );
  }

  void t.test(`names are compared without regard to case, ${ticketKeyMode}`, async (t) => {
    const server = await start(t, { ticketKeyMode });
    for (const version of tlsVersions) {
      const { sessions } = await visit(server, version, 'A.test');
      t.equal((await visit(server, version, 'a.TEST', sessions.at(-1))).isResumed, true, version);
    }
  });
}

void t.test('nothing is kept for a name that is no credential’s without the hook', async (t) => {
  const server = await start(t, { ticketKeyMode: 'per_key' });
  for (const servername of ['any.wild.test', 'invented.test']) {
    const { sessions } = await visit(server, 'TLSv1.3', servername);
    t.equal((await visit(server, 'TLSv1.3', servername, sessions.at(-1))).isResumed, false);
  }
});

for (const kind of ['tickets', 'stateful'] as const) {
  void t.test(`clients that come at once get tickets for their own names, ${kind}`, async (t) => {
    const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
    const ticketKeys = new RandomTicketKeys({ lifetimeMs });
    const server = await start(t, { resumption: { kind, cache, ticketKeys } });
    const all = kind === 'tickets' ? clients : clients.slice(2);
    const count = 30;
    for (const [label, version, tls] of all) {
      const nameOf = (i: number) => (i % 3 === 0 ? undefined : `n${i % 7}.test`);
      const first = await Promise.all(
        Array.from({ length: count }, (_, i) => visit(server, version, nameOf(i), undefined, tls)),
      );
      const sessionOf = (i: number) => first[i % count]!.sessions.at(-1);
      const own = await Promise.all(
        first.map((_, i) => visit(server, version, nameOf(i), sessionOf(i), tls)),
      );
      t.equal(own.filter(({ isResumed }) => isResumed).length, count, label);
      const others = await Promise.all(
        first.map((_, i) => visit(server, version, nameOf(i), sessionOf(i + 1), tls)),
      );
      const wanted = first.filter((_, i) => nameOf(i) === nameOf((i + 1) % count)).length;
      t.equal(others.filter(({ isResumed }) => isResumed).length, wanted, `${label}, others`);
    }
    ticketKeys.close();
    await cache.close();
  });
}

void t.test('clients whose handshakes end in one turn of the event loop', async (t) => {
  const server = await start(t);
  const count = 12;
  const held: (() => void)[] = [];
  const proxy = await startProxy(t, server.port, (chunk, { index, write }) => {
    // What follows the hello: it ends the handshake.
    if (index !== 1) return write(chunk);
    held.push(() => write(chunk));
    if (held.length === count) for (const release of held.splice(0)) release();
  });
  for (const version of tlsVersions) {
    const nameOf = (i: number) => (i % 4 === 3 ? undefined : `n${i % 5}.test`);
    const comeThroughProxy = (sessions: readonly Visit[]) =>
      Promise.all(
        Array.from({ length: count }, (_, i) =>
          visit(proxy, version, nameOf(i), sessions[i]?.sessions.at(-1)),
        ),
      );
    let visits = await comeThroughProxy([]);
    for (let round = 0; round < 3; round++) {
      visits = await comeThroughProxy(visits);
      t.same(
        visits.filter(({ isResumed }) => !isResumed),
        [],
        `${version}, under their own names`,
      );
    }
  }
});

void t.test('clients whose handshakes come byte by byte', async (t) => {
  const server = await start(t);
  const proxy = await startProxy(t, server.port, async (chunk, { write }) => {
    for (const byte of chunk) {
      write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  });
  for (const version of tlsVersions) {
    const names = ['a.test', 'b.test', undefined, 'c.test', 'd.test', 'e.test'];
    const visits = await Promise.all(names.map((name) => visit(proxy, version, name)));
    for (const [i, { sessions }] of visits.entries()) {
      const session = sessions.at(-1);
      t.equal((await visit(server, version, names[i], session)).isResumed, true, version);
      t.equal((await visit(server, version, 'z.test', session)).isResumed, false);
    }
  }
});

type HandOn = (
  chunk: Buffer,
  to: { readonly index: number; readonly write: (bytes: Buffer) => void },
) => void | Promise<void>;

/** Hands on what clients send as it is told to, each piece after the one before. */
async function startProxy(t: Test, serverPort: number, handOn: HandOn): Promise<{ port: number }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, server]) sockets.add(socket.on('error', () => {}));
    server.pipe(client);
    const serve = async (): Promise<void> => {
      let index = 0;
      for await (const chunk of client as AsyncIterable<Buffer>) {
        await handOn(chunk, { index: index++, write: (bytes) => void server.write(bytes) });
      }
      server.end();
    };
    serve().catch(() => server.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return proxy.address() as { port: number };
}

void t.test('a chain of resumptions ends 24 hours after its full handshake', async (t) => {
  const hour = 3_600_000;
  for (const version of tlsVersions) {
    let now = Date.now();
    const key = makeTicketKey(new Uint8Array(48).fill(1), { createdAt: 0, expiresAt: Infinity });
    const ticketKeys = new ReplicatedTicketKeys([key]);
    const resumption = { kind: 'tickets', ticketKeys } as const;
    const server = await start(t, { resumption, wallClock: () => now });
    let { sessions } = await visit(server, version, 'a.test');
    const outcomes: boolean[] = [];
    for (let passed = 0; passed < 26; passed++) {
      const { isResumed, ...given } = await visit(server, version, 'a.test', sessions.at(-1));
      sessions = given.sessions;
      outcomes.push(isResumed);
      now += hour;
    }
    const wanted = Array.from({ length: 26 }, (_, hours) => hours !== 24);
    t.same(outcomes, wanted, `${version}, then another begins`);
  }
});

void t.test('without the hook no ticket is sealed as if it was there', async (t) => {
  t.teardown(breakResumption(['ticket-hook-missing']));
  t.equal(hasTicketHook(), false);
  const server = await start(t);
  const { sessions } = await visit(server, 'TLSv1.3', 'a.test');
  t.equal((await visit(server, 'TLSv1.3', 'a.test', sessions.at(-1))).isResumed, true);
  const misled = await start(t, { ticketKeyMode: 'native' });
  await t.rejects(visit(misled, 'TLSv1.3', 'a.test'), 'nor with a key that OpenSSL makes');
  t.match(misled.events.at(-1), { error: { message: /this Node has no hook/ } });
});
