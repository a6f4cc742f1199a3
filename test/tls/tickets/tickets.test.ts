// Clients that keep their session themselves, as a ticket, and clients that get none.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import {
  ReplicatedTicketKeys,
  SegmentSessionCache,
  type TicketKeyMode,
  type TlsAcceptorOptions,
  type TlsEvent,
} from '../../../tls/index.ts';
import { makeTicketKey } from '../../../tls/tickets/ticket-keys.ts';
import { clientPath, skipWithout } from '../../fixtures/clients.ts';
import {
  type AcceptorServer,
  lifetimeMs,
  startInMode,
  testCredential,
  tlsVersions,
} from '../../fixtures/tls-acceptor-server.ts';
import { type TlsVersion, visitWithNode, visitWithOpenssl } from '../../fixtures/tls-visit.ts';

const reconnectionCount = 20;

type Start = (t: Test, options?: Partial<TlsAcceptorOptions>) => Promise<AcceptorServer>;

const start: Start = (t, options) => startInMode(t, 'tickets', options);

/** Runs a test with each way of bringing ticket keys to OpenSSL. */
function inEachMode(
  name: string,
  run: (t: Test, start: Start, mode: TicketKeyMode) => Promise<void>,
): void {
  for (const ticketKeyMode of ['native', 'per_key'] as const) {
    void t.test(`${name}, ${ticketKeyMode}`, { timeout: 60_000 }, (t) =>
      run(t, (t, options) => start(t, { ticketKeyMode, ...options }), ticketKeyMode),
    );
  }
}

/** How many of the reconnections with the session of the first visit are resumed. */
async function countReusing(
  port: number,
  version: TlsVersion,
  tls: ConnectionOptions = {},
): Promise<number> {
  const { sessions } = await visitWithNode({ port, version, tls });
  let resumedCount = 0;
  for (let round = 0; round < reconnectionCount; round++) {
    const visit = await visitWithNode({ port, version, tls, session: sessions.at(-1) });
    if (visit.isResumed) resumedCount++;
  }
  return resumedCount;
}

/** How many are resumed of a client that uses each session once. */
async function countUsingUp(
  port: number,
  version: TlsVersion,
  tls: ConnectionOptions = {},
): Promise<number> {
  const sessions = [...(await visitWithNode({ port, version, tls })).sessions];
  let resumedCount = 0;
  for (let round = 0; round < reconnectionCount; round++) {
    const session = sessions.shift();
    const visit = await visitWithNode({ port, version, tls, session });
    if (visit.isResumed) resumedCount++;
    if (visit.sessions[0] !== session) sessions.push(...visit.sessions);
  }
  return resumedCount;
}

const keyOf = (byte: number) =>
  makeTicketKey(new Uint8Array(48).fill(byte), { createdAt: 0, expiresAt: Infinity });

/** The session id in a session that `openssl s_client` has written. */
async function sessionIdIn(file: string): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)(clientPath('openssl'), [
    'sess_id',
    '-in',
    file,
    '-noout',
    '-text',
  ]);
  return /Session-ID: (\w*)/.exec(stdout)?.[1];
}

const handshakes = (events: readonly TlsEvent[]) =>
  events.flatMap((event) => (event.kind === 'handshake' ? [event] : []));

inEachMode('clients that reuse their ticket always resume', async (t, start) => {
  for (const version of tlsVersions) {
    const server = await start(t);
    t.equal(await countReusing(server.port, version), reconnectionCount, version);
    t.match(handshakes(server.events).slice(0, 2), [
      { outcome: 'full', mode: 'ticket', protocol: version },
      { outcome: 'resumed', mode: 'ticket', protocol: version },
    ]);
    const off = await start(t, { resumption: { kind: 'off' } });
    t.equal(await countReusing(off.port, version), 0, `${version}, off`);
    t.match(handshakes(off.events)[1], { outcome: 'full', mode: 'none', protocol: version });
  }
});

inEachMode('clients that use each ticket once', async (t, start, mode) => {
  const server = await start(t);
  const wanted = mode === 'native' ? reconnectionCount : 14;
  t.equal(await countUsingUp(server.port, 'TLSv1.3'), wanted, 'all, or two of three');
  const off = await start(t, { resumption: { kind: 'off' } });
  t.equal(await countUsingUp(off.port, 'TLSv1.3'), 0);
});

inEachMode('what a resumed connection gets', async (t, start, mode) => {
  for (const version of tlsVersions) {
    const server = await start(t);
    const { sessions } = await visitWithNode({ port: server.port, version });
    t.equal(sessions.length, version === 'TLSv1.3' ? 2 : 1);
    const session = sessions.at(-1);
    const visit = await visitWithNode({ port: server.port, version, session });
    t.equal(visit.isResumed, true);
    t.equal(visit.sessions.length, 1, 'the one that it came with counts in TLS 1.2');
    const isRenewed = visit.sessions[0]?.equals(session!) === false;
    t.equal(isRenewed, mode === 'native' && version === 'TLSv1.3', version);
  }
});

inEachMode('a ticket ends with its lifetime', async (t, start) => {
  for (const version of tlsVersions) {
    const server = await start(t, { lifetimeMs: 3_000 });
    const { sessions } = await visitWithNode({ port: server.port, version });
    let visit = await visitWithNode({ port: server.port, version, session: sessions.at(-1) });
    t.equal(visit.isResumed, true, version);
    // TLS has no clock that could be moved: it counts whole seconds of the system's.
    while (visit.isResumed) {
      await wait(200);
      visit = await visitWithNode({ port: server.port, version, session: sessions.at(-1) });
    }
    t.equal(visit.isResumed, false, 'in the end');
  }
});

inEachMode('a key that has been followed by another opens its tickets', async (t, start) => {
  for (const version of tlsVersions) {
    const keys = new ReplicatedTicketKeys([keyOf(1)]);
    const server = await start(t, { resumption: { kind: 'tickets', ticketKeys: keys } });
    const visit = (session?: Buffer) => visitWithNode({ port: server.port, version, session });
    const old = (await visit()).sessions.at(-1);
    keys.replace([keyOf(2), keyOf(1)]);
    t.equal((await visit(old)).isResumed, true, `${version}, the key before`);
    const fresh = (await visit()).sessions.at(-1);
    t.equal((await visit(fresh)).isResumed, true);
    keys.replace([keyOf(3), keyOf(2)]);
    t.equal((await visit(old)).isResumed, false, 'a key that is gone');
    t.equal((await visit(fresh)).isResumed, true);
  }
});

inEachMode('the newest key seals', async (t, start) => {
  for (const version of tlsVersions) {
    const keys = new ReplicatedTicketKeys([keyOf(2), keyOf(1)]);
    const server = await start(t, { resumption: { kind: 'tickets', ticketKeys: keys } });
    const visit = (session?: Buffer) => visitWithNode({ port: server.port, version, session });
    const session = (await visit()).sessions.at(-1);
    keys.replace([keyOf(2)]);
    t.equal((await visit(session)).isResumed, true, version);
  }
});

inEachMode('servers with the same keys resume each other', async (t, start) => {
  const ticketKeys = new ReplicatedTicketKeys([keyOf(1)]);
  const [one, two] = [
    await start(t, { resumption: { kind: 'tickets', ticketKeys } }),
    await start(t, { resumption: { kind: 'tickets', ticketKeys } }),
  ];
  const other = await start(t);
  for (const version of tlsVersions) {
    const { sessions } = await visitWithNode({ port: one.port, version });
    const session = sessions.at(-1);
    t.equal((await visitWithNode({ port: two.port, version, session })).isResumed, true, version);
    t.equal((await visitWithNode({ port: other.port, version, session })).isResumed, false);
  }
});

inEachMode('a ticket of another credential gets a full handshake', async (t, start) => {
  const ticketKeys = new ReplicatedTicketKeys([keyOf(1)]);
  const resumption = { kind: 'tickets', ticketKeys } as const;
  const server = await start(t, { resumption });
  const other = await start(t, {
    resumption,
    credentials: [{ ...(await testCredential()), name: 'other' }],
  });
  for (const version of tlsVersions) {
    const { sessions } = await visitWithNode({ port: server.port, version });
    const visit = await visitWithNode({ port: other.port, version, session: sessions.at(-1) });
    t.equal(visit.isResumed, false, version);
  }
});

inEachMode('a cache keeps nothing for clients that take tickets', async (t, start) => {
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const ticketKeys = new ReplicatedTicketKeys([keyOf(1)]);
  const resumption = { kind: 'stateful', cache, ticketKeys } as const;
  const tickets = await start(t, { resumption: { kind: 'tickets', ticketKeys } });
  const server = await start(t, { resumption });
  const ticket = (await visitWithNode({ port: tickets.port, version: 'TLSv1.3' })).sessions.at(-1);
  const visit = await visitWithNode({ port: server.port, version: 'TLSv1.3', session: ticket });
  t.equal(visit.isResumed, true, 'a stateful server opens the tickets of its keys');
  t.equal(cache.stats().entryCount, 0);
  await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  t.equal(cache.stats().entryCount, 2);
  await cache.close();
});

/** A server of each kind. */
async function startHybrid(t: Test, start: Start) {
  const ticketKeys = new ReplicatedTicketKeys([keyOf(1)]);
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  t.teardown(() => cache.close());
  const stateful = await start(t, { resumption: { kind: 'stateful', cache, ticketKeys } });
  const tickets = await start(t, { resumption: { kind: 'tickets', ticketKeys } });
  const off = await start(t, { resumption: { kind: 'off' } });
  return { cache, stateful, tickets, off };
}

inEachMode('TLS 1.3 in need of a HelloRetryRequest', async (t, start, mode) => {
  const { cache, ...servers } = await startHybrid(t, start);
  const client = { ecdhCurve: 'X448:P-256' };
  const count = ({ port }: AcceptorServer) => countReusing(port, 'TLSv1.3', client);
  t.equal(await count(servers.stateful), reconnectionCount, 'stateful');
  t.equal(cache.stats().entryCount, 0);
  t.equal(await count(servers.tickets), reconnectionCount, 'tickets');
  t.equal(await count(servers.off), 0, 'off');
  const wanted = mode === 'native' ? reconnectionCount : 14;
  t.equal(await countUsingUp(servers.stateful.port, 'TLSv1.3', client), wanted, 'each only once');
});

for (const ticketKeyMode of ['native', 'per_key'] as const) {
  const options = { skip: skipWithout('openssl'), timeout: 60_000 };
  void t.test(`TLS 1.3 without a legacy session id, ${ticketKeyMode}`, options, async (t) => {
    const startInMode: Start = (t, options) => start(t, { ticketKeyMode, ...options });
    const { cache, ...servers } = await startHybrid(t, startInMode);
    const directory = t.testdir({});
    // Each visit takes a process. Where it gets no new session the client keeps the one it has.
    const count = async ({ port }: AcceptorServer, rounds: number): Promise<number> => {
      const sessionFile = join(directory, `session-${port}`);
      const arguments_ = ['-no_middlebox'];
      const visit = { port, version: 'TLSv1.3', sessionFile, arguments: arguments_ } as const;
      if (await visitWithOpenssl({ ...visit, isReturning: false })) throw new Error('Resumed');
      let resumedCount = 0;
      for (let round = 0; round < rounds; round++) {
        if (await visitWithOpenssl({ ...visit, isReturning: true })) resumedCount++;
      }
      return resumedCount;
    };
    t.equal(await count(servers.stateful, 10), 10, 'stateful');
    t.equal(cache.stats().entryCount, 0);
    t.equal(await count(servers.tickets, 3), 3, 'tickets');
    t.equal(await count(servers.off, 3), 0, 'off');
  });
}

inEachMode('TLS 1.2 without extended master secret never resumes', async (t, start) => {
  const { cache, ...servers } = await startHybrid(t, start);
  // SSL_OP_NO_EXTENDED_MASTER_SECRET
  const client = { secureOptions: 1 };
  for (const [kind, server] of Object.entries(servers)) {
    t.equal(await countReusing(server.port, 'TLSv1.2', client), 0, kind);
    const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.2' });
    const returning = { port: server.port, version: 'TLSv1.2', session: sessions.at(-1) } as const;
    const visit = await visitWithNode({ ...returning, tls: client });
    t.equal(visit.isResumed, false, 'nor with a session that had it, and no alert');
  }
  t.equal(cache.stats().entryCount, 1, 'nor is a session kept that cannot be resumed');
});

void t.test('off gives TLS 1.2 a session id', { skip: skipWithout('openssl') }, async (t) => {
  const sessionFile = join(t.testdir({}), 'session');
  const { port } = await start(t, { resumption: { kind: 'off' } });
  const visit = { port, version: 'TLSv1.2', sessionFile } as const;
  t.equal(await visitWithOpenssl({ ...visit, isReturning: false }), false);
  t.match(await sessionIdIn(sessionFile), /^[0-9A-F]{64}$/);
  t.equal(await visitWithOpenssl({ ...visit, isReturning: true }), false);
});
